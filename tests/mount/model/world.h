#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "mount/model/call.h"

namespace copse::posix {

/// A directory in which a trace is carried out, with the files that the trace has open. What is told of it leaves out
/// what file systems may differ in: numbers of inodes, sizes of directories, access times.
class World {
 public:
  /// Makes `directory`, with room for all who call. Needs root.
  explicit World(const std::string& directory);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Carries `call` out; returns its result or the name of its errno.
  std::string Do(const Call& call);

  /// All that can be seen by path: kinds, modes, owners, links, sizes, bytes, targets, extended attributes.
  std::map<std::string, std::string> Tree() const;
  /// Every path but ".", ascending.
  Known Paths() const;

  struct Times {
    std::string path;
    timespec mtime;
    timespec ctime;
  };
  using TimesByInode = std::map<ino_t, Times>;
  TimesByInode AllTimes() const;
  /// Which of mtime and ctime have moved since `before`, by path. What was made since does not count.
  std::string Moved(const TimesByInode& before) const;

 private:
  struct Open {
    int descriptor = -1;
    bool is_direct = false;
  };

  std::string Carry(const Call& call);
  std::string OnPath(const Call& call);
  std::string OnSlot(const Call& call);
  std::string OnBytes(const Call& call, const Open& open, const struct stat& before);
  std::string OpenSlot(const Call& call);
  std::string Reopen(const Call& call, int descriptor);
  void Close(const std::string& slot);
  std::string Keep(const std::string& slot, int descriptor, int flags);
  std::string Map(const Call& call, int descriptor, const struct stat& before);
  std::string Seek(const Call& call, int descriptor, const struct stat& before);

  int root_ = -1;
  mode_t umask_ = 022;
  std::map<std::string, Open> slots_;
};

}  // namespace copse::posix
