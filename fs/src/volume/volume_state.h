#pragma once

#include <absl/container/flat_hash_map.h>
#include <copse/base/check.h>
#include <copse/base/status_macros.h>
#include <copse/fs/error.h>
#include <copse/fs/volume.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "volume/batch.h"
#include "volume/open_file.h"
#include "volume/schema.h"

namespace copse::fs {

class Volume::Handle {
 public:
  Handle(std::shared_ptr<OpenFile> file, OpenFlags flags) : file_(std::move(file)), flags_(flags) {}
  const std::shared_ptr<OpenFile>& file() const { return file_; }
  const OpenFlags& flags() const { return flags_; }
  /// Whether this is the handle's first read: the access time is looked after once for a handle.
  bool IsFirstRead() { return !read_.exchange(true, std::memory_order_relaxed); }

 private:
  const std::shared_ptr<OpenFile> file_;
  const OpenFlags flags_;
  std::atomic<bool> read_ = false;
};

/// What the parts of the volume share.
///
/// Locks, in the order in which they are taken; each may be taken without those before it:
///   1. OpenFile::publish_mutex   one publication of an inode at a time; disk I/O happens under it
///   2. tree_mutex                replica and projection; exclusive only to submit a batch; no disk I/O under it
///   3. local_mutex               lookup counts, access times, which files are in use; leaf but for 4
///   4. StagedFile's own lock, OpenFile::schedule_mutex, space_mutex, sink_mutex: leaves
/// The invalidation sink is called with none of them held.
struct Volume::State {
  /// What this process alone knows of an inode; gone when the kernel has forgotten it and nobody uses it.
  struct Local {
    std::uint64_t lookups = 0;
    std::optional<base::UnixNanoseconds> atime;
    std::shared_ptr<OpenFile> open;
    bool is_idle() const { return lookups == 0 && open == nullptr; }
  };

  /// Keeps an OpenFile in use while it lives. Must not be destroyed while this thread holds tree_mutex.
  class Pin {
   public:
    Pin() = default;
    Pin(State& state, std::shared_ptr<OpenFile> file) : state_(&state), file_(std::move(file)) {}
    Pin(Pin&& other) noexcept : state_(other.state_), file_(std::move(other.file_)) {}
    Pin& operator=(Pin&& other) noexcept {
      std::swap(state_, other.state_);
      std::swap(file_, other.file_);
      return *this;
    }
    ~Pin() {
      if (file_ != nullptr) state_->Unpin(*file_);
    }
    OpenFile& operator*() const { return *file_; }
    OpenFile* operator->() const { return file_.get(); }
    explicit operator bool() const { return file_ != nullptr; }
    /// The use goes on beyond the pin: a handle has it now.
    std::shared_ptr<OpenFile> Keep() && { return std::move(file_); }

   private:
    State* state_ = nullptr;
    std::shared_ptr<OpenFile> file_;
  };

  /// Work posted to the executor reaches the volume through this, and nothing once the volume is gone.
  struct Lifeline {
    std::mutex mutex;
    State* state = nullptr;
  };

  using TreeReadLock = std::shared_lock<std::shared_mutex>;
  using TreeWriteLock = std::unique_lock<std::shared_mutex>;

  State(Environment surroundings, crdt::TreeReplica& tree_replica, const Options& volume_options);

  const crdt::Tree& tree() const { return replica.tree(); }

  // volume.cc: checks, and the way of a batch.
  absl::Status CheckWritable() const;
  /// ENOENT, ENOTDIR or ENAMETOOLONG unless an entry `name` can be looked for in `directory`.
  absl::Status CheckEntry(NodeId directory, std::string_view name) const;
  /// As CheckEntry, and ENOENT where the directory itself was removed.
  absl::Status CheckEntryForChange(NodeId directory, std::string_view name) const;
  absl::StatusOr<Kind> KindOrError(NodeId node) const;  ///< ENOENT.
  /// Submits and brings the projection up to date. Under the exclusive tree lock.
  absl::StatusOr<Invalidations> Commit(Batch batch);
  absl::Status WriteLabel();
  /// Sends what the kernel, which asked for the change of `known`, cannot know. Without any lock.
  void Announce(Invalidations changed, std::span<const Invalidations::Name> known);
  void AnnounceAll(const Invalidations& changed);

  // space.cc
  absl::Status EnsureSpace(std::uint64_t bytes);
  absl::StatusOr<base::Storage::Space> FreeSpace() const;
  std::uint64_t ReserveOf(const base::Storage::Space& space) const;

  // attributes.cc; under the tree lock, shared or not.
  Attributes AttributesOf(NodeId node, Kind kind);
  /// Without what is staged or local: a function of the tree.
  Attributes PublishedAttributesOf(NodeId node, Kind kind) const;
  Attributes AttributesWith(NodeId node, Kind kind, const OpenFile* staged) const;
  /// "." or ".." of a node that has a name somewhere.
  absl::StatusOr<Entry> LookUpByNode(NodeId node, std::string_view name);
  /// Attributes, and one lookup more.
  Entry LookedUp(NodeId node, Kind kind);
  void NoteAccess(NodeId node);  ///< Takes the tree lock itself.

  // names.cc
  /// A new inode with one name. `extra` are registers of its kind; with `pin`, it is in use when this returns.
  absl::StatusOr<Entry> MakeInode(const Caller& caller, NodeId parent, std::string_view name, Kind kind,
                                  std::uint32_t mode, std::vector<crdt::Field> extra, Pin* pin);
  /// Pins contents that programs wrote and closed, and that are not published yet, where the last name of `inode` is
  /// about to go: published first, they are in trash. Under the tree lock.
  Pin PinUnpublished(NodeId inode);
  /// Adds what removes the name shown by `entry`. Under the tree lock.
  void AppendRemoval(Batch& batch, const ShownEntry& entry, base::UnixNanoseconds now) const;
  /// The group of a new entry of `directory`, and whether a new directory inherits the bit (inode(7), S_ISGID).
  std::pair<std::uint32_t, bool> GroupFor(const Caller& caller, NodeId directory) const;
  absl::Status Remove(NodeId parent, std::string_view name, bool directory);

  // rename.cc; under the tree lock.
  absl::Status CheckRename(NodeId new_parent, const ShownEntry& source, const std::optional<ShownEntry>& target,
                           bool exchange, NodeId parent) const;

  // files.cc: which files are in use. Pinning takes local_mutex.
  Pin PinOpen(NodeId node);                     ///< Empty where the file is not in use.
  Pin PinUnderTreeLock(NodeId node);            ///< A regular file.
  absl::StatusOr<Pin> PinRegular(NodeId node);  ///< EISDIR, EINVAL, ENOENT. Takes the tree lock.
  absl::StatusOr<Pin> PinFor(NodeId node, Handle* handle);
  void Unpin(OpenFile& file);
  void DropIfUnused(absl::flat_hash_map<NodeId, Local>::iterator local);
  Handle* MakeHandle(Pin pin, OpenFlags flags);
  bool HasName(NodeId inode);  ///< Takes the tree lock.

  // contents.cc
  /// The contents of `file` have changed, with `bytes` written: notes the time and sees to publication.
  void NoteChange(OpenFile& file, std::uint64_t bytes);
  /// Clears capabilities and, where asked, the set-id bits, as ext4 does before a write.
  absl::Status ClearPrivileges(OpenFile& file, bool clear_setid);
  /// The registers that clear them; under the tree lock.
  std::vector<crdt::Field> PrivilegesToClear(NodeId inode, bool clear_setid) const;
  /// Whether that changed anything: where it did not, the caller moves the time.
  absl::StatusOr<bool> TruncateTo(OpenFile& file, std::uint64_t size, base::UnixNanoseconds now);
  absl::StatusOr<std::size_t> WriteTo(OpenFile& file, bool append, std::uint64_t offset, std::string_view bytes,
                                      bool clear_setid);

  // publishing.cc
  absl::Status Publish(OpenFile& file);
  /// Makes `manifest` a version of the inode and the base of `file`.
  absl::Status SubmitVersion(OpenFile& file, Manifest manifest);
  void SchedulePublication(OpenFile& file, std::chrono::nanoseconds delay);
  void RunPublication(NodeId node);
  absl::Status FlushAll();
  absl::Status Recover(std::vector<std::string>& notes);

  // trash.cc; under the tree lock.
  std::vector<NodeId> TrashNodes() const;
  std::string OldPathOf(NodeId node) const;
  std::string PathOf(NodeId node) const;

  const Environment env;
  crdt::TreeReplica& replica;
  const Options options;
  std::unique_ptr<StagingArea> staging;

  std::shared_mutex tree_mutex;
  std::unique_ptr<Projection> projection;
  /// replica.lamport_counter(), readable without the lock.
  std::atomic<std::uint64_t> counter;

  std::mutex local_mutex;
  absl::flat_hash_map<NodeId, Local> locals;
  /// Those given out: a mount that is torn off releases none.
  absl::flat_hash_map<const Handle*, std::unique_ptr<Handle>> handles;

  /// Written and not yet published, over all files.
  std::atomic<std::uint64_t> unpublished_bytes = 0;

  std::mutex space_mutex;
  std::atomic<std::int64_t> space_checked_at = OpenFile::kNever;
  std::atomic<std::uint64_t> space_used_since = 0;
  std::atomic<bool> space_is_short = false;

  std::mutex sink_mutex;
  InvalidationSink sink;

  const std::shared_ptr<Lifeline> lifeline = std::make_shared<Lifeline>();
};

}  // namespace copse::fs
