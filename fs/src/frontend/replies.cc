// How answers of the volume become answers to the kernel. The only place that knows errno numbers.

#include <copse/fs/error.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "frontend/requests.h"

namespace copse::fs {
namespace {

timespec TimespecOf(base::UnixNanoseconds time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t seconds = time / kSecond;
  std::int64_t nanoseconds = time % kSecond;
  if (nanoseconds < 0) {  // Before 1970: tv_nsec counts forward all the same.
    --seconds;
    nanoseconds += kSecond;
  }
  return timespec{static_cast<time_t>(seconds), static_cast<long>(nanoseconds)};
}

bool IsOurFault(int error) { return error == EIO || error == ENOSPC || error == EROFS; }

}  // namespace

void Service::Report(const absl::Status& error) {
  const std::string line(error.message());
  const std::lock_guard lock(mutex_);
  if (!log_ || line == last_report_) return;
  last_report_ = line;
  log_(line);
}

void Service::KeepHandle(Volume::Handle* handle, NodeId node) {
  const std::lock_guard lock(handles_mutex_);
  handles_.emplace(handle, node);
}

void Service::ReleaseHandle(Volume::Handle* handle) {
  NodeId node;
  {
    const std::lock_guard lock(handles_mutex_);
    const auto kept = handles_.find(handle);
    node = kept->second;
    handles_.erase(kept);
  }
  GiveBack(handle, node);
}

void Service::GiveBack(Volume::Handle* handle, NodeId node) {
  passthrough.Close(node);
  volume.Release(handle);
}

void Service::ReleaseAllHandles() {
  std::unordered_map<Volume::Handle*, NodeId> left;
  {
    const std::lock_guard lock(handles_mutex_);
    left.swap(handles_);
  }
  for (const auto& [handle, node] : left) GiveBack(handle, node);
}

std::set<NodeId> Service::OpenNodes() {
  std::set<NodeId> nodes;
  const std::lock_guard lock(handles_mutex_);
  for (const auto& [handle, node] : handles_) nodes.insert(node);
  return nodes;
}

Service& ServiceOf(fuse_req_t request) { return *static_cast<Service*>(fuse_req_userdata(request)); }

mode_t FileTypeOf(Kind kind) {
  switch (kind) {
    case Kind::kDirectory:
      return S_IFDIR;
    case Kind::kRegular:
      return S_IFREG;
    case Kind::kSymlink:
      return S_IFLNK;
    case Kind::kFifo:
      return S_IFIFO;
    case Kind::kSocket:
      return S_IFSOCK;
    case Kind::kCharacterDevice:
      return S_IFCHR;
    case Kind::kBlockDevice:
      return S_IFBLK;
  }
  std::abort();  // A kind that does not exist is a bug, and no reply could be true.
}

struct stat StatOf(const Service& service, const Attributes& attributes) {
  struct stat result {};
  result.st_ino = attributes.node.value;
  result.st_mode = FileTypeOf(attributes.kind) | attributes.mode;
  result.st_nlink = attributes.links;
  result.st_uid = service.owners.users.Shown(attributes.uid);
  result.st_gid = service.owners.groups.Shown(attributes.gid);
  result.st_rdev = attributes.device;
  result.st_size = static_cast<off_t>(attributes.size);
  result.st_blksize = 4096;
  result.st_blocks = static_cast<blkcnt_t>(attributes.blocks);
  result.st_atim = TimespecOf(attributes.atime);
  result.st_mtim = TimespecOf(attributes.mtime);
  result.st_ctim = TimespecOf(attributes.ctime);
  return result;
}

fuse_entry_param EntryParameterOf(const Service& service, const Volume::Entry& entry, const CachePromise& promise) {
  fuse_entry_param result{};
  result.ino = entry.node.value;
  result.generation = 0;  // Node ids are never used again.
  result.attr = StatOf(service, entry.attributes);
  result.attr_timeout = entry.attributes.passes_through ? 0 : promise.Seconds();
  result.entry_timeout = promise.Seconds();
  return result;
}

void ReplyError(fuse_req_t request, const absl::Status& error) {
  const int number = static_cast<int>(PosixErrorOf(error));
  if (IsOurFault(number)) ServiceOf(request).Report(error);
  fuse_reply_err(request, number);
}

void ReplyStatus(fuse_req_t request, const absl::Status& status) {
  if (status.ok()) {
    fuse_reply_err(request, 0);
  } else {
    ReplyError(request, status);
  }
}

void ReplyEntry(fuse_req_t request, const absl::StatusOr<Volume::Entry>& entry, const CachePromise& promise) {
  if (!entry.ok()) return ReplyError(request, entry.status());
  Service& service = ServiceOf(request);
  const fuse_entry_param parameter = EntryParameterOf(service, *entry, promise);
  if (fuse_reply_entry(request, &parameter) != 0) service.volume.Forget(entry->node, 1);
}

void ReplyAttributes(fuse_req_t request, const absl::StatusOr<Attributes>& attributes, const CachePromise& promise) {
  if (!attributes.ok()) return ReplyError(request, attributes.status());
  const struct stat result = StatOf(ServiceOf(request), *attributes);
  fuse_reply_attr(request, &result, attributes->passes_through ? 0 : promise.Seconds());
}

std::span<char> ReplyBuffer(std::size_t size) {
  // One for each worker: allocating anew would have the kernel clear up to a megabyte for each large read.
  thread_local std::vector<char> buffer;
  if (buffer.size() < size) buffer.resize(size);
  return std::span<char>(buffer).first(size);
}

}  // namespace copse::fs
