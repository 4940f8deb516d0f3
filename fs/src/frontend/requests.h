#pragma once

#include <absl/status/status.h>
#include <copse/fs/frontend.h>
#include <copse/fs/owner_map.h>
#include <copse/fs/volume.h>
#include <sys/stat.h>

#include <cstdint>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "frontend/invalidator.h"
#include "frontend/libfuse.h"
#include "frontend/passthrough.h"
#include "frontend/wire.h"

namespace copse::fs {

/// What requests are answered with. libfuse carries it through as the session's user data. Thread-safe.
class Service {
 public:
  Service(Volume& served, Invalidator& announcer, OwnerMaps shown_owners, Frontend::Log log)
      : volume(served), invalidator(announcer), owners(std::move(shown_owners)), log_(std::move(log)) {}

  Volume& volume;
  Invalidator& invalidator;
  const OwnerMaps owners;
  Wire wire;
  Passthrough passthrough{volume, wire};

  /// Reports an error that no program is to blame for (a damaged chunk, a full disk); the same line only once in a
  /// row, since a program may try again without end.
  void Report(const absl::Status& error);

  /// Remembers a handle of `node` that the kernel was told of; ReleaseHandle gives it back to the volume.
  void KeepHandle(Volume::Handle* handle, NodeId node);
  void ReleaseHandle(Volume::Handle* handle);
  /// Gives all back for which no RELEASE has come: a connection that ends drops those that wait to be read.
  void ReleaseAllHandles();
  /// The inodes with handles, each once.
  std::set<NodeId> OpenNodes();

 private:
  void GiveBack(Volume::Handle* handle, NodeId node);

  const Frontend::Log log_;
  std::mutex mutex_;
  std::string last_report_;
  std::mutex handles_mutex_;
  std::unordered_map<Volume::Handle*, NodeId> handles_;
};

/// Fill in their part of the table of operations; a request whose entry stays null is answered by libfuse with ENOSYS,
/// and the kernel then does it alone and asks no more.
void AddConnectionOperations(fuse_lowlevel_ops& operations);
void AddNameOperations(fuse_lowlevel_ops& operations);
void AddAttributeOperations(fuse_lowlevel_ops& operations);
void AddXattrOperations(fuse_lowlevel_ops& operations);
void AddContentOperations(fuse_lowlevel_ops& operations);
void AddDirectoryOperations(fuse_lowlevel_ops& operations);

Service& ServiceOf(fuse_req_t request);
/// As the kernel names them.
Caller CallerOf(fuse_req_t request);
/// With the owners that something new of theirs is stored with. Errors: EOVERFLOW the mount's maps have none.
absl::StatusOr<Caller> CreatorOf(fuse_req_t request);

/// Whether open(2) with `flags` of a file with attributes `file`, in `directory`, lets the caller in by the file's mode
/// alone. False where more than that decides: capabilities, access control lists, /proc/sys/fs/protected_regular.
bool SurelyMayOpen(fuse_req_t request, const Attributes& directory, const Attributes& file, int flags);
/// Whether the caller has CAP_FSETID: for requests that do not tell.
bool MayKeepSetid(fuse_req_t request);
/// The rule for what `request` changes. Not to be used after the reply.
SetidRule SetidRuleOf(fuse_req_t request, bool clears);

/// stat(2)'s form of attributes, and of the file type alone.
mode_t FileTypeOf(Kind kind);
struct stat StatOf(const Service& service, const Attributes& attributes);
fuse_entry_param EntryParameterOf(const Service& service, const Volume::Entry& entry, const CachePromise& promise);

// Each reply answers the request for good; nothing may use the request afterwards.

void ReplyError(fuse_req_t request, const absl::Status& error);
/// Success without a value, or the error.
void ReplyStatus(fuse_req_t request, const absl::Status& status);
/// Takes the lookup that `entry` counts back where the kernel did not take the reply: the caller was killed meanwhile.
void ReplyEntry(fuse_req_t request, const absl::StatusOr<Volume::Entry>& entry, const CachePromise& promise);
void ReplyAttributes(fuse_req_t request, const absl::StatusOr<Attributes>& attributes, const CachePromise& promise);

/// Memory for one reply at least `size` bytes long, valid until the same thread asks again.
std::span<char> ReplyBuffer(std::size_t size);

}  // namespace copse::fs
