// Listings. A position is one that the volume gives to an entry for as long as it exists, so a listing that is
// continued neither skips nor repeats; the volume's start at 16, and "." and ".." take the two before.
//
// The kernel keeps whole listings as it keeps pages. One that is read while a change is announced may be stored after
// the notification of that change; the directory is then invalidated once more.

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "frontend/requests.h"

namespace copse::fs {
namespace {

constexpr off_t kAfterDot = 1;
constexpr off_t kAfterDotDot = 2;
constexpr off_t kFirstEntry = 16;

/// The entries of one reply, in the kernel's form, up to the room that it gave.
class ListingBuffer {
 public:
  ListingBuffer(fuse_req_t request, std::size_t room) : request_(request), buffer_(ReplyBuffer(room)) {}

  /// Returns whether it fits.
  bool Add(const std::string& name, NodeId node, Kind kind, off_t next) {
    struct stat known {};
    known.st_ino = node.value;
    known.st_mode = FileTypeOf(kind);
    const std::span<char> rest = buffer_.subspan(used_);
    return Take(fuse_add_direntry(request_, rest.data(), rest.size(), name.c_str(), &known, next));
  }
  bool AddPlus(const std::string& name, const fuse_entry_param& entry, off_t next) {
    const std::span<char> rest = buffer_.subspan(used_);
    return Take(fuse_add_direntry_plus(request_, rest.data(), rest.size(), name.c_str(), &entry, next));
  }
  int Reply() { return fuse_reply_buf(request_, buffer_.data(), used_); }

 private:
  bool Take(std::size_t needed) {
    if (needed > buffer_.size() - used_) return false;
    used_ += needed;
    return true;
  }

  fuse_req_t request_;
  std::span<char> buffer_;
  std::size_t used_ = 0;
};

/// "." and "..", where the listing begins with them. `add` takes (name, node, next position) and returns whether it
/// fits; returns whether all that was to be added did.
template <typename Add>
bool AddDots(Volume& volume, NodeId directory, off_t after, const Add& add) {
  if (after < kAfterDot && !add(std::string("."), directory, kAfterDot)) return false;
  if (after >= kAfterDotDot) return true;
  // A directory that was removed while open has no parent; it lists nothing else either.
  const absl::StatusOr<NodeId> parent = volume.Parent(directory);
  return add(std::string(".."), parent.ok() ? *parent : directory, kAfterDotDot);
}

std::uint64_t VolumePosition(off_t after) { return after < kFirstEntry ? 0 : static_cast<std::uint64_t>(after); }

void InvalidateIfOutdated(Service& service, NodeId directory, const CachePromise& promise) {
  if (!promise.Holds()) service.invalidator.AddAgain(directory);
}

void ReadDirectory(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t after, fuse_file_info*) {
  Service& service = ServiceOf(request);
  const NodeId directory{node};
  const CachePromise promise(service.invalidator);
  ListingBuffer listing(request, size);
  const bool more = AddDots(service.volume, directory, after, [&](const std::string& name, NodeId target, off_t next) {
    return listing.Add(name, target, Kind::kDirectory, next);
  });
  if (more) {
    const absl::Status listed = service.volume.List(
        directory, VolumePosition(after), [&](std::uint64_t position, const ShownEntry& entry, Kind kind) {
          return listing.Add(entry.name, entry.target, kind, static_cast<off_t>(position));
        });
    if (!listed.ok()) return ReplyError(request, listed);
  }
  listing.Reply();
  InvalidateIfOutdated(service, directory, promise);
}

void ReadDirectoryPlus(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t after, fuse_file_info*) {
  Service& service = ServiceOf(request);
  const NodeId directory{node};
  const CachePromise promise(service.invalidator);
  ListingBuffer listing(request, size);
  // Without a node number: the kernel must neither look these two up nor count them.
  const bool more = AddDots(service.volume, directory, after, [&](const std::string& name, NodeId target, off_t next) {
    fuse_entry_param entry{};
    entry.attr.st_ino = target.value;
    entry.attr.st_mode = FileTypeOf(Kind::kDirectory);
    return listing.AddPlus(name, entry, next);
  });
  std::vector<NodeId> counted;
  if (more) {
    const absl::Status listed = service.volume.ListPlus(
        directory, VolumePosition(after),
        [&](std::uint64_t position, const std::string& name, const Volume::Entry& entry) {
          if (!listing.AddPlus(name, EntryParameterOf(service, entry, promise), static_cast<off_t>(position)))
            return false;
          counted.push_back(entry.node);
          return true;
        });
    if (!listed.ok()) {
      for (const NodeId counted_node : counted) service.volume.Forget(counted_node, 1);
      return ReplyError(request, listed);
    }
  }
  if (listing.Reply() != 0) {
    for (const NodeId counted_node : counted) service.volume.Forget(counted_node, 1);
  }
  InvalidateIfOutdated(service, directory, promise);
}

// A listing needs nothing but its position, so directories are not opened. After this answer the kernel sends neither
// OPENDIR nor RELEASEDIR any more, and keeps listings by itself.
void OpenDirectory(fuse_req_t request, fuse_ino_t, fuse_file_info*) { fuse_reply_err(request, ENOSYS); }

// Never ENOSYS, which the kernel would take for success of this and every later fsync of a directory.
void FsyncDirectory(fuse_req_t request, fuse_ino_t node, int, fuse_file_info*) {
  ReplyStatus(request, ServiceOf(request).volume.FsyncDirectory(NodeId{node}));
}

}  // namespace

void AddDirectoryOperations(fuse_lowlevel_ops& operations) {
  operations.opendir = OpenDirectory;
  operations.readdir = ReadDirectory;
  operations.readdirplus = ReadDirectoryPlus;
  operations.fsyncdir = FsyncDirectory;
}

}  // namespace copse::fs
