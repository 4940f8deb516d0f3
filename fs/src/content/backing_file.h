#pragma once

#include <copse/base/clock.h>

#include <cstdint>
#include <optional>

namespace copse::fs {

/// Of a file that others write too: its length, and when its bytes were changed last (stat(2), st_mtim).
struct FileStamp {
  std::uint64_t size = 0;
  base::UnixNanoseconds mtime = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// `descriptor` is open, so this cannot fail.
FileStamp StampOf(int descriptor);

/// Whether a change from now on surely shows in a stamp that was just taken. Before Linux 6.13 a file's time is that of
/// the last tick, so two changes within 10 ms may bear the same.
bool IsSettled(const FileStamp& stamp);

/// Gives the file the time `mtime`. What it fails for costs no more than a change that is found and is none.
void SetModificationTime(int descriptor, base::UnixNanoseconds mtime);

/// Whether anybody has the file open but for `descriptor`, which may read and write: another descriptor, a mapping, a
/// program that goes on in a mount whose process is gone. Nothing where the file system cannot tell (fcntl(2),
/// F_SETLEASE).
std::optional<bool> IsOpenElsewhere(int descriptor);

/// Whether writes through a mapping move the file's time: not where pages are never written back.
bool TellsOfWrites(int descriptor);

/// When the file was read last, as the file system tells it (mount(8), relatime).
base::UnixNanoseconds AccessTimeOf(int descriptor);

/// What the file takes on the disk, or will (stat(2), st_blocks).
std::uint64_t AllocatedBytes(int descriptor);

/// The end of the stretch that begins at `offset`, below `size`, and whether it is a hole (lseek(2), SEEK_HOLE). All is
/// data where there is no `descriptor` (-1).
struct FileExtent {
  std::uint64_t end = 0;
  bool is_hole = false;
};
FileExtent ExtentAt(int descriptor, std::uint64_t offset, std::uint64_t size);

}  // namespace copse::fs
