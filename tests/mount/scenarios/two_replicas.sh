#!/bin/sh
# The example that the README names: two replicas, changed apart, meet and are equal.
set -eu
. "$(dirname "$0")/common.sh"

"$COPSE_SOURCE_DIR/examples/two_replicas.sh"
