#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <string>

#include "plug/history.h"

namespace copse::plug {

/// Of the disk below the mount.
enum class Power { kOn, kGoing, kGone };

/// Works in a directory of a mount as programs do: creates, overwrites, appends, truncates, renames over, links,
/// unlinks, makes and removes directories, changes modes, fsyncs files and directories; until a call fails because the
/// mount is gone. Notes in a history what it is told.
///
/// What is acknowledged while the power goes counts for nothing: nobody would have heard of it. (And it may not be
/// true: while Linux shuts an ext4 down, an fdatasync that waits for the journal's commit can return 0 without one.)
class User {
 public:
  /// `clock` counts for all users; all outlive the user.
  User(std::string directory, History& history, std::atomic<std::uint64_t>& clock, const std::atomic<Power>& power,
       std::uint64_t seed)
      : directory_(std::move(directory)), history_(history), clock_(clock), power_(power), random_(seed) {}

  void Work();
  std::uint64_t calls() const { return calls_; }
  std::uint64_t syncs() const { return syncs_; }
  /// What a call failed with that should not have; empty if none.
  const std::string& failure() const { return failure_; }

 private:
  std::uint64_t Draw(std::uint64_t below) { return random_() % below; }
  std::string DrawPath();
  std::string DrawBytes();
  std::string Full(const std::string& path) const { return directory_ + "/" + path; }
  std::string ParentOf(const std::string& path) const;

  /// Makes a call that leads to `after` if it succeeds; whether it did.
  template <typename Call>
  bool Change(const Names& after, const Call& call);
  /// A call failed with errno: ends the work unless that is what it should.
  void Failed(const char* doing, const std::string& path);

  void Step();
  void Create(const std::string& path);
  void WriteSome(int file, std::uint64_t inode);
  void Edit(const std::string& path);
  /// Of a file of more than a mebibyte, which may pass through the kernel: all or some of it, synced one way or
  /// another.
  void EditLarge();
  void WriteMapped(int file, std::uint64_t inode, std::size_t offset, const std::string& bytes);
  void Rename(const std::string& path);
  void Link(const std::string& path);
  void Remove(const std::string& path);
  void SetMode(const std::string& path);
  void SyncDirectory(const std::string& path);
  void Fsync(int descriptor, std::uint64_t inode);

  const std::string directory_;
  History& history_;
  std::atomic<std::uint64_t>& clock_;
  const std::atomic<Power>& power_;
  std::mt19937_64 random_;
  std::uint64_t calls_ = 0;
  std::uint64_t syncs_ = 0;
  bool is_over_ = false;
  std::string failure_;
};

/// What is below `directory` now: names, and the contents of files by inode. Returns what went wrong, or nothing.
std::string Look(const std::string& directory, Names& names, std::map<std::uint64_t, std::string>& contents);

}  // namespace copse::plug
