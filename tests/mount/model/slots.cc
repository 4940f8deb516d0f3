// Calls on open files. What two file systems may do differently without either being wrong is left out: unaligned
// direct I/O, where exactly holes lie, positions in directories.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "mount/model/as.h"
#include "mount/model/describe.h"
#include "mount/model/world.h"

namespace copse::posix {
namespace {

constexpr std::size_t kPage = 4096;

/// Memory that direct I/O takes too.
class Buffer {
 public:
  Buffer(std::size_t size, char fill) : memory_(std::aligned_alloc(kPage, (size / kPage + 1) * kPage), &std::free) {
    std::fill_n(data(), size, fill);
  }
  char* data() { return static_cast<char*>(memory_.get()); }

 private:
  std::unique_ptr<void, void (*)(void*)> memory_;
};

}  // namespace

std::string World::OnSlot(const Call& call) {
  const auto found = slots_.find(call.text(0));
  if (found == slots_.end()) return "not open";
  const Open open = found->second;
  const int descriptor = open.descriptor;
  const auto is = [&](const char* other) { return call.name() == other; };
  if (is("close")) {
    slots_.erase(found);
    return Outcome(close(descriptor));
  }
  struct stat before {};
  if (fstat(descriptor, &before) != 0) return ErrorName(errno);
  if (is("fstat")) return "ok " + Describe(before);
  // Who opened the file counts for the kernel where bytes are concerned, who calls where attributes are.
  const As user(call.user());
  if (is("fchmod")) return Outcome(fchmod(descriptor, static_cast<mode_t>(call.number(1))));
  if (is("fchown")) {
    return Outcome(fchown(descriptor, static_cast<uid_t>(call.number(1)), static_cast<gid_t>(call.number(2))));
  }
  if (is("futimens")) {
    const timespec times[2] = {TimeOf(call.text(1)), TimeOf(call.text(2))};
    return Outcome(futimens(descriptor, times));
  }
  if (is("link_open")) return Outcome(linkat(descriptor, "", AT_FDCWD, call.text(1).c_str(), AT_EMPTY_PATH));
  if (is("reopen")) return Reopen(call, descriptor);
  return S_ISREG(before.st_mode) ? OnBytes(call, open, before) : "no regular file";
}

std::string World::Reopen(const Call& call, int descriptor) {
  alignas(file_handle) char memory[sizeof(file_handle) + MAX_HANDLE_SZ];
  auto* const handle = reinterpret_cast<file_handle*>(memory);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  if (name_to_handle_at(descriptor, "", handle, &mount_id, AT_EMPTY_PATH) != 0) return "no handle " + ErrorName(errno);
  const auto flags = static_cast<int>(call.number(2));
  return Keep(call.text(1), open_by_handle_at(root_, handle, flags | O_CLOEXEC), flags);
}

std::string World::OnBytes(const Call& call, const Open& open, const struct stat& before) {
  const int descriptor = open.descriptor;
  const auto is = [&](const char* other) { return call.name() == other; };
  const auto aligned = [&](std::int64_t value) {
    return open.is_direct ? value / std::int64_t{kPage} * std::int64_t{kPage} : value;
  };
  const bool appends = (fcntl(descriptor, F_GETFL) & O_APPEND) != 0;
  if (is("fsync")) return Outcome(fsync(descriptor));
  if (is("ftruncate")) return Outcome(ftruncate(descriptor, call.number(1)));
  if (is("lseek")) return Outcome(lseek(descriptor, call.number(1), static_cast<int>(call.number(2))));
  if (is("fallocate"))
    return Outcome(fallocate(descriptor, static_cast<int>(call.number(1)), call.number(2), call.number(3)));
  if (is("map_write") || is("map_read")) return Map(call, descriptor, before);
  if (is("seek_data")) return Seek(call, descriptor, before);
  if (is("copy_range")) {
    const auto to = slots_.find(call.text(2));
    if (to == slots_.end()) return "not open";
    if (open.is_direct || to->second.is_direct) return "direct";
    struct stat target {};
    if (fstat(to->second.descriptor, &target) != 0 || !S_ISREG(target.st_mode)) return "no regular file";
    off_t from_offset = call.number(1);
    off_t to_offset = call.number(3);
    return Outcome(copy_file_range(descriptor, &from_offset, to->second.descriptor, &to_offset,
                                   static_cast<std::size_t>(call.number(4)), 0));
  }
  if (is("append")) {
    if (open.is_direct) return "direct";
    Buffer buffer(static_cast<std::size_t>(call.number(1)), static_cast<char>(call.number(2)));
    const iovec bytes{buffer.data(), static_cast<std::size_t>(call.number(1))};
    return Outcome(pwritev2(descriptor, &bytes, 1, 0, RWF_APPEND));
  }
  if (is("read") || is("write")) {
    if (open.is_direct) return "direct";
    const auto size = static_cast<std::size_t>(call.number(1));
    Buffer buffer(size, is("write") ? static_cast<char>(call.number(2)) : '\0');
    if (is("write")) return Outcome(write(descriptor, buffer.data(), size));
    const ssize_t result = read(descriptor, buffer.data(), size);
    return Outcome(result) + (result > 0 ? " " + Digest({buffer.data(), static_cast<std::size_t>(result)}) : "");
  }
  const auto size = static_cast<std::size_t>(aligned(call.number(2)));
  const off_t offset = aligned(call.number(1));
  if (is("pwrite")) {
    if (open.is_direct && appends) return "direct";
    Buffer buffer(size, static_cast<char>(call.number(3)));
    return Outcome(pwrite(descriptor, buffer.data(), size, offset));
  }
  Buffer buffer(size, '\0');
  const ssize_t result = pread(descriptor, buffer.data(), size, offset);
  return Outcome(result) + (result > 0 ? " " + Digest({buffer.data(), static_cast<std::size_t>(result)}) : "");
}

std::string World::Map(const Call& call, int descriptor, const struct stat& before) {
  const bool writes = call.name() == "map_write";
  const off_t offset = call.number(1);
  if (offset >= before.st_size) return "beyond the end";
  const auto size = static_cast<std::size_t>(std::min<off_t>(call.number(2), before.st_size - offset));
  const off_t begin = offset / off_t{kPage} * off_t{kPage};
  const std::size_t lead = static_cast<std::size_t>(offset - begin);
  if (lead + size == 0) return "nothing";
  void* const memory = mmap(nullptr, lead + size, PROT_READ | (writes ? PROT_WRITE : 0), MAP_SHARED, descriptor, begin);
  if (memory == MAP_FAILED) return ErrorName(errno);
  char* const bytes = static_cast<char*>(memory) + lead;
  std::string outcome = "ok";
  if (writes) {
    std::fill_n(bytes, size, static_cast<char>(call.number(3)));
    outcome = Outcome(msync(memory, lead + size, MS_SYNC));
  } else {
    outcome += " " + Digest({bytes, size});
  }
  munmap(memory, lead + size);
  return outcome;
}

// Holes may be reported or not; but what is skipped as a hole must read as zeros.
std::string World::Seek(const Call& call, int descriptor, const struct stat& before) {
  const off_t offset = call.number(1);
  const bool wants_data = call.number(2) != 0;
  const off_t position = lseek(descriptor, 0, SEEK_CUR);
  const off_t found = lseek(descriptor, offset, wants_data ? SEEK_DATA : SEEK_HOLE);
  const int error = errno;
  lseek(descriptor, position, SEEK_SET);
  errno = error;
  if (found < 0 && (offset >= before.st_size || errno != ENXIO)) return ErrorName(errno);
  if (!wants_data) return found >= offset && found <= before.st_size ? "ok" : "a hole at " + std::to_string(found);
  const off_t end = found < 0 ? before.st_size : found;
  std::string skipped(static_cast<std::size_t>(end - offset), '\0');
  const ssize_t size = pread(descriptor, skipped.data(), skipped.size(), offset);
  const bool is_zero = size < 0 || std::all_of(skipped.begin(), skipped.end(), [](char byte) { return byte == 0; });
  return is_zero ? "ok" : "data skipped";
}

}  // namespace copse::posix
