# ./dev package: build/copse_VERSION_ARCHITECTURE.deb
need_packages "$packages_build dpkg-dev file"
build_preset release
(cd build && cpack -G DEB >package.log 2>&1) || { cat build/package.log >&2; fail "cpack could not make the package"; }
ls build/*.deb
