#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/content_store.h>
#include <copse/base/storage.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "pack.h"

namespace copse::replica {

/// Sealed chunks in pack files, each once but where one was found damaged, found by id through an index in memory
/// (about 64 bytes a chunk). Knows no keys. Thread-safe.
class ChunkStore {
 public:
  struct Counts {
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;  ///< Of all packs.
  };
  /// Where the newest pack ends: what stands before it is sound.
  struct End {
    std::uint32_t packs = 0;
    std::uint64_t newest_bytes = 0;
  };

  /// Reads the indexes of the packs in `directory`. Changes nothing on disk: see Repair.
  /// Errors: kDataLoss damage that is not a torn tail of the newest pack, with file and offset.
  static absl::StatusOr<std::unique_ptr<ChunkStore>> Open(base::Storage& storage, std::string directory,
                                                          const VolumeId& volume, std::uint64_t pack_bytes_max);

  /// Cuts the torn tail, and makes durable what is left. To be called once, before anything is added.
  absl::Status Repair();

  enum class Added { kNew, kWasHere, kInPlaceOfDamaged };
  /// Adds the chunk `entry.id` unless it is here already; entry.offset is ignored.
  /// Errors: kInvalidArgument it is longer than any sealed chunk, or kResourceExhausted the disk is full, and nothing
  /// was changed; any other: nothing must be added any more.
  absl::StatusOr<Added> Add(PackEntry entry, std::string_view sealed);

  bool Has(const base::Hash& id) const;

  /// The sealed bytes, unproved. Errors: kNotFound not here; kDataLoss set aside.
  absl::StatusOr<std::string> Read(const base::Hash& id);

  /// If its bytes are damaged, it is not here any more until it is added again. Whether that is so, and was not before.
  bool SetAside(const base::Hash& id);
  bool IsSetAside(const base::Hash& id) const;
  /// What the pack says of the chunk. Errors: kNotFound not here, set aside, or its record's header is damaged.
  absl::StatusOr<PackEntry> EntryOf(const base::Hash& id);

  /// "FILE offset N" of the chunk, for messages; empty if it is not here, nor set aside.
  std::string PlaceOf(const base::Hash& id) const;

  /// Whether all that stood before `end` is durable.
  bool IsDurable(const End& end) const;
  /// Makes all that was added before the call durable. Its failure is final.
  absl::Status Sync();

  /// Syncs, and writes the newest pack's index, so that the next Open need not scan it. Nothing is added afterwards.
  absl::Status Close();

  Counts counts() const;
  End end() const;

  struct Verified {
    std::uint64_t sound = 0;
    std::vector<PackEntry> damaged;
  };
  /// Reads all that stands before `end` again, and appends a line to `problems` for each thing wrong, but for damaged
  /// chunks that are here once more. Errors: the disk's.
  absl::StatusOr<Verified> Verify(const End& end, std::vector<std::string>& problems);

 private:
  struct Location {
    std::uint32_t pack = 0;
    std::uint32_t sealed_length = 0;
    std::uint64_t offset = 0;
  };

  ChunkStore(base::Storage& storage, std::string directory, const VolumeId& volume, std::uint64_t pack_bytes_max)
      : storage_(storage), directory_(std::move(directory)), volume_(volume), pack_bytes_max_(pack_bytes_max) {}

  absl::Status ReadPacks();
  absl::Status PrepareWriter(bool in_new_pack);
  absl::Status StartPack();
  absl::Status ClosePack();
  /// Of the records of a chunk, whether that at this place is the one that counts.
  bool IsInUse(std::uint32_t pack, const PackEntry& entry) const;
  absl::StatusOr<std::shared_ptr<base::File>> PackForReading(std::uint32_t pack);
  std::string PackPath(std::uint32_t pack) const;

  base::Storage& storage_;
  std::string directory_;
  VolumeId volume_;
  std::uint64_t pack_bytes_max_;

  mutable std::mutex mutex_;  // Guards all below.
  absl::flat_hash_map<base::Hash, Location> index_;
  absl::flat_hash_map<base::Hash, Location> set_aside_;
  std::uint32_t pack_count_ = 0;
  std::uint64_t closed_bytes_ = 0;  // Of all packs but the newest.
  // The newest pack:
  std::shared_ptr<base::File> newest_;  // Null until it is first written to.
  std::vector<PackEntry> newest_entries_;
  std::uint64_t newest_end_ = 0;        // Behind its last record.
  std::uint64_t newest_file_size_ = 0;  // As found by Open: what is behind newest_end_ is an index or torn.
  std::uint64_t durable_ = 0;           // Of the newest pack, how much has been synced.
  bool has_index_ = false;              // An index stands at newest_end_.
  bool must_start_pack_ = false;        // It was closed for the next one.
  std::string unfinished_;              // Path of a pack found without even a header; empty if none.
  std::map<std::uint32_t, std::shared_ptr<base::File>> open_packs_;
};

}  // namespace copse::replica
