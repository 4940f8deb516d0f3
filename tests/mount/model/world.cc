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
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>
#include <stdexcept>

#include "mount/model/as.h"
#include "mount/model/describe.h"

namespace copse::posix {
namespace {

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
  umask(umask_);
  Call resolved = call;
  for (std::size_t i = 2; i < resolved.words.size(); ++i) {
    std::string& word = resolved.words[i];
    if (word[0] != '@') continue;
    const std::size_t slash = word.find('/');
    const auto found = slots_.find(word.substr(1, slash - 1));
    if (found == slots_.end()) return "not open";
    if (fchdir(found->second.descriptor) != 0) return ErrorName(errno);
    word.erase(0, slash + 1);
  }
  return Carry(resolved);
}

std::string World::Moved(const TimesByInode& before) const {
  const auto moved = [](const timespec& a, const timespec& b) {
    return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec;
  };
  std::set<std::string> changes;
  for (const auto& [inode, now] : AllTimes()) {
    const auto then = before.find(inode);
    if (then == before.end()) continue;
    if (moved(then->second.mtime, now.mtime)) changes.insert(" mtime:" + now.path);
    if (moved(then->second.ctime, now.ctime)) changes.insert(" ctime:" + now.path);
  }
  std::string text;
  for (const std::string& change : changes) text += change;
  return text;
}

std::string World::Carry(const Call& call) {
  if (call.name() == "open") return OpenSlot(call);
  if (call.name() == "forget") {  // The kernel drops what it may of names and inodes.
    const int control = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    const std::string outcome = Outcome(write(control, "2", 1));
    close(control);
    return outcome;
  }
  if (call.name() == "umask") {
    umask_ = static_cast<mode_t>(call.number(0));
    return "ok";
  }
  const bool has_slot = !call.text(0).empty() && std::isdigit(static_cast<unsigned char>(call.text(0)[0])) != 0;
  return has_slot ? OnSlot(call) : OnPath(call);
}

std::string World::OpenSlot(const Call& call) {
  const auto flags = static_cast<int>(call.number(2));
  const As user(call.user());
  return Keep(call.text(0), open(call.text(1).c_str(), flags | O_CLOEXEC, static_cast<mode_t>(call.number(3))), flags);
}

void World::Close(const std::string& slot) {
  const auto old = slots_.find(slot);
  if (old == slots_.end()) return;
  close(old->second.descriptor);
  slots_.erase(old);
}

std::string World::Keep(const std::string& slot, int descriptor, int flags) {
  if (descriptor < 0) return ErrorName(errno);
  Close(slot);
  slots_[slot] = {descriptor, (flags & O_DIRECT) != 0};
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

World::TimesByInode World::AllTimes() const {
  Require(fchdir(root_) == 0, "the world's directory");
  TimesByInode all;
  ForEachPath([&](const std::string& path, const struct stat& found) {
    all.try_emplace(found.st_ino, Times{path, found.st_mtim, found.st_ctim});
  });
  return all;
}

Known World::Paths() const {
  Require(fchdir(root_) == 0, "the world's directory");
  Known known;
  ForEachPath([&](const std::string& path, const struct stat& found) {
    if (path != ".") (S_ISDIR(found.st_mode) ? known.directories : known.others).push_back(path);
  });
  return known;
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
