#pragma once

namespace copse::cli {

/// Whether the program was started as mount.fuse.copse or umount.fuse.copse: mount(8) and umount(8) look for helpers
/// of these names.
bool IsMountHelper(const char* program);

/// Mounts or unmounts as these ask for it. Returns the exit code, by mount(8)'s own list.
int RunMountHelper(int argc, char** argv);

}  // namespace copse::cli
