#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/content_store.h>
#include <copse/base/executor.h>
#include <copse/base/storage.h>
#include <copse/crdt/tree_replica.h>
#include <copse/fs/attributes.h>
#include <copse/fs/projection.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::fs {

/// The rule for ops of a file system, beside crdt::ValidateOp: names of 1..255 bytes without '/' and NUL, not "." or
/// ".."; inode nodes have the empty name; known fields have values of their form. For TreeReplica's validator.
absl::Status ValidateFileSystemOp(const crdt::Op& op);

/// The inode layer: POSIX operations on the tree, by inode number, as the kernel asks for them. It knows no libfuse.
///
/// A call makes at most one batch of ops, so that it is logged, sent and shown as one. Errors are PosixError statuses
/// with the errno that ext4 gives. Permission bits are checked by the kernel (default_permissions). Thread-safe: calls
/// that only look run at one time; no lock of the tree is held over disk I/O.
class Volume {
 public:
  struct Options {
    std::string staging_directory;  ///< Of this volume alone.
    std::string volume_key;         ///< Chunk borders derive from it.
    /// Below this much free space, or below 1 %, what would need more gets ENOSPC; deleting goes on.
    std::uint64_t reserve_bytes = 256 << 20;
    /// Written contents that rest so long are published though a process still has the file open.
    std::chrono::milliseconds publish_rest{2000};
    /// More files with written bytes on disk than this, each with a descriptor: who closes one waits for its
    /// publication.
    std::size_t staged_files_max = 256;
    bool read_only = false;
    /// What this replica's side of a conflict is called in file names: 1..16 of [a-z0-9]. The first opening that may
    /// write makes it known for ever; later ones change nothing. Empty: leave it as it is.
    std::string label;
    /// So many moves of history are kept in memory at least, and as many as half of the nodes.
    std::size_t history_moves_min = 1 << 16;
  };
  struct Environment {
    base::Storage& storage;
    base::Clock& clock;
    base::Executor& executor;
    base::ContentStore& content;
    crdt::Journal& journal;  ///< The one that the replica appends to.
    /// Up to which time every op that will ever come has been ingested and is durable: the tree forgets history up to
    /// there. May be asked at any time; never falls. Null: all history is kept.
    std::function<crdt::Timestamp()> stable_time = nullptr;
  };
  /// Where invalidations of caches go that a change made outside the kernel's own requests calls for (trash restore,
  /// and what merges bring). Called with no lock held, from the thread that made the change.
  using InvalidationSink = std::function<void(const Invalidations&)>;

  struct Entry {
    NodeId node;
    Attributes attributes;
  };
  /// An open file. Handed out by Open and Create, given back to Release; never owned by the caller.
  class Handle;
  struct Created {
    Entry entry;
    Handle* handle = nullptr;
  };
  struct OpenFlags {
    bool write = false;
    bool truncate = false;
  };
  struct Space {
    std::uint64_t block_bytes = 4096;
    std::uint64_t blocks = 0;
    std::uint64_t free_blocks = 0;
    std::uint64_t available_blocks = 0;  ///< Without the reserve.
    std::uint64_t files = 0;
    std::uint64_t free_files = 0;
    std::uint32_t name_bytes_max = 255;
  };
  enum RenameFlags : unsigned { kRenamePlain = 0, kRenameNoReplace = 1, kRenameExchange = 2 };
  enum class XattrMode { kSet, kCreate, kReplace };
  enum FallocateFlags : int { kKeepSize = 1, kPunchHole = 2, kZeroRange = 16 };  ///< As in <linux/falloc.h>.
  struct TrashEntry {
    NodeId node;       ///< Of the deleted name: what restore and purge take.
    std::string path;  ///< Where it was, from the root, without a leading '/'.
    Kind kind = Kind::kRegular;
    std::uint64_t size = 0;
    base::UnixNanoseconds deleted_at = 0;
  };
  struct Usage {
    std::uint64_t entries = 0;
    std::uint64_t trash_entries = 0;
    std::uint64_t open_handles = 0;
    std::uint64_t lookups = 0;      ///< Sum of lookup counts.
    std::uint64_t dirty_files = 0;  ///< Written and not yet published.
    std::uint64_t conflicts = 0;    ///< Names that several claim: how many ListConflicts returns.
  };
  /// One of those who claim a name.
  struct ConflictEntry {
    std::string path;  ///< As it is shown now, from the root, without a leading '/'.
    NodeId number;     ///< Its inode number.
    Kind kind = Kind::kRegular;
    crdt::Timestamp claim;     ///< The op that decides its rank: what gave it the name; of a version, what wrote it.
    crdt::ActorId author = 0;  ///< Whose claim that is.
    std::string label;         ///< The author's.
    NameReason reason = NameReason::kHighestClaim;
    std::string why;  ///< The reason, for people.
  };
  struct ConflictGroup {
    std::string path;                    ///< The name that all claim.
    std::vector<ConflictEntry> entries;  ///< Who has the name first, if anybody.
  };

  /// `replica` has been fed every op of its journal. Recovers staged contents of an earlier process and publishes
  /// them; `notes` gets a line for each that it could not (the file is left where it is).
  /// Errors: kInvalidArgument the label; those of the disk and of the journal.
  static absl::StatusOr<std::unique_ptr<Volume>> Open(Environment environment, crdt::TreeReplica& replica,
                                                      const Options& options, std::vector<std::string>& notes);
  /// Publishes what is dirty; errors are lost: call Flush first.
  ~Volume();

  void set_invalidation_sink(InvalidationSink sink);
  /// Whoever the sink serves does not believe any more what `name` meant before `change` (Invalidations::change). Until
  /// this is said, requests that name a victim by it have the effect that they would have had before.
  void NotificationReturned(const Invalidations::Name& name, std::uint64_t change);

  /// Takes in `ops` of another replica, as crdt::TreeReplica::Ingest; the caller has made them, and the content that
  /// they name, durable. Requests may run meanwhile, and see all of a batch or nothing. Announces what has changed, and
  /// writes no op itself, however many conflicts the ops bring. Errors: those of TreeReplica::Ingest; nothing has
  /// changed then.
  absl::Status Ingest(crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops);

  // Names. Each returned Entry counts one lookup of its node (fuse: struct fuse_entry_param), given back by Forget.
  /// "." is `parent` itself, of any kind, also where the kernel has forgotten it; ".." is its directory: what file
  /// handles (open_by_handle_at(2)) are resolved through.
  absl::StatusOr<Entry> Lookup(NodeId parent, std::string_view name);
  void Forget(NodeId node, std::uint64_t count);
  /// `mode` carries the permission bits. Device numbers as makedev(3) makes them, for devices only.
  absl::StatusOr<Entry> MakeNode(const Caller& caller, NodeId parent, std::string_view name, Kind kind,
                                 std::uint32_t mode, std::uint64_t device);
  absl::StatusOr<Entry> MakeDirectory(const Caller& caller, NodeId parent, std::string_view name, std::uint32_t mode);
  absl::StatusOr<Entry> MakeSymlink(const Caller& caller, NodeId parent, std::string_view name,
                                    std::string_view target);
  absl::StatusOr<Entry> Link(const Caller& caller, NodeId node, NodeId new_parent, std::string_view new_name);
  absl::Status Unlink(const Caller& caller, NodeId parent, std::string_view name);
  absl::Status RemoveDirectory(const Caller& caller, NodeId parent, std::string_view name);
  absl::Status Rename(const Caller& caller, NodeId parent, std::string_view name, NodeId new_parent,
                      std::string_view new_name, unsigned flags);

  // Attributes.
  absl::StatusOr<Attributes> GetAttributes(NodeId node);
  absl::StatusOr<Attributes> SetAttributes(const Caller& caller, NodeId node, const AttributeChanges& changes);
  absl::StatusOr<std::string> ReadLink(NodeId node);
  absl::Status SetXattr(const Caller& caller, NodeId node, std::string_view name, std::string_view value,
                        XattrMode mode);
  absl::StatusOr<std::string> GetXattr(NodeId node, std::string_view name);
  /// Names, each ended by NUL, as listxattr(2) returns them.
  absl::StatusOr<std::string> ListXattrs(NodeId node);
  absl::Status RemoveXattr(const Caller& caller, NodeId node, std::string_view name);

  // Contents. `handle` may be null for reads and writes of pages that outlive their handle (shared mappings).
  /// Errors: EEXIST; otherwise as MakeNode and Open.
  absl::StatusOr<Created> Create(const Caller& caller, NodeId parent, std::string_view name, std::uint32_t mode,
                                 OpenFlags flags);
  /// A file that no name leads to (O_TMPFILE): what is written dies with its last use, unless Link gives it a name.
  absl::StatusOr<Created> CreateUnnamed(const Caller& caller, NodeId directory, std::uint32_t mode, OpenFlags flags);
  /// `setid` is for an opening that truncates.
  absl::StatusOr<Handle*> Open(NodeId node, OpenFlags flags, const SetidRule& setid = {});
  /// The last release of a written file has it published.
  void Release(Handle* handle);
  /// Whether BeginPassthrough is of any use; not until this is said. Plain files are kept only while it is.
  void OfferPassthrough(bool offered);
  /// Whether BeginPassthrough may succeed for what was opened by the number `node`. Cheap.
  bool MayPassThrough(Handle* handle, NodeId node);
  /// From now on what programs do with `handle`, reads, writes and mappings, may go to a plain file past the volume,
  /// which looks for changes by itself; returns that file's descriptor, the same for all handles of an inode, valid
  /// until EndPassthrough of the last of them. After a crash, too, the contents are what that file holds. Takes the
  /// time of two syncs of the disk, but for the second handle. Errors: kFailedPrecondition the file cannot; those of
  /// the disk.
  absl::StatusOr<int> BeginPassthrough(Handle* handle);
  /// Whether programs change the file past the volume, through this handle or another, or in a mount that is gone.
  bool PassesThrough(Handle* handle);
  /// Ends what BeginPassthrough has begun, if it has. Release does as well.
  void EndPassthrough(Handle* handle);
  absl::StatusOr<std::size_t> Read(NodeId node, Handle* handle, std::uint64_t offset, std::span<char> out);
  absl::StatusOr<std::size_t> Write(NodeId node, Handle* handle, std::uint64_t offset, std::string_view bytes,
                                    const SetidRule& setid = {});
  /// Writes all of `bytes` at the end of the file; returns the offset at which they are.
  absl::StatusOr<std::uint64_t> Append(NodeId node, Handle* handle, std::string_view bytes,
                                       const SetidRule& setid = {});
  absl::Status Fallocate(NodeId node, Handle* handle, int flags, std::uint64_t offset, std::uint64_t length,
                         const SetidRule& setid = {});
  /// SEEK_DATA (`data`) or SEEK_HOLE.
  absl::StatusOr<std::uint64_t> Seek(NodeId node, std::uint64_t offset, bool data);
  absl::StatusOr<std::size_t> CopyRange(NodeId from, Handle* from_handle, std::uint64_t from_offset, NodeId to,
                                        Handle* to_handle, std::uint64_t to_offset, std::uint64_t length,
                                        const SetidRule& setid = {});
  /// Contents, attributes and name of `node` are durable when it returns: the contents that `handle` writes, if given.
  absl::Status Fsync(NodeId node, Handle* handle = nullptr);

  // Directories. Positions are stable and below 2^63; 0 is before the first entry. "." and ".." are not listed.
  using ListVisitor = std::function<bool(std::uint64_t position, const ShownEntry& entry, Kind kind)>;
  absl::Status List(NodeId directory, std::uint64_t after, const ListVisitor& visit);
  /// As List, with attributes; `visit` returns whether it took the entry, and each one taken counts a lookup.
  using ListPlusVisitor = std::function<bool(std::uint64_t position, const std::string& name, const Entry& entry)>;
  absl::Status ListPlus(NodeId directory, std::uint64_t after, const ListPlusVisitor& visit);
  absl::Status FsyncDirectory(NodeId directory);
  absl::StatusOr<NodeId> Parent(NodeId directory);

  absl::StatusOr<Space> GetSpace();

  // The volume as a whole.
  /// Publishes every written file and makes all of it durable.
  absl::Status Flush();
  std::vector<TrashEntry> ListTrash();
  /// Every name that several claim, ascending by path.
  std::vector<ConflictGroup> ListConflicts();
  /// Brings a deleted entry back to its old place; where a name is taken, `NAME-restored`, `NAME-restored_2`, ...;
  /// where the directory is gone, restores that first. Returns the path it has now.
  /// Errors: ENOENT nothing in the trash has that node.
  absl::StatusOr<std::string> RestoreFromTrash(NodeId node);
  /// Marks a deleted entry as purged: it is shown no more, and its space is freed once every member has seen this.
  absl::Status PurgeFromTrash(NodeId node);
  /// How many ops the volume is made of.
  std::uint64_t ops();
  /// The replica as crdt::TreeReplica::Save gives it. `known` is told which ops that has; `at_moment` is called while
  /// no op can be made. Whoever changes something waits until it has returned, whoever only looks does not.
  std::string SaveReplica(crdt::VersionVector& known, const std::function<void()>& at_moment);
  /// docs/format/dump.md. `known`, where given, is told which ops the dump shows.
  std::string Dump(crdt::VersionVector* known = nullptr);
  Usage GetUsage();
  /// Whether the kernel was told of `node` more often than it has forgotten it.
  bool IsLookedUp(NodeId node);

 private:
  struct State;
  explicit Volume(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace copse::fs
