# Shared by ./dev's verbs. Sourced with the top folder as working directory.

jobs=${COPSE_JOBS:-$(nproc)}

packages_build="g++ cmake ninja-build pkg-config git ca-certificates libfuse3-dev fuse3 libabsl-dev nlohmann-json3-dev
  libcli11-dev libssl-dev libsodium-dev libzstd-dev libboost-dev"
packages_test="libgtest-dev libgmock-dev librapidcheck-dev libboost-serialization-dev libmimalloc-dev rsync
  sqlite3 e2fsprogs attr patch groff-base zsh"
packages_lint="clang clang-format clang-tidy"

fail() {
  printf '%s\n' "./dev: $*" >&2
  exit 1
}

# need_packages NAMES: installs those of the Debian packages that are missing.
need_packages() {
  missing=
  for package in $1; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  elevate=
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "these packages are missing; install them as root:$missing"
    elevate=sudo
  fi
  echo "installing:$missing"
  log=$(mktemp)
  # shellcheck disable=SC2086 # the lists are words
  if ! { $elevate apt-get update -q && DEBIAN_FRONTEND=noninteractive $elevate apt-get install -qy \
      --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install:$missing"
  fi
  rm -f "$log"
}

# build_preset PRESET [TARGETS]: configures (tests only where asked for by build_tests=ON) and builds.
build_preset() {
  preset=$1
  shift
  cmake --preset "$preset" -DCOPSE_TESTS="${build_tests:-OFF}" ${configure_options:-} >build-configure.log 2>&1 || {
    cat build-configure.log >&2
    rm -f build-configure.log
    fail "cmake could not configure the build"
  }
  rm -f build-configure.log
  cmake --build --preset "$preset" --parallel "$jobs" ${1:+--target "$@"}
}

seconds_now() { date +%s; }
