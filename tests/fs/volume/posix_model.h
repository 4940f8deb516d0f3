#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace copse::fs {

/// What POSIX and ext4 say of a small file system, in the most obvious way: maps of names, strings of bytes, and link
/// counts that are counted when asked. Shares nothing with the volume. Calls return the error, or none.
class PosixModel {
 public:
  using Id = int;
  enum class Kind { kDirectory, kFile, kSymlink };
  struct Inode {
    Kind kind = Kind::kFile;
    std::uint32_t mode = 0;
    std::uint32_t uid = 0;
    std::string bytes;  ///< Contents, or the target of a link.
    std::map<std::string, std::string> xattrs;
    std::map<std::string, Id> entries;
    std::int64_t mtime = 0;
    std::int64_t ctime = 0;
    bool removed = false;  ///< Of a directory.
  };
  static constexpr Id kRootId = 0;

  PosixModel() { inodes_[kRootId] = Inode{Kind::kDirectory, 0755, 0, "", {}, {}, 0, 0, false}; }

  std::int64_t now = 0;

  const Inode& At(Id id) const { return inodes_.at(id); }
  const std::map<Id, Inode>& inodes() const { return inodes_; }

  std::optional<Id> Find(Id directory, const std::string& name) const {
    const auto& entries = At(directory).entries;
    const auto found = entries.find(name);
    return found == entries.end() ? std::nullopt : std::optional(found->second);
  }

  int Links(Id id) const {
    int links = 0;
    for (const auto& [parent, inode] : inodes_) {
      if (inode.removed) continue;
      for (const auto& [name, child] : inode.entries) {
        if (child == id || (parent == id && At(child).kind == Kind::kDirectory)) ++links;
      }
    }
    const Inode& inode = At(id);
    if (inode.kind != Kind::kDirectory) return links;
    return inode.removed ? 0 : links + (id == kRootId ? 2 : 1);  // "." and, for the root, "..".
  }

  std::errc Make(Id parent, const std::string& name, Kind kind, std::uint32_t mode, std::uint32_t uid,
                 const std::string& bytes, Id* made) {
    if (const std::errc error = CheckChange(parent); error != std::errc{}) return error;
    if (Find(parent, name)) return std::errc::file_exists;
    *made = static_cast<Id>(inodes_.size());
    inodes_[*made] = Inode{kind, mode, uid, bytes, {}, {}, now, now, false};
    Enter(parent, name, *made);
    return {};
  }

  std::errc Link(Id id, Id parent, const std::string& name) {
    if (At(id).kind == Kind::kDirectory) return std::errc::operation_not_permitted;
    if (const std::errc error = CheckChange(parent); error != std::errc{}) return error;
    if (Find(parent, name)) return std::errc::file_exists;
    if (Links(id) == 0) return std::errc::no_such_file_or_directory;
    Enter(parent, name, id);
    inodes_[id].ctime = now;
    return {};
  }

  std::errc Unlink(Id parent, const std::string& name) {
    const auto found = Find(parent, name);
    if (!found) return NoEntry(parent);
    if (At(*found).kind == Kind::kDirectory) return std::errc::is_a_directory;
    Leave(parent, name);
    inodes_[*found].ctime = now;
    return {};
  }

  std::errc Rmdir(Id parent, const std::string& name) {
    const auto found = Find(parent, name);
    if (!found) return NoEntry(parent);
    if (At(*found).kind != Kind::kDirectory) return std::errc::not_a_directory;
    if (!At(*found).entries.empty()) return std::errc::directory_not_empty;
    Leave(parent, name);
    inodes_[*found].removed = true;
    inodes_[*found].ctime = now;
    return {};
  }

  std::errc Rename(Id parent, const std::string& name, Id new_parent, const std::string& new_name, bool no_replace,
                   bool exchange) {
    if (At(parent).kind != Kind::kDirectory) return std::errc::not_a_directory;
    if (const std::errc error = CheckChange(new_parent); error != std::errc{}) return error;
    const auto source = Find(parent, name);
    const auto target = Find(new_parent, new_name);
    if (!source || (exchange && !target)) return std::errc::no_such_file_or_directory;
    if (no_replace && target) return std::errc::file_exists;
    if (target == source) return {};
    if (IsWithin(new_parent, *source) || (exchange && IsWithin(parent, *target))) return std::errc::invalid_argument;
    if (target && !exchange) {
      const bool onto_directory = At(*target).kind == Kind::kDirectory;
      const bool is_directory = At(*source).kind == Kind::kDirectory;
      if (is_directory && !onto_directory) return std::errc::not_a_directory;
      if (!is_directory && onto_directory) return std::errc::is_a_directory;
      if (!At(*target).entries.empty()) return std::errc::directory_not_empty;
      inodes_[*target].removed = onto_directory;
      inodes_[*target].ctime = now;
    }
    Leave(parent, name);
    Enter(new_parent, new_name, *source);
    inodes_[*source].ctime = now;
    if (exchange) {
      Enter(parent, name, *target);
      inodes_[*target].ctime = now;
    }
    return {};
  }

  void Write(Id id, std::size_t offset, const std::string& bytes) {
    std::string& contents = inodes_[id].bytes;
    if (contents.size() < offset + bytes.size()) contents.resize(offset + bytes.size(), '\0');
    contents.replace(offset, bytes.size(), bytes);
    Changed(id);
  }
  void Truncate(Id id, std::size_t size) {
    inodes_[id].bytes.resize(size, '\0');
    Changed(id);
  }
  void Chmod(Id id, std::uint32_t mode) { inodes_[id].mode = mode, inodes_[id].ctime = now; }
  void Chown(Id id, std::uint32_t uid) { inodes_[id].uid = uid, inodes_[id].ctime = now; }
  void SetMtime(Id id, std::int64_t mtime) { inodes_[id].mtime = mtime, inodes_[id].ctime = now; }
  void SetXattr(Id id, const std::string& name, const std::string& value) {
    inodes_[id].xattrs[name] = value;
    inodes_[id].ctime = now;
  }
  std::errc RemoveXattr(Id id, const std::string& name) {
    if (inodes_[id].xattrs.erase(name) == 0) return std::errc::no_message_available;
    inodes_[id].ctime = now;
    return {};
  }

 private:
  std::errc CheckChange(Id directory) const {
    if (At(directory).kind != Kind::kDirectory) return std::errc::not_a_directory;
    return At(directory).removed ? std::errc::no_such_file_or_directory : std::errc{};
  }
  std::errc NoEntry(Id directory) const {
    return At(directory).kind == Kind::kDirectory ? std::errc::no_such_file_or_directory : std::errc::not_a_directory;
  }
  void Enter(Id directory, const std::string& name, Id id) {
    inodes_[directory].entries[name] = id;
    Changed(directory);
  }
  void Leave(Id directory, const std::string& name) {
    inodes_[directory].entries.erase(name);
    Changed(directory);
  }
  void Changed(Id id) { inodes_[id].mtime = inodes_[id].ctime = now; }
  bool IsWithin(Id place, Id directory) const {
    if (place == directory) return true;
    for (const auto& [name, child] : At(directory).entries) {
      if (IsWithin(place, child)) return true;
    }
    return false;
  }

  std::map<Id, Inode> inodes_;
};

}  // namespace copse::fs
