// What is agreed with the kernel when a mount begins.

#include "frontend/requests.h"

namespace copse::fs {
namespace {

constexpr unsigned kWriteBytesMax = 1 << 20;

// libfuse puts in `want` what it thinks useful. Of that, and of what the kernel is capable of:
constexpr unsigned kWanted =
    FUSE_CAP_ASYNC_READ |           // Several reads of one file at a time.
    FUSE_CAP_ATOMIC_O_TRUNC |       // O_TRUNC arrives with the open: one change, not two.
    FUSE_CAP_PARALLEL_DIROPS |      // Lookups and listings of one directory at a time.
    FUSE_CAP_READDIRPLUS |          // Listings bring attributes along,
    FUSE_CAP_READDIRPLUS_AUTO |     // where a program asks for them.
    FUSE_CAP_CACHE_SYMLINKS |       // The target of a symlink never changes.
    FUSE_CAP_EXPORT_SUPPORT |       // File handles (name_to_handle_at(2), NFS) outlive the kernel's caches.
    FUSE_CAP_EXPLICIT_INVAL_DATA |  // Pages go when we say so, not whenever mtime moves.
    FUSE_CAP_POSIX_ACL |            // The kernel judges by access control lists too,
    FUSE_CAP_DONT_MASK;             // and leaves the umask to us: it does not count where there is a default list.

constexpr unsigned kUnwanted =
    FUSE_CAP_ASYNC_DIO |        // Parts of one write(2) would be answered in any order, and O_APPEND puts them in that.
    FUSE_CAP_WRITEBACK_CACHE |  // The kernel would overrule sizes and times that come from other replicas.
    FUSE_CAP_AUTO_INVAL_DATA |  // Takes precedence over EXPLICIT_INVAL_DATA.
    FUSE_CAP_HANDLE_KILLPRIV |  // Would not say who may keep setuid; its successor does (see Wire).
    FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS |                         // Kept in the kernel.
    FUSE_CAP_IOCTL_DIR |                                                  // All are ENOTTY.
    FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE;  // Contents come from memory, not files.

void Initialize(void*, fuse_conn_info* connection) {
  connection->want = (connection->want & ~kUnwanted) | (connection->capable & kWanted);
  connection->max_write = kWriteBytesMax;
  // Nanoseconds: what the kernel keeps between requests is what it got.
  connection->time_gran = 1;
}

}  // namespace

void AddConnectionOperations(fuse_lowlevel_ops& operations) { operations.init = Initialize; }

}  // namespace copse::fs
