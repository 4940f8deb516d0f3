#include "plug/user.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace copse::plug {
namespace {

constexpr int kNames = 12;  // Few, so that calls meet each other's.
constexpr std::size_t kFileBytesMax = 1 << 20;
constexpr std::size_t kLargeBytes = (1 << 20) + 100'000;
constexpr const char* kLarge = "large";

/// Sets how many links each file has from the names there are.
void CountLinks(Names& names) {
  std::map<std::uint64_t, std::uint64_t> links;
  for (const auto& [path, shown] : names) ++links[shown.inode];
  for (auto& [path, shown] : names) shown.links = shown.kind == 'f' ? links[shown.inode] : 1;
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  int get() const { return number_; }

 private:
  int number_;
};

}  // namespace

std::string User::DrawPath() {
  const std::string name(1, static_cast<char>('a' + Draw(kNames)));
  return Draw(3) == 0 ? "d" + std::to_string(Draw(3)) + "/" + name : name;
}

std::string User::DrawBytes() {
  const std::uint64_t kind = Draw(20);
  const std::size_t size = 1 + Draw(kind == 0 ? 300'000 : kind < 4 ? 70'000 : kind < 10 ? 5'000 : 300);
  std::string bytes(size, '\0');
  const std::uint64_t begin = random_();
  for (std::size_t at = 0; at < size; ++at) bytes[at] = static_cast<char>((begin + at * 0x9e3779b97f4a7c15U) >> 40);
  return bytes;
}

std::string User::ParentOf(const std::string& path) const {
  const std::size_t slash = path.rfind('/');
  return slash == path.npos ? "" : path.substr(0, slash);
}

template <typename Call>
bool User::Change(const Names& after, const Call& call) {
  history_.Begin(++clock_, after);
  if (call() != 0) {
    const int error = errno;
    // Whether it happened is not known when the mount went meanwhile.
    if (error != ENOTCONN && error != EIO && error != ECONNABORTED && error != EROFS) history_.Refuse();
    errno = error;
    return false;
  }
  history_.Return(++clock_, after);
  return true;
}

void User::Failed(const char* doing, const std::string& path) {
  switch (errno) {
    case ENOENT:
    case EEXIST:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EINVAL:
      return;
    case ENOTCONN:
    case ECONNABORTED:
    case EIO:    // The disk is gone, and so will the process be.
    case EROFS:  // The same, noticed.
      is_over_ = true;
      return;
    default:
      is_over_ = true;
      failure_ = std::string(doing) + " " + path + ": " + std::strerror(errno);
  }
}

void User::Work() {
  while (!is_over_) Step();
}

void User::Step() {
  ++calls_;
  const std::string path = DrawPath();
  switch (Draw(18)) {
    case 0:
    case 1:
    case 2:
      return Create(path);
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
      return Edit(path);
    case 8:
    case 9:
    case 10:
      return Rename(path);
    case 11:
      return Link(path);
    case 12:
      return Remove(path);
    case 13:
      return SetMode(path);
    case 14:
      return SyncDirectory(path);
    case 15:
    case 16:
      return EditLarge();
    default:
      break;
  }
  const std::string directory = "d" + std::to_string(Draw(3));
  Names after = history_.names();
  if (Draw(2) == 0) {
    if (after.contains(directory)) return;
    after[directory] = {'d', 0, 0755, 1};
    if (!Change(after, [&] { return mkdir(Full(directory).c_str(), 0755); })) return Failed("mkdir", directory);
    struct stat made {};
    if (stat(Full(directory).c_str(), &made) != 0) return Failed("stat", directory);
    after[directory].inode = made.st_ino;
    history_.Return(clock_, after);
  } else {
    after.erase(directory);
    if (!Change(after, [&] { return rmdir(Full(directory).c_str()); })) Failed("rmdir", directory);
  }
}

void User::Create(const std::string& path) {
  Names after = history_.names();
  if (after.contains(path)) return Edit(path);
  after[path] = {'f', 0, 0644, 1};
  int number = -1;
  const bool is_made = Change(after, [&] {
    number = open(Full(path).c_str(), O_RDWR | O_CREAT | O_EXCL, 0644);
    return number < 0 ? -1 : 0;
  });
  if (!is_made) return Failed("create", path);
  const Descriptor file(number);
  struct stat made {};
  if (fstat(file.get(), &made) != 0) return Failed("fstat", path);
  after[path].inode = made.st_ino;
  history_.Return(clock_, after);
  WriteSome(file.get(), made.st_ino);
}

void User::Edit(const std::string& path) {
  const auto known = history_.names().find(path);
  if (known == history_.names().end() || known->second.kind != 'f') return;
  const std::uint64_t inode = known->second.inode;
  const Descriptor file(open(Full(path).c_str(), O_RDWR));
  if (file.get() < 0) return Failed("open", path);
  WriteSome(file.get(), inode);
}

void User::EditLarge() {
  const auto known = history_.names().find(kLarge);
  if (known == history_.names().end()) return Create(kLarge);
  const std::uint64_t inode = known->second.inode;
  const Descriptor file(open(Full(kLarge).c_str(), O_RDWR));
  if (file.get() < 0) return Failed("open", kLarge);
  if (Draw(3) == 0) {
    const std::string bytes(kLargeBytes, static_cast<char>('a' + Draw(26)));
    history_.HoldsAfterWrite(inode, bytes, 0);
    const ssize_t count = pwrite(file.get(), bytes.data(), bytes.size(), 0);
    if (count >= 0 && count < static_cast<ssize_t>(bytes.size())) errno = EIO;
    if (count != static_cast<ssize_t>(bytes.size())) return Failed("write", kLarge);
    return Fsync(file.get(), inode);
  }
  for (std::uint64_t writes = 1 + Draw(4); writes > 0 && !is_over_; --writes) {
    const std::string bytes = DrawBytes().substr(0, 20'000);
    std::string now = history_.Latest(inode);
    if (now.size() < kLargeBytes) return;
    const std::size_t offset = Draw(now.size() - bytes.size());
    now.replace(offset, bytes.size(), bytes);
    history_.HoldsAfterWrite(inode, now, offset);
    if (Draw(3) == 0) {
      WriteMapped(file.get(), inode, offset, bytes);
      continue;
    }
    const ssize_t count = pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count != static_cast<ssize_t>(bytes.size())) return Failed("write", kLarge);
    if (Draw(3) == 0) Fsync(file.get(), inode);
  }
}

void User::WriteMapped(int file, std::uint64_t inode, std::size_t offset, const std::string& bytes) {
  void* const memory = mmap(nullptr, kLargeBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) return Failed("mmap", kLarge);
  // The kernel copies: where the page cannot be had any more, this process gets an error instead of a signal.
  int pipe_ends[2];
  bool works = pipe(pipe_ends) == 0;
  for (std::size_t done = 0; works && done < bytes.size();) {
    const std::size_t part = std::min<std::size_t>(4096, bytes.size() - done);
    works = write(pipe_ends[1], bytes.data() + done, part) == static_cast<ssize_t>(part) &&
            read(pipe_ends[0], static_cast<char*>(memory) + offset + done, part) == static_cast<ssize_t>(part);
    done += part;
  }
  const Power power = power_;
  works = works && msync(memory, kLargeBytes, MS_SYNC) == 0;
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  munmap(memory, kLargeBytes);
  if (!works) {
    is_over_ = true;
  } else if (power != Power::kGoing && power_ == power) {
    history_.IsDurable(inode);
    ++syncs_;
  }
}

void User::WriteSome(int file, std::uint64_t inode) {
  for (std::uint64_t writes = Draw(4); writes > 0 && !is_over_; --writes) {
    std::string now = history_.Latest(inode);
    if (Draw(6) == 0) {
      now.resize(Draw(now.size() + 100));
      history_.Holds(inode, now);
      if (ftruncate(file, static_cast<off_t>(now.size())) != 0) Failed("truncate inode", std::to_string(inode));
    } else {
      const std::string bytes = DrawBytes();
      const std::size_t offset = Draw(2) == 0 ? now.size() : Draw(now.size() + 1);
      if (offset + bytes.size() > kFileBytesMax) continue;
      if (now.size() < offset + bytes.size()) now.resize(offset + bytes.size());
      now.replace(offset, bytes.size(), bytes);
      // Before the call: one that does not return may have been heard.
      history_.HoldsAfterWrite(inode, now, offset);
      const ssize_t count = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count != static_cast<ssize_t>(bytes.size())) {
        if (count >= 0) errno = EIO;
        Failed("write inode", std::to_string(inode));
      }
    }
    if (!is_over_ && Draw(3) == 0) Fsync(file, inode);
  }
}

void User::Fsync(int descriptor, std::uint64_t inode) {
  const std::uint64_t began = ++clock_;
  const Power power = power_;
  if (fsync(descriptor) != 0) return Failed("fsync inode", std::to_string(inode));
  if (power == Power::kGoing || power_ != power) return;
  if (inode != 0) history_.IsDurable(inode);
  history_.SyncedSince(began);
  ++syncs_;
}

void User::SyncDirectory(const std::string& path) {
  const std::string directory = ParentOf(path);
  const Descriptor opened(open(Full(directory).c_str(), O_RDONLY | O_DIRECTORY));
  if (opened.get() < 0) return Failed("open", directory);
  Fsync(opened.get(), 0);
}

void User::Rename(const std::string& path) {
  const std::string to = DrawPath();
  Names after = history_.names();
  const auto from = after.find(path);
  if (from == after.end()) return;
  const auto replaced = after.find(to);
  // Two names of one file: rename(2) does nothing.
  if (replaced != after.end() && replaced->second.inode == from->second.inode) return;
  const Shown moved = from->second;
  after.erase(from);
  after[to] = moved;
  CountLinks(after);
  if (!Change(after, [&] { return rename(Full(path).c_str(), Full(to).c_str()); })) Failed("rename", path);
}

void User::Link(const std::string& path) {
  const std::string to = DrawPath();
  Names after = history_.names();
  const auto from = after.find(path);
  if (from == after.end() || from->second.kind != 'f' || after.contains(to)) return;
  after[to] = from->second;
  CountLinks(after);
  if (!Change(after, [&] { return link(Full(path).c_str(), Full(to).c_str()); })) Failed("link", path);
}

void User::Remove(const std::string& path) {
  Names after = history_.names();
  if (after.erase(path) == 0) return;
  CountLinks(after);
  if (!Change(after, [&] { return unlink(Full(path).c_str()); })) Failed("unlink", path);
}

void User::SetMode(const std::string& path) {
  Names after = history_.names();
  const auto found = after.find(path);
  if (found == after.end()) return;
  const auto mode = static_cast<std::uint32_t>(0600 + Draw(64));
  const std::uint64_t inode = found->second.inode;
  for (auto& [name, shown] : after) {
    if (shown.inode == inode) shown.mode = mode;
  }
  if (!Change(after, [&] { return chmod(Full(path).c_str(), mode); })) Failed("chmod", path);
}

std::string Look(const std::string& directory, Names& names, std::map<std::uint64_t, std::string>& contents) {
  namespace files = std::filesystem;
  std::error_code error;
  for (auto entry = files::recursive_directory_iterator(directory, error); entry != files::end(entry);
       entry.increment(error)) {
    const std::string path = entry->path();
    struct stat found {};
    if (lstat(path.c_str(), &found) != 0) return path + ": " + std::strerror(errno);
    Shown shown{S_ISDIR(found.st_mode) ? 'd' : 'f', found.st_ino, found.st_mode & 07777, 1};
    if (shown.kind == 'f') {
      shown.links = found.st_nlink;
      std::string content(static_cast<std::size_t>(found.st_size) + 1, '\0');
      const Descriptor file(open(path.c_str(), O_RDONLY));
      const ssize_t count = file.get() < 0 ? -1 : pread(file.get(), content.data(), content.size(), 0);
      if (count != found.st_size) return path + ": " + (count < 0 ? std::strerror(errno) : "reads as another length");
      content.pop_back();
      contents[shown.inode] = std::move(content);
    }
    names[path.substr(directory.size() + 1)] = shown;
    if (error) break;
  }
  return error ? directory + ": " + error.message() : "";
}

}  // namespace copse::plug
