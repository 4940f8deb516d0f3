#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace copse::plug {

/// What a name shows of its inode.
struct Shown {
  char kind = 'f';          ///< 'f' a file, 'd' a directory.
  std::uint64_t inode = 0;  ///< 0: not known, because the call that made it has not returned.
  std::uint32_t mode = 0;
  std::uint64_t links = 1;  ///< Of files only.

  friend bool operator==(const Shown& a, const Shown& b) {
    return a.kind == b.kind && (a.inode == b.inode || a.inode == 0 || b.inode == 0) && a.mode == b.mode &&
           a.links == b.links;
  }
};
/// Every name below a directory, by its path from there.
using Names = std::map<std::string, Shown>;

/// What one user of a mount was told, kept outside of it: each call that changed names, when it began and when it
/// returned; each file's contents; and when syncs returned. Times are those of one counter for all users.
class History {
 public:
  /// The story begins with these names, durable.
  explicit History(Names names) { calls_.push_back({0, 0, std::move(names)}); }

  const Names& names() const { return calls_.back().after; }
  /// A call was made that leads to `after`.
  void Begin(std::uint64_t time, Names after) { calls_.push_back({time, kNever, std::move(after)}); }
  /// It returned; `after` as it is known now.
  void Return(std::uint64_t time, Names after);
  /// It returned an error: nothing has changed.
  void Refuse() { calls_.pop_back(); }

  // Contents by inode. A new file's are empty.
  void Holds(std::uint64_t inode, std::string content) { contents_[inode].versions.push_back({std::move(content), 0}); }
  /// As left by a write that began at `offset`.
  void HoldsAfterWrite(std::uint64_t inode, std::string content, std::size_t offset) {
    contents_[inode].versions.push_back({std::move(content), offset});
  }
  const std::string& Latest(std::uint64_t inode) { return contents_[inode].versions.back().bytes; }
  /// fsync of the file returned.
  void IsDurable(std::uint64_t inode) { contents_[inode].durable = contents_[inode].versions.size() - 1; }
  /// A sync of anything that began then has returned: all that had returned before is durable.
  void SyncedSince(std::uint64_t time) { synced_since_ = std::max(synced_since_, time); }
  std::uint64_t synced_since() const { return synced_since_; }

  /// Whether `content` is made of nothing but what was written to the file since its last fsync; else what is wrong.
  std::string CheckContent(std::uint64_t inode, std::string_view content) const;

  // After the call `index` (0: the beginning) the names were...
  std::size_t size() const { return calls_.size(); }
  bool NamesWere(std::size_t index, const Names& names) const { return calls_[index].after == names; }
  std::uint64_t began(std::size_t index) const { return calls_[index].began; }
  std::uint64_t returned(std::size_t index) const { return calls_[index].returned; }

 private:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  struct Call {
    std::uint64_t began = 0;
    std::uint64_t returned = kNever;
    Names after;
  };
  struct Version {
    std::string bytes;
    std::size_t written_from = 0;  ///< Where the write that made it began; 0 if it was none.
  };
  struct Content {
    std::vector<Version> versions{{}};
    std::size_t durable = 0;
  };

  std::vector<Call> calls_;
  std::map<std::uint64_t, Content> contents_;
  std::uint64_t synced_since_ = 0;
};

/// Whether `found`, the names of each user's directory after a crash, is what a prefix of all calls left, in an order
/// in which they may have been made, that has in it every call that a sync covered. Else what is wrong.
std::string CheckNames(const std::vector<History>& histories, const std::vector<Names>& found);

}  // namespace copse::plug
