#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <copse/base/check.h>
#include <copse/base/status_macros.h>
#include <copse/fs/error.h>
#include <copse/fs/volume.h>

#include <atomic>
#include <initializer_list>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "content/about_to_wait.h"
#include "volume/access_times.h"
#include "volume/batch.h"
#include "volume/numbers.h"
#include "volume/open_file.h"
#include "volume/schema.h"

namespace copse::fs {

class Volume::Handle {
 public:
  Handle(std::shared_ptr<OpenFile> file, OpenFlags flags) : file_(std::move(file)), flags_(flags) {}
  /// Guarded by State::local_mutex: it changes where a sibling has become part of another file.
  std::shared_ptr<OpenFile>& file() { return file_; }
  const OpenFlags& flags() const { return flags_; }
  /// Whether this is the handle's first read: the access time is looked after once for a handle.
  bool IsFirstRead() { return !read_.exchange(true, std::memory_order_relaxed); }
  void set_passes_through() { passes_through_ = true; }
  /// Whether it did.
  bool reset_passes_through() { return passes_through_.exchange(false); }

 private:
  std::shared_ptr<OpenFile> file_;
  const OpenFlags flags_;
  std::atomic<bool> read_ = false;
  std::atomic<bool> passes_through_ = false;
};

/// What the parts of the volume share.
///
/// Locks, in the order in which they are taken; each may be taken without those before it:
///   1. OpenFile::publish_mutex   one publication of an inode at a time; disk I/O happens under it
///      OpenFile::passthrough_mutex  the same of beginning and ending passthrough; neither is taken under the other
///   2. tree_mutex                replica and projection; exclusive only to submit a batch; no disk I/O under it
///   3. local_mutex               lookup counts, access times, which files are in use; leaf but for 4
///   4. StagedFile's own lock, OpenFile::schedule_mutex, closed_mutex, names_mutex, space_mutex, sink_mutex: leaves
/// The invalidation sink is called with none of them held.
struct Volume::State {
  using Subject = fs::Subject;

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
    const std::shared_ptr<OpenFile>& file() const { return file_; }
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
  /// Says first that it waits, where it has to: whoever only looks goes on meanwhile.
  class TreeWriteLock {
   public:
    explicit TreeWriteLock(std::shared_mutex& mutex) : lock_(mutex, std::try_to_lock) {
      if (lock_.owns_lock()) return;
      AboutToWait();
      lock_.lock();
    }

   private:
    std::unique_lock<std::shared_mutex> lock_;
  };

  State(Environment surroundings, crdt::TreeReplica& tree_replica, const Options& volume_options);

  const crdt::Tree& tree() const { return replica.tree(); }

  // volume.cc: checks, and the way of a batch.
  absl::Status CheckWritable() const;
  /// ENOENT, ENOTDIR or ENAMETOOLONG unless an entry `name` can be looked for in `directory`.
  absl::Status CheckEntry(NodeId directory, std::string_view name);
  /// As CheckEntry, and ENOENT where the directory itself was removed.
  absl::Status CheckEntryForChange(NodeId directory, std::string_view name);
  /// ENOENT or ENOTDIR unless something can be made in `directory`.
  absl::Status CheckDirectoryForChange(NodeId directory);
  /// Submits and brings the projection up to date. Under the exclusive tree lock.
  absl::StatusOr<Invalidations> Commit(Batch batch);
  absl::Status WriteLabel();
  /// Takes the name out of `changed` if it now leads to what the kernel believes that its own request has made it lead
  /// to (nothing, if `believed` is absent), and else puts it in. Under the tree lock.
  void ForgetKnown(Invalidations& changed, NodeId directory, std::string_view name, std::optional<NodeId> believed);
  /// Of what a request has changed, sends what the kernel cannot know: not of `known`, and only of numbers that it has.
  /// Open files follow their inodes first. Without any lock.
  void Announce(Invalidations changed, std::initializer_list<NodeId> known);

  /// The number that the kernel is given for an entry: of a united directory, the one that it has already.
  NodeId NumberOf(const ShownEntry& entry);

  // pending_names.cc; under the tree lock, exclusive for the first two.
  using Served = std::map<Invalidations::Name, std::optional<NodeId>>;
  /// What the names that `events` are about lead to, before the projection takes these in; of directories that the
  /// kernel has.
  Served ServedBefore(std::span<const crdt::NetEvent> events);
  /// Gives `changed` its number, and keeps what its names led to.
  void NotePending(Invalidations& changed, const Served& served);
  /// Whether a request that names `directory` and `name` means `present`, which is there now.
  bool IsAsServed(NodeId directory, std::string_view name, NodeId present);
  /// The kernel is told what `name` leads to now.
  void NoteServed(NodeId directory, std::string_view name, std::optional<NodeId> target);
  void DropPending(const Invalidations::Name& name, std::uint64_t change);  ///< Without any lock, or local_mutex.

  // subjects.cc; under the tree lock, shared or not.
  absl::StatusOr<Subject> SubjectOf(NodeId number);  ///< ENOENT.
  Kind KindOf(const ShownEntry& entry) const;
  /// The version that a subject shows, and the heads that it stands for: its own, and those with equal bytes.
  std::pair<Manifest, std::vector<crdt::Timestamp>> BaseOf(const Subject& subject) const;
  /// The version that an inode shows; nothing for a file never written.
  std::optional<std::pair<crdt::Timestamp, Manifest>> HeadOf(NodeId inode) const;
  /// Notes which open files have other versions to show after `events`. Under the exclusive tree lock.
  void NoteNewVersions(std::span<const crdt::NetEvent> events);
  /// Notes what others have put in place of versions that numbers of siblings stand for: the numbers lead there then.
  /// Under the exclusive tree lock.
  void NoteReplacedVersions(std::span<const crdt::Op> ops);
  /// What was written upon `base` has become a version that `heads` stand for: numbers that led there still do. Under
  /// the exclusive tree lock.
  void NotePublished(NodeId inode, const std::vector<crdt::Timestamp>& base, const std::vector<crdt::Timestamp>& heads);
  /// What shows the version of an inode that one of `heads` stands for, if anything does.
  std::optional<Subject> ShownAs(NodeId number, NodeId inode, const std::vector<crdt::Timestamp>& heads) const;
  /// `subject`, noting whether its number has become one of the inode's. Under local_mutex.
  Subject ServedAs(const Subject& subject);
  /// The file that is being written upon a version; null if none is. Under local_mutex.
  const OpenFile* WrittenUpon(const ServedVersion& version) const;
  /// Brings a clean file to the version that its inode shows now; returns whether its bytes are others. Takes the tree
  /// lock itself.
  bool Follow(OpenFile& file);
  /// As Follow, for every open file among `changed`; those that cannot yet are seen to later.
  void FollowAll(const Invalidations& changed);
  /// Whether what is written may become a version. Takes the tree lock itself.
  bool MayPublish(const OpenFile& file);
  bool MayPublishUnderTreeLock(const OpenFile& file) const;
  /// A sibling has become the inode `to`, which shows `heads`; its handles go on there. Under the exclusive tree lock.
  void MoveSibling(NodeId id, NodeId to, std::vector<crdt::Timestamp> heads);
  /// A change of another replica may have made siblings among `changed` their inode's own version: what is being
  /// written to them goes on there. Under the exclusive tree lock.
  void MoveWrittenSiblings(const Invalidations& changed);
  /// After a removal: marks what is open and has no name any more. `published` is what was published before it, if
  /// anything. Under the exclusive tree lock.
  void NoteRemoval(const ShownEntry& removed, const Pin& published);
  /// Notes which open files among `changed` have a name again, or show other versions under it. Under the exclusive
  /// tree lock.
  void NoteNames(const Invalidations& changed);
  /// Notes what the number of a sibling leads to. Under local_mutex.
  void SetServedVersion(NodeId number, Local& local, ServedVersion version);
  void ForgetServedVersion(NodeId number, Local& local);
  void EraseLocal(absl::flat_hash_map<NodeId, Local>::iterator local);

  // space.cc
  absl::Status EnsureSpace(std::uint64_t bytes);
  absl::StatusOr<base::Storage::Space> FreeSpace() const;
  std::uint64_t ReserveOf(const base::Storage::Space& space) const;

  // attributes.cc; under the tree lock, shared or not.
  Attributes AttributesOf(const Subject& subject);
  /// Without what is staged or local: a function of the tree.
  Attributes PublishedAttributesOf(NodeId node, Kind kind) const;
  Attributes AttributesWith(const Subject& subject, const OpenFile* staged) const;
  /// Sets registers of all that a subject stands for, in one batch. Under the exclusive tree lock.
  absl::StatusOr<Invalidations> SetRegisters(const Subject& subject, const std::vector<crdt::Field>& fields,
                                             base::UnixNanoseconds now);
  /// "." or ".." of a node that has a name somewhere.
  absl::StatusOr<Entry> LookUpByNode(NodeId node, std::string_view name);
  /// Attributes, and one lookup more.
  Entry LookedUp(const Subject& subject);
  void CountLookup(const Subject& subject);
  /// Whether the kernel has a number, or somebody uses it. Under local_mutex.
  bool IsHeld(NodeId number) const { return lookups.contains(number) || locals.contains(number); }
  void NoteAccess(NodeId node);  ///< Takes the tree lock itself.

  // names.cc
  /// A new inode with one name. `extra` are registers of its kind; with `pin`, it is in use when this returns.
  absl::StatusOr<Entry> MakeInode(const Caller& caller, NodeId parent, std::string_view name, Kind kind,
                                  std::uint32_t mode, std::vector<crdt::Field> extra, Pin* pin);
  /// Pins contents that programs wrote and closed, and that are not published yet, where the last name of `inode` is
  /// about to go: published first, they are in trash. Under the tree lock.
  Pin PinUnpublished(const ShownEntry& entry);
  /// Pins what is being written to a version beside a file; empty where nothing is. Under the tree lock.
  Pin PinWrittenSibling(const Subject& subject);
  /// The group of a new entry of `directory`, and whether a new directory inherits the bit (inode(7), S_ISGID).
  std::pair<std::uint32_t, bool> GroupFor(const Caller& caller, NodeId directory) const;
  absl::Status Remove(NodeId parent, std::string_view name, bool directory);

  // unnamed.cc; under the tree lock.
  /// Whether it is in use and no name has ever led to it.
  bool IsUnnamed(NodeId key);
  /// A name leads to it now. Under the exclusive tree lock.
  void NoteNamed(NodeId key);

  // rights.cc; under the tree lock.
  /// Mode, owner and access control lists of what is made in `directory`.
  std::vector<crdt::Field> RightsOfNew(const Caller& caller, NodeId directory, Kind kind, std::uint32_t mode) const;
  /// What setting a list writes: it changes the mode as well. Errors: EINVAL no list, EACCES, EOPNOTSUPP.
  absl::StatusOr<std::vector<crdt::Field>> FieldsOfAcl(const Caller& caller, const Subject& subject,
                                                       std::string_view name, std::string_view value) const;
  /// The list as its mode has it by now; nothing where there is none.
  std::optional<std::string> ShownAcl(const Subject& subject, std::string_view name) const;

  // entries.cc: acting on what is shown; under the tree lock.
  /// What `name` leads to in `directory`, names that are no longer listed but were once served included (see Remember).
  std::optional<EntryParts> FindEntry(NodeId directory, std::string_view name);
  /// What `directory` shows of `target`, under whatever name.
  std::optional<EntryParts> FindShown(NodeId directory, NodeId target);
  /// What `name` led to, `target`, before a publication: that may have given it another name, and `name` to another.
  std::optional<EntryParts> FindAgain(NodeId directory, std::string_view name, NodeId target);
  /// Names that a person did not choose go on resolving after the projection has dropped them, until unmount.
  void Remember(NodeId directory, const ShownEntry& entry);
  /// As Remember, for each deleted directory, from `directory` upward, that is shown because it is still used.
  std::vector<std::pair<Invalidations::Name, NodeId>> GhostsFrom(NodeId directory) const;
  void RememberEmptied(const std::vector<std::pair<Invalidations::Name, NodeId>>& ghosts);
  void ForgetName(NodeId directory, std::string_view name);
  /// Where a new child of `directory` is placed. Adds what moves that back, and the directories above, if they are
  /// deleted and only still used.
  NodeId AppendPlacement(Batch& batch, NodeId directory, base::UnixNanoseconds now) const;
  /// Adds what makes a file ordinary that was deleted and is only brought back.
  void AppendRevival(Batch& batch, NodeId inode, base::UnixNanoseconds now) const;
  /// Adds what removes all that `parts` stands for.
  void AppendRemoval(Batch& batch, const EntryParts& parts, base::UnixNanoseconds now) const;
  /// Adds what moves all of a directory or file to `place`.
  void AppendMove(Batch& batch, const EntryParts& parts, const crdt::Place& place, base::UnixNanoseconds now) const;
  /// A sibling that becomes a file of its own.
  struct OwnFile {
    NodeId inode;
    crdt::Timestamp head;
  };
  /// Adds what makes a file at `place` of the version of a sibling, with the attributes of its inode.
  OwnFile AppendOwnFile(Batch& batch, const Sibling& sibling, const crdt::Place& place,
                        base::UnixNanoseconds now) const;
  /// The manifest of a sibling, as it stands in the register.
  std::string VersionValue(const Sibling& sibling) const;
  /// Adds what drops the versions of a sibling from its inode.
  void AppendDrop(Batch& batch, const Sibling& sibling, base::UnixNanoseconds now) const;
  /// Adds what makes a sibling the file beside which it is shown, instead of the version that is; returns the heads
  /// that stand for it then.
  std::vector<crdt::Timestamp> AppendAdoption(Batch& batch, const Sibling& sibling, base::UnixNanoseconds now) const;

  // rename.cc
  struct Renaming {
    EntryParts source;
    std::optional<EntryParts> target;
    crdt::Place from;
    crdt::Place to;
    bool is_exchange = false;
  };
  /// Under the tree lock.
  absl::Status CheckRename(const Renaming& renaming) const;
  /// Commits; under the exclusive tree lock. Returns what is to be announced. `published`: as NoteRemoval.
  absl::StatusOr<Invalidations> Rename(const Renaming& renaming, const Pin& published);

  // files.cc: which files are in use. Pinning takes local_mutex.
  Pin PinOpen(NodeId node);  ///< Empty where the file is not in use.
  Pin PinFile(const std::shared_ptr<OpenFile>& file);
  NodeId KeyOf(NodeId number);                   ///< What its contents are known by. Takes the tree lock.
  Pin PinUnderTreeLock(const Subject& subject);  ///< A regular file.
  absl::StatusOr<Pin> PinRegular(NodeId node);   ///< EISDIR, EINVAL, ENOENT. Takes the tree lock.
  absl::StatusOr<Pin> PinFor(NodeId node, Handle* handle);
  Pin PinHandle(Handle* handle);
  void MoveHandle(Handle* handle, OpenFile& from, const Pin& to);
  void Unpin(OpenFile& file);
  bool IsInPlace(const OpenFile& file) const;  ///< Whether it is what is open by its key. Under local_mutex.
  void LetGo(OpenFile& file);                  ///< Of a file that nobody uses. Under local_mutex.
  void DropIfUnused(absl::flat_hash_map<NodeId, Local>::iterator local);
  Handle* MakeHandle(Pin pin, OpenFlags flags);

  // passthrough.cc
  /// Whether its plain file may outlive a publication, or pass through. Under the tree lock.
  bool MayBeKept(const OpenFile& file) const;
  absl::StatusOr<int> BeginPassthrough(Handle& handle, const Pin& file);
  void StayOpen(OpenFile& file);  ///< One use more, until a pin takes it over.
  /// Unless there are handles or somebody else has the plain file open; asks again later then.
  void EndPassthrough(OpenFile& file);
  /// Looks for what programs have changed of a file that passes through. With the tree lock or without.
  void NoteUnseenWrites(OpenFile& file);
  /// The same, and does what such writes owe. Without any lock.
  absl::Status SettleUnseenWrites(OpenFile& file);
  void Keep(OpenFile& file);          ///< Its plain file, for a while.
  void KeepNoLonger(OpenFile& file);  ///< Frees it.
  /// The same, where its inode shows another version by now, or has no name.
  void DropOutdatedBacking(OpenFile& file);

  // contents.cc
  /// The contents of `file` have changed, as NoteChange; tells nobody. With the tree lock or without.
  void NoteWritten(OpenFile& file, std::uint64_t bytes);
  /// The contents of `file` have changed, with `bytes` written: notes the time and sees to publication.
  void NoteChange(OpenFile& file, std::uint64_t bytes);
  /// Clears capabilities and, where asked, the set-id bits, as ext4 does before a write.
  absl::Status ClearPrivileges(OpenFile& file, const SetidRule& setid);
  bool IsPrivileged(NodeId inode) const;  ///< Whether there is any of them; under the tree lock.
  /// The registers of `inode` that clear them; under the tree lock.
  std::vector<crdt::Field> PrivilegesToClear(NodeId inode, const SetidRule& setid) const;
  /// Of what POSIX takes for a change of contents, though no byte differs.
  absl::Status SetModificationTime(NodeId node, base::UnixNanoseconds now);
  /// Whether that changed anything: where it did not, the caller moves the time.
  absl::StatusOr<bool> TruncateTo(OpenFile& file, std::uint64_t size, base::UnixNanoseconds now);
  /// What comes before `bytes` more are written at `offset`.
  absl::Status PrepareWrite(OpenFile& file, std::uint64_t offset, std::uint64_t bytes, const SetidRule& setid);
  absl::Status WriteTo(OpenFile& file, std::uint64_t offset, std::string_view bytes, const SetidRule& setid);

  // publishing.cc
  absl::Status Publish(OpenFile& file, StagedFile::Precedence precedence = StagedFile::Precedence::kOverWriters);
  /// Makes `manifest` a version of the inode and the base of `file`. `changed` gets what it has changed, also where it
  /// fails in the end.
  absl::Status SubmitVersion(OpenFile& file, Manifest manifest, Invalidations& changed);
  /// The name of a version beside a file was moved or removed: has what a restart would make of its staged bytes
  /// follow. Without any lock.
  void SettleStaging(NodeId number);
  void SchedulePublication(OpenFile& file, std::chrono::nanoseconds delay);
  /// Sees to the publication of a file whose last handle was closed: at once, and where many are closed one after the
  /// other, after them.
  void PublishClosed(OpenFile& file);
  /// How long publishing that much keeps a processor busy, about; at most a second.
  static std::chrono::nanoseconds TimeToPublish(std::uint64_t bytes);
  void CountWritten(OpenFile& file, std::uint64_t bytes);
  void CountPublished(OpenFile& file, std::uint64_t bytes);
  void ScheduleClosed(std::chrono::nanoseconds delay);  ///< With closed_mutex.
  void RunClosed();
  void RunPublication(const std::shared_ptr<OpenFile>& due);
  absl::Status FlushAll();
  absl::Status Recover(std::vector<std::string>& notes);
  /// Whether it was this replica that removed `inode`, with what lies upon the versions `base`. Under the tree lock.
  bool WasRemovedHere(NodeId inode, const std::vector<crdt::Timestamp>& base) const;
  /// Why the entries of a subject are called what they are called; empty where they have no rivals. Under the tree
  /// lock.
  std::string ShownPathOf(NodeId directory) const;  ///< Under the tree lock.
  std::string WhyConflicting(const Subject& subject) const;

  // history.cc
  /// Has history forgotten where there is much of it. Under the exclusive tree lock.
  void ScheduleTruncation();
  void RunTruncation();

  // trash.cc; under the tree lock.
  bool IsTrashNode(NodeId node) const;  ///< Whether it is listed there.
  std::vector<NodeId> TrashNodes() const;
  std::string OldPathOf(NodeId node) const;
  std::string PathOf(NodeId node) const;

  const Environment env;
  crdt::TreeReplica& replica;
  const Options options;
  std::unique_ptr<StagingArea> staging;

  std::shared_mutex tree_mutex;
  std::unique_ptr<Projection> projection;
  std::size_t history_kept = 0;  ///< Of the tree, after the last truncation.
  bool is_truncation_scheduled = false;
  /// replica.lamport_counter(), readable without the lock.
  std::atomic<std::uint64_t> counter;

  /// Names that are served though they are not listed: what they led to. Guarded by names_mutex, a leaf.
  std::mutex names_mutex;
  std::map<Invalidations::Name, ServedName> served_names;
  /// Names that mean something else since a change which the kernel has yet to take in, and what they led to when it
  /// was told last. Guarded by names_mutex.
  struct PendingName {
    std::optional<NodeId> served;
    std::uint64_t change = 0;  ///< The last one.
  };
  std::map<Invalidations::Name, PendingName> pending_names;
  std::atomic<bool> has_pending_names = false;
  std::uint64_t last_change = 0;  ///< Under tree_mutex.

  std::mutex local_mutex;
  /// How often the kernel has looked up a number; absent: it does not have it. All that is kept of most numbers.
  absl::flat_hash_map<NodeId, std::uint64_t> lookups;
  absl::flat_hash_map<NodeId, Local> locals;
  /// Written files that nobody uses and whose place among `locals` another has taken: they wait for their publication.
  std::set<std::shared_ptr<OpenFile>> displaced;
  /// Of which the plain file is kept, the longest unused first. Each is one user.
  std::list<std::shared_ptr<OpenFile>> kept;
  std::atomic<bool> offers_passthrough = false;
  AccessTimes access_times;
  /// The numbers of siblings that the kernel has or that are in use, by the inode that they led to last: of each local
  /// with a version. Further numbers of that inode, perhaps.
  absl::flat_hash_map<NodeId, absl::flat_hash_set<NodeId>> sibling_numbers;
  std::atomic<bool> has_sibling_numbers = false;
  /// How many open files are behind.
  std::atomic<int> files_behind = 0;
  /// Those given out: a mount that is torn off releases none.
  absl::flat_hash_map<const Handle*, std::unique_ptr<Handle>> handles;

  /// Files that wait for publication since they were closed. Guarded by closed_mutex, a leaf.
  struct Closed {
    std::vector<std::weak_ptr<OpenFile>> files;
    std::int64_t first_at = 0;  ///< Monotonic nanoseconds, of the first of these.
    std::int64_t last_at = OpenFile::kNever;
    unsigned in_a_row = 0;  ///< Closed within kInARow of the one before.
    base::Executor::WorkId work = 0;
  };
  std::mutex closed_mutex;
  Closed closed;

  /// Written and not yet published, over all files.
  static constexpr std::uint64_t kMemoryBytesMax = StagingArea::Options{}.memory_bytes_max;
  std::atomic<std::uint64_t> unpublished_bytes = 0;  ///< Of each file at most kMemoryBytesMax: the rest is on disk.

  std::mutex space_mutex;
  std::atomic<std::int64_t> space_checked_at = OpenFile::kNever;
  std::atomic<std::uint64_t> space_used_since = 0;
  std::atomic<bool> space_is_short = false;

  std::mutex sink_mutex;
  InvalidationSink sink;

  const std::shared_ptr<Lifeline> lifeline = std::make_shared<Lifeline>();
};

}  // namespace copse::fs
