#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/content_store.h>
#include <copse/base/storage.h>
#include <copse/crdt/timestamp.h>
#include <copse/fs/attributes.h>
#include <copse/fs/content.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::fs {

/// The bytes of one inode while it is in use: a base version, overlaid by what programs wrote since.
///
/// Written bytes are held in memory up to Options::memory_bytes_max and in a sparse staging file above; which ranges
/// they cover is known byte for byte, so nothing of the base is copied. Thread-safe (one lock inside): any number of
/// reads at one time, never blocked by Persist's disk time.
class StagedFile {
 public:
  ~StagedFile();

  std::uint64_t size() const;
  bool dirty() const;  ///< Something was written, cut or punched since the base.
  /// When the contents last changed; the base's mtime while clean.
  base::UnixNanoseconds mtime() const;
  /// Bytes that lie on disk or in memory for it, for st_blocks: holes do not count. While a base with holes is partly
  /// written over, an upper bound.
  std::uint64_t allocated_bytes() const;

  /// Up to `out.size()` bytes at `offset`; fewer only at the end. Errors: those of the content store.
  absl::StatusOr<std::size_t> Read(std::uint64_t offset, std::span<char> out) const;
  /// Errors: kResourceExhausted.
  absl::Status Write(std::uint64_t offset, std::string_view bytes, base::UnixNanoseconds now);
  /// Writes at the end, whatever it is at that moment; returns the offset written at.
  absl::StatusOr<std::uint64_t> Append(std::string_view bytes, base::UnixNanoseconds now);
  /// A cut to the size that is there changes nothing.
  absl::Status Truncate(std::uint64_t size, base::UnixNanoseconds now);
  /// [offset, offset + length) reads as zeros afterwards, as a hole; the size stays.
  absl::Status PunchHole(std::uint64_t offset, std::uint64_t length, base::UnixNanoseconds now);
  /// The first data, or hole, at or after `offset` (lseek(2)); the end of the file counts as a hole.
  /// Nothing for data that is not there; `offset` is below size().
  absl::StatusOr<std::optional<std::uint64_t>> SeekData(std::uint64_t offset) const;
  absl::StatusOr<std::uint64_t> SeekHole(std::uint64_t offset) const;

  /// Makes what was written durable without publishing it, so that StagingArea::Recover finds it after a crash.
  absl::Status Persist();
  /// Whether a staging on disk would be recovered: Persist has been called since the last Rebase, Unpersist or Discard.
  bool persisted() const;
  /// From now on a crash leaves nothing of what was written, until the next Persist.
  absl::Status Unpersist();

  /// The heads that the base stands for: what the version published next replaces.
  std::vector<crdt::Timestamp> base_heads() const;

  /// The plain root of the base.
  base::Hash base_root() const;

  /// Whether a publication goes on while somebody waits to change the file.
  enum class Precedence : std::uint8_t { kOverWriters, kUnderWriters };
  /// Stores the chunks of what is there now and returns the version they make, which shares every chunk of the base
  /// that no write touched. Writers wait meanwhile; readers do not. The file stays dirty until Rebase. With
  /// kUnderWriters it gives up before the next chunk if somebody waits: kAborted, and nothing has changed. The chunks
  /// that it had stored by then are not written again by the next one.
  absl::StatusOr<Manifest> Publish(Precedence precedence = Precedence::kOverWriters);
  /// The version from Publish has become an op: it is the base now, and its staging is dropped, unless something was
  /// written since Publish, which then stays on top of the new base. While persisted(), the op must be durable before
  /// the call, since the staging that is dropped may be all that a crash would leave of an fsync. A clean file takes
  /// any base. Errors: kFailedPrecondition dirty and not published; any from the disk, and the file is as it was.
  absl::Status Rebase(const Manifest& base, std::vector<crdt::Timestamp> base_heads);
  /// Puts a clean file on another version, without disk I/O and without waiting; returns whether it did. It does not
  /// where the file is dirty, or another call is changing it at this moment.
  bool Follow(const Manifest& base, std::vector<crdt::Timestamp> base_heads);
  /// What was written belongs to another inode from now on, on which the same base has these heads. No disk I/O: a
  /// staging on disk is readdressed by the next Persist.
  void Readdress(NodeId node, std::vector<crdt::Timestamp> base_heads);
  /// Forgets what was written and frees the staging.
  absl::Status Discard();

  // Passthrough: the data file on disk holds all of the contents, and the kernel has programs read, write and map that
  // (FUSE_PASSTHROUGH). What they change is found by looking.

  /// Whether BeginPassthrough may succeed: all of the contents, kPassthroughBytesMin to kPassthroughBytesMax, was
  /// written here, is on disk and persisted, or KeepBacking has kept it. Cheap.
  bool may_pass_through() const;
  bool passes_through() const;
  /// From now on the contents are what the data file holds, after a crash too; returns its descriptor, which is valid
  /// until EndPassthrough. Who passes through already goes on. Takes the time of two syncs of the disk.
  /// Errors: kFailedPrecondition it may not, or somebody else has the data file open, or the file system below cannot
  /// tell; those of the disk.
  absl::StatusOr<int> BeginPassthrough();
  /// Looks whether the data file was changed since the last look, and then counts as written; returns whether it was.
  /// Publish looks as well, and gives up with kAborted where the file is being changed, but for kOverWriters.
  bool NoteUnseenWrites();
  /// Whether the data file was read by others since this was asked last, as far as the file system below notes it.
  bool NoteUnseenReads();
  /// Ends it, unless somebody has the data file open still (a mapping, a program in a mount whose process is gone);
  /// returns whether it has ended. The file is dirty then if a version was made of it meanwhile. Errors: the disk's,
  /// and it goes on.
  absl::StatusOr<bool> EndPassthrough();
  /// Whether the data file of a file that may pass through outlives Rebase, so that the clean file may, too; ends with
  /// KeepBacking(false), which frees it.
  absl::Status KeepBacking(bool keeps);
  bool keeps_backing() const;  ///< Whether that holds.
  static constexpr std::uint64_t kPassthroughBytesMin = 1 << 20;
  /// Each version of a file that passes through is read in full. Of larger ones only what changed.
  static constexpr std::uint64_t kPassthroughBytesMax = 256 << 20;

 private:
  friend class StagingArea;
  struct State;
  explicit StagedFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// STORE/staging: where dirty files lie until they are published. docs/format/staging.md. Thread-safe.
class StagingArea {
 public:
  struct Options {
    std::uint64_t memory_bytes_max = 256 * 1024;  ///< Written bytes of one file held in memory before a file is made.
    std::uint64_t cache_bytes_max = 64 << 20;     ///< Decoded chunks kept for reading, over all files.
  };
  struct Recovered {
    NodeId node;
    std::unique_ptr<StagedFile> file;  ///< Dirty.
    /// Plain roots of versions that were about to become ops. One that did is a head in place of the base heads, and
    /// holds nothing that `file` does not.
    std::vector<base::Hash> publications;
  };

  /// Creates `directory` if missing. `storage` and `content` must outlive the area and its files.
  static absl::StatusOr<std::unique_ptr<StagingArea>> Open(base::Storage& storage, base::ContentStore& content,
                                                           std::string directory, std::string_view volume_key,
                                                           const Options& options);
  ~StagingArea();

  /// The file of `node` on `base`, clean; one for each version of `node` that is in use. `fixed_chunks` cuts every 64
  /// KiB.
  std::unique_ptr<StagedFile> OpenFile(NodeId node, const Manifest& base, std::vector<crdt::Timestamp> base_heads,
                                       bool fixed_chunks);

  /// What was persisted and not published when the process ended, on the base that it was written upon, whatever has
  /// become of that since. Where `is_file` does not know the node, or the staging is damaged, the file is left where it
  /// is, and `left` gets a line with its path and the reason.
  absl::StatusOr<std::vector<Recovered>> Recover(const std::function<bool(NodeId node)>& is_file,
                                                 std::vector<std::string>& left);

  /// How many files have their written bytes on disk: each takes a descriptor, or two.
  std::size_t files_on_disk() const;

 private:
  struct State;
  explicit StagingArea(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace copse::fs
