// Every call runs as the user that it names, relative to the world's directory. The program has one thread, so that
// user and umask, which belong to all of a process, can be changed around each call.
#include "mount/model/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "mount/model/describe.h"

namespace copse::posix {
namespace {

void Require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// The caller of one call, for as long as it lives.
class As {
 public:
  explicit As(unsigned user) {
    if (user == 0) return;
    Require(setegid(user) == 0 && seteuid(user) == 0, "becoming another user");
  }
  ~As() {
    if (seteuid(0) != 0 || setegid(0) != 0) std::abort();
  }
};

std::string ListOf(const std::string& path) {
  DIR* const stream = opendir(path.c_str());
  if (stream == nullptr) return ErrorName(errno);
  std::vector<std::string> names;
  while (const dirent* entry = readdir(stream)) names.push_back(entry->d_name + ("/" + std::to_string(entry->d_type)));
  closedir(stream);
  std::sort(names.begin(), names.end());
  std::string text = "ok";
  for (const std::string& name : names) text += " " + name;
  return text;
}

/// Access control lists of several shapes, good ones and bad ones; `bits` are nine bits of rights.
std::string AclOf(std::int64_t shape, std::int64_t bits) {
  std::string value("\2\0\0\0", 4);
  const auto add = [&](int tag, std::int64_t rights, std::uint32_t id = UINT32_MAX) {
    value += {static_cast<char>(tag), '\0', static_cast<char>(rights & 7), '\0'};
    for (int shift = 0; shift < 32; shift += 8) value += static_cast<char>((id >> shift) & 0xff);
  };
  if (shape == 6) return value;  // Without entries: removes.
  add(1, bits >> 6);
  if (shape == 1 || shape == 3 || shape == 5) add(2, bits >> 2, 1000);
  add(4, bits >> 3);
  if (shape == 2 || shape == 3) add(8, bits >> 5, 1001);
  if (shape >= 1 && shape <= 4) add(16, bits >> 1);
  if (shape != 7) add(32, bits);
  return value;
}

}  // namespace

World::World(const std::string& directory) {
  Require(mkdir(directory.c_str(), 0755) == 0 && chmod(directory.c_str(), 0777) == 0, directory);
  root_ = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Require(root_ >= 0 && setgroups(0, nullptr) == 0, directory);
}

World::~World() {
  for (const auto& [number, open] : slots_) close(open.descriptor);
  close(root_);
}

std::string World::Do(const Call& call) {
  Require(fchdir(root_) == 0, "the world's directory");
  umask(022);
  return Carry(call);
}

std::string World::DoTimed(const Call& call) {
  const auto before = AllTimes();
  std::this_thread::sleep_for(std::chrono::milliseconds(11));
  std::string outcome = Do(call);
  std::set<std::string> changes;
  for (const auto& [inode, now] : AllTimes()) {
    const auto found = before.find(inode);
    if (found == before.end()) continue;
    const auto moved = [](const timespec& a, const timespec& b) {
      return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec;
    };
    const Times& then = found->second.second;
    if (moved(then.mtime, now.second.mtime)) changes.insert(" mtime:" + now.first);
    if (moved(then.ctime, now.second.ctime)) changes.insert(" ctime:" + now.first);
  }
  for (const std::string& change : changes) outcome += change;
  return outcome;
}

std::string World::Carry(const Call& call) {
  const bool has_slot = !call.text(0).empty() && std::isdigit(static_cast<unsigned char>(call.text(0)[0])) != 0;
  if (call.name() == "open") return OpenSlot(call);
  return has_slot ? OnSlot(call) : OnPath(call);
}

std::string World::OpenSlot(const Call& call) {
  const auto old = slots_.find(call.text(0));
  if (old != slots_.end()) {
    close(old->second.descriptor);
    slots_.erase(old);
  }
  const auto flags = static_cast<int>(call.number(2));
  const As user(call.user());
  const int descriptor = open(call.text(1).c_str(), flags | O_CLOEXEC, static_cast<mode_t>(call.number(3)));
  if (descriptor < 0) return ErrorName(errno);
  slots_[call.text(0)] = {descriptor, (flags & O_DIRECT) != 0};
  return "ok";
}

std::string World::OnPath(const Call& call) {
  const std::string& name = call.name();
  const char* const path = call.text(0).c_str();
  const auto is = [&](const char* other) { return name == other; };
  const As user(call.user());
  if (is("mkdir")) {
    umask(static_cast<mode_t>(call.number(2)));
    return Outcome(mkdir(path, static_cast<mode_t>(call.number(1))));
  }
  if (is("rmdir")) return Outcome(rmdir(path));
  if (is("unlink")) return Outcome(unlink(path));
  if (is("rename")) {
    return Outcome(renameat2(AT_FDCWD, path, AT_FDCWD, call.text(1).c_str(), static_cast<unsigned>(call.number(2))));
  }
  if (is("link")) {
    return Outcome(linkat(AT_FDCWD, path, AT_FDCWD, call.text(1).c_str(), call.number(2) != 0 ? AT_SYMLINK_FOLLOW : 0));
  }
  if (is("symlink")) return Outcome(symlink(path, call.text(1).c_str()));
  if (is("readlink")) {
    char target[5000];
    const ssize_t size = readlink(path, target, sizeof target);
    return Outcome(size) + (size < 0 ? "" : " " + std::string(target, static_cast<std::size_t>(size)));
  }
  if (is("mknod")) {
    const auto mode = static_cast<mode_t>(call.number(1) | (call.number(2) & 07777));
    return Outcome(mknod(path, mode, makedev(1, 3)));
  }
  if (is("chmod")) return Outcome(chmod(path, static_cast<mode_t>(call.number(1))));
  const auto flag = [&](std::size_t i) { return call.number(i) != 0 ? AT_SYMLINK_NOFOLLOW : 0; };
  if (is("chown")) {
    return Outcome(
        fchownat(AT_FDCWD, path, static_cast<uid_t>(call.number(1)), static_cast<gid_t>(call.number(2)), flag(3)));
  }
  if (is("utimens")) {
    const timespec times[2] = {TimeOf(call.text(1)), TimeOf(call.text(2))};
    if (utimensat(AT_FDCWD, path, times, flag(3)) != 0) return ErrorName(errno);
    struct stat after {};
    return fstatat(AT_FDCWD, path, &after, flag(3)) != 0 ? "ok" : "ok" + DescribeSetMtime(times[1], after);
  }
  if (is("truncate")) return Outcome(truncate(path, call.number(1)));
  if (is("stat")) {
    struct stat found {};
    return fstatat(AT_FDCWD, path, &found, flag(1)) != 0 ? ErrorName(errno) : "ok " + Describe(found);
  }
  if (is("access")) return Outcome(faccessat(AT_FDCWD, path, static_cast<int>(call.number(1)), AT_EACCESS));
  if (is("list")) return ListOf(call.text(0));
  if (is("setxattr")) {
    const std::string value(static_cast<std::size_t>(call.number(2)), 'v');
    return Outcome(lsetxattr(path, call.text(1).c_str(), value.data(), value.size(), static_cast<int>(call.number(3))));
  }
  if (is("setacl")) {
    const char* const kind = call.number(1) != 0 ? "system.posix_acl_default" : "system.posix_acl_access";
    const std::string value = AclOf(call.number(2), call.number(3));
    return Outcome(setxattr(path, kind, value.data(), value.size(), 0));
  }
  if (is("getxattr")) {
    char value[200];
    return Outcome(lgetxattr(path, call.text(1).c_str(), value, sizeof value));
  }
  if (is("removexattr")) return Outcome(lremovexattr(path, call.text(1).c_str()));
  if (is("listxattr")) return DescribeXattrs(call.text(0), /*with_values=*/false);
  if (is("statfs")) {
    struct statfs space {};
    return statfs(path, &space) != 0 ? ErrorName(errno) : "ok " + std::to_string(space.f_namelen);
  }
  throw std::runtime_error("no such call: " + TextOf(call));
}

std::map<ino_t, std::pair<std::string, World::Times>> World::AllTimes() const {
  Require(fchdir(root_) == 0, "the world's directory");
  std::map<ino_t, std::pair<std::string, Times>> all;
  ForEachPath([&](const std::string& path, const struct stat& found) {
    all.try_emplace(found.st_ino, path, Times{found.st_mtim, found.st_ctim});
  });
  return all;
}

std::map<std::string, std::string> World::Tree() const {
  Require(fchdir(root_) == 0, "the world's directory");
  std::map<std::string, std::string> tree;
  std::map<ino_t, std::string> first;
  ForEachPath([&](const std::string& path, const struct stat& found) {
    // Which names belong together is the same everywhere, whatever the numbers are.
    const std::string& same_as = first.try_emplace(found.st_ino, path).first->second;
    tree[path] = Describe(found) + " as " + same_as + DescribeContents(path, found) +
                 (S_ISLNK(found.st_mode) ? "" : " xattrs " + DescribeXattrs(path, /*with_values=*/true));
  });
  return tree;
}

}  // namespace copse::posix
