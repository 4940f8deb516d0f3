#pragma once

// The one place that picks the libfuse interface: 3.14, what Debian 12 ships.
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
