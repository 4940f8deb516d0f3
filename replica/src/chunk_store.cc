#include "chunk_store.h"

#include <absl/container/flat_hash_set.h>
#include <copse/base/check.h>
#include <copse/base/status_macros.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "chunk_seal.h"
#include "write_again.h"
#include "write_error.h"

// Packs are numbered without gaps; only the one with the highest number is appended to. Each Add is one write. A pack
// is synced, and then closed by its index, synced, before the next one is begun; on a clean end the newest gets an
// index as well, which the first Add of the next run cuts off again.

namespace copse::replica {
namespace {

constexpr std::size_t kOpenPacksMax = 64;
constexpr std::size_t kPackDigits = 8;
constexpr std::string_view kPackSuffix = ".pack";

std::string PackName(std::uint32_t pack) {
  char name[kPackDigits + 1];
  std::snprintf(name, sizeof name, "%08" PRIx32, pack);
  return name + std::string(kPackSuffix);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkStore>> ChunkStore::Open(base::Storage& storage, std::string directory,
                                                             const VolumeId& volume, std::uint64_t pack_bytes_max) {
  std::unique_ptr<ChunkStore> store(new ChunkStore(storage, std::move(directory), volume, pack_bytes_max));
  COPSE_RETURN_IF_ERROR(store->ReadPacks());
  return store;
}

std::string ChunkStore::PackPath(std::uint32_t pack) const { return directory_ + "/" + PackName(pack); }

absl::Status ChunkStore::ReadPacks() {
  COPSE_ASSIGN_OR_RETURN(const auto entries, storage_.List(directory_));
  // From the newest down: whether that was even begun decides what the one before it is.
  PackTail tail = PackTail::kMayBeTorn;
  for (std::size_t pack = entries.size(); pack-- > 0;) {
    const std::string path = directory_ + "/" + entries[pack].name;
    if (const std::string expected = PackName(static_cast<std::uint32_t>(pack)); entries[pack].name != expected) {
      return absl::DataLossError(path + ": stands where " + expected + " should; a pack is missing or was added");
    }
    COPSE_ASSIGN_OR_RETURN(const auto file, storage_.Open(path, base::Storage::OpenMode::kRead));
    COPSE_ASSIGN_OR_RETURN(PackContents contents, ReadPack(*file, path, volume_, tail));
    tail = PackTail::kIsSynced;
    if (contents.records_end == 0) {
      unfinished_ = path;
      continue;
    }
    for (const PackEntry& chunk : contents.entries) {
      // Of a chunk that was found damaged and came again, the newer record counts.
      index_.try_emplace(chunk.id, Location{static_cast<std::uint32_t>(pack), chunk.sealed_length, chunk.offset});
    }
    if (pack_count_ == 0) {
      pack_count_ = static_cast<std::uint32_t>(pack) + 1;
      newest_entries_ = std::move(contents.entries);
      newest_end_ = contents.records_end;
      durable_ = contents.durable;
      newest_file_size_ = contents.file_size;
      has_index_ = contents.has_index;
    } else {
      closed_bytes_ += contents.file_size;
    }
  }
  return absl::OkStatus();
}

absl::Status ChunkStore::Repair() {
  const std::lock_guard lock(mutex_);
  if (!unfinished_.empty()) COPSE_RETURN_IF_ERROR(storage_.Remove(unfinished_));
  if (pack_count_ > 0) {
    COPSE_ASSIGN_OR_RETURN(const auto file,
                           storage_.Open(PackPath(pack_count_ - 1), base::Storage::OpenMode::kReadWrite));
    if (!has_index_ && newest_file_size_ > newest_end_) COPSE_RETURN_IF_ERROR(file->Truncate(newest_end_));
    COPSE_RETURN_IF_ERROR(WriteAgain(*file, durable_, newest_end_));
    COPSE_RETURN_IF_ERROR(file->Sync());
    durable_ = newest_end_;
  }
  return storage_.SyncDirectory(directory_);
}

absl::Status ChunkStore::StartPack() {
  const std::string path = PackPath(pack_count_);
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<base::File> file, storage_.Open(path, base::Storage::OpenMode::kCreate));
  if (absl::Status written = file->WriteAt(0, EncodePackHeader(volume_)); !written.ok()) {
    return absl::IsResourceExhausted(written) && storage_.Remove(path).ok() ? written : FatalWriteError(written);
  }
  COPSE_RETURN_IF_ERROR(FatalWriteError(file->Sync()));
  if (absl::Status synced = storage_.SyncDirectory(directory_); !synced.ok()) {
    return absl::IsUnavailable(synced) && storage_.Remove(path).ok() ? synced : FatalWriteError(synced);
  }
  ++pack_count_;
  newest_ = std::move(file);
  newest_entries_.clear();
  newest_end_ = durable_ = kPackHeaderBytes;
  has_index_ = must_start_pack_ = false;
  return absl::OkStatus();
}

absl::Status ChunkStore::ClosePack() {
  // An index is believed without a look at the records' bytes: of a crash it must not be left alone with records torn.
  if (durable_ < newest_end_) COPSE_RETURN_IF_ERROR(FatalWriteError(newest_->Sync()));
  durable_ = newest_end_;
  const std::string index = EncodePackIndex(newest_entries_, newest_end_);
  if (absl::Status written = newest_->WriteAt(newest_end_, index); !written.ok()) {
    const bool restored = absl::IsResourceExhausted(written) && newest_->Truncate(newest_end_).ok();
    return restored ? written : FatalWriteError(written);
  }
  COPSE_RETURN_IF_ERROR(FatalWriteError(newest_->Sync()));
  has_index_ = true;
  newest_file_size_ = newest_end_ + index.size();
  return absl::OkStatus();
}

absl::Status ChunkStore::PrepareWriter(bool in_new_pack) {
  if (pack_count_ == 0) return StartPack();
  if (newest_ == nullptr) {
    COPSE_ASSIGN_OR_RETURN(newest_, storage_.Open(PackPath(pack_count_ - 1), base::Storage::OpenMode::kReadWrite));
  }
  must_start_pack_ = must_start_pack_ || in_new_pack || newest_end_ >= pack_bytes_max_;
  if (must_start_pack_) {
    if (!has_index_) COPSE_RETURN_IF_ERROR(ClosePack());
    const std::uint64_t closed = newest_file_size_;
    COPSE_RETURN_IF_ERROR(StartPack());
    closed_bytes_ += closed;
  } else if (has_index_) {
    COPSE_RETURN_IF_ERROR(FatalWriteError(newest_->Truncate(newest_end_)));
    has_index_ = false;
  }
  return absl::OkStatus();
}

absl::StatusOr<ChunkStore::Added> ChunkStore::Add(PackEntry entry, std::string_view sealed) {
  COPSE_CHECK(entry.sealed_length == sealed.size());
  // Whoever opens the pack would take its record for damage.
  if (sealed.size() > kSealedChunkBytesMax) return absl::InvalidArgumentError("longer than any sealed chunk");
  const std::lock_guard lock(mutex_);
  if (index_.contains(entry.id)) return Added::kWasHere;
  const auto damaged = set_aside_.find(entry.id);
  const bool is_damaged = damaged != set_aside_.end();
  // The index of a pack has each id once.
  COPSE_RETURN_IF_ERROR(PrepareWriter(is_damaged && damaged->second.pack + 1 == pack_count_));
  entry.offset = newest_end_;
  std::string record = EncodePackRecordHeader(entry, durable_);
  record.append(sealed);
  if (absl::Status written = newest_->WriteAt(newest_end_, record); !written.ok()) {
    const bool restored = absl::IsResourceExhausted(written) && newest_->Truncate(newest_end_).ok();
    return restored ? written : FatalWriteError(written);
  }
  newest_end_ = entry.end();
  newest_entries_.push_back(entry);
  index_[entry.id] = {pack_count_ - 1, entry.sealed_length, entry.offset};
  if (is_damaged) set_aside_.erase(damaged);
  return is_damaged ? Added::kInPlaceOfDamaged : Added::kNew;
}

absl::StatusOr<std::shared_ptr<base::File>> ChunkStore::PackForReading(std::uint32_t pack) {
  if (const auto open = open_packs_.find(pack); open != open_packs_.end()) return open->second;
  COPSE_ASSIGN_OR_RETURN(std::shared_ptr<base::File> file,
                         storage_.Open(PackPath(pack), base::Storage::OpenMode::kRead));
  if (open_packs_.size() >= kOpenPacksMax) open_packs_.clear();
  open_packs_[pack] = file;
  return file;
}

absl::StatusOr<std::string> ChunkStore::Read(const base::Hash& id) {
  Location location;
  std::shared_ptr<base::File> file;
  {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(id);
    if (found == index_.end()) {
      const std::string chunk = "chunk " + base::Hex(base::AsBytes(id));
      if (!set_aside_.contains(id)) return absl::NotFoundError(chunk + " is not in " + directory_);
      return absl::DataLossError(chunk + " is damaged in " + directory_ +
                                 "; it is fetched again while a replica that has it is connected");
    }
    location = found->second;
    COPSE_ASSIGN_OR_RETURN(file, PackForReading(location.pack));
  }
  std::string sealed(location.sealed_length, '\0');
  COPSE_ASSIGN_OR_RETURN(const std::size_t count, file->ReadAt(location.offset + kPackRecordHeaderBytes, sealed));
  sealed.resize(count);
  return sealed;
}

bool ChunkStore::Has(const base::Hash& id) const {
  const std::lock_guard lock(mutex_);
  return index_.contains(id);
}

bool ChunkStore::SetAside(const base::Hash& id) {
  // With the lock: who found it damaged may have read what has been replaced since.
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(id);
  if (found == index_.end()) return false;
  const Location place = found->second;
  const auto file = PackForReading(place.pack);
  if (!file.ok()) return false;
  std::string sealed(place.sealed_length, '\0');
  const absl::StatusOr<std::size_t> count = (*file)->ReadAt(place.offset + kPackRecordHeaderBytes, sealed);
  if (!count.ok() || (*count == sealed.size() && base::Sha256(sealed) == id)) return false;
  set_aside_[id] = place;
  index_.erase(found);
  return true;
}

bool ChunkStore::IsSetAside(const base::Hash& id) const {
  const std::lock_guard lock(mutex_);
  return set_aside_.contains(id);
}

absl::StatusOr<PackEntry> ChunkStore::EntryOf(const base::Hash& id) {
  Location location;
  std::shared_ptr<base::File> file;
  {
    const std::lock_guard lock(mutex_);
    const auto found = index_.find(id);
    if (found == index_.end()) return absl::NotFoundError("the chunk is not here");
    location = found->second;
    COPSE_ASSIGN_OR_RETURN(file, PackForReading(location.pack));
  }
  COPSE_ASSIGN_OR_RETURN(const std::optional<PackEntry> entry, ReadPackEntry(*file, location.offset));
  if (!entry || entry->id != id) return absl::NotFoundError("the header of the chunk's record is damaged");
  return *entry;
}

std::string ChunkStore::PlaceOf(const base::Hash& id) const {
  const std::lock_guard lock(mutex_);
  for (const auto* const locations : {&index_, &set_aside_}) {
    const auto found = locations->find(id);
    if (found != locations->end()) {
      return PackPath(found->second.pack) + " offset " + std::to_string(found->second.offset);
    }
  }
  return {};
}

bool ChunkStore::IsDurable(const End& end) const {
  const std::lock_guard lock(mutex_);
  return end.packs < pack_count_ || end.newest_bytes <= durable_;  // A pack that another follows was synced whole.
}

absl::Status ChunkStore::Sync() {
  std::shared_ptr<base::File> file;
  std::uint32_t pack_count = 0;
  std::uint64_t end = 0;
  {
    const std::lock_guard lock(mutex_);
    if (newest_end_ <= durable_) return absl::OkStatus();
    file = newest_;
    pack_count = pack_count_;
    end = newest_end_;
  }
  COPSE_RETURN_IF_ERROR(FatalWriteError(file->Sync()));  // Without the lock: chunks go on being added.
  const std::lock_guard lock(mutex_);
  if (pack_count == pack_count_ && durable_ < end) durable_ = end;
  return absl::OkStatus();
}

absl::Status ChunkStore::Close() {
  const std::lock_guard lock(mutex_);
  if (newest_ == nullptr || has_index_) return absl::OkStatus();
  return ClosePack();
}

ChunkStore::Counts ChunkStore::counts() const {
  const std::lock_guard lock(mutex_);
  return {index_.size(), closed_bytes_ + (pack_count_ == 0 ? 0 : newest_end_)};
}

ChunkStore::End ChunkStore::end() const {
  const std::lock_guard lock(mutex_);
  return {pack_count_, newest_end_};
}

bool ChunkStore::IsInUse(std::uint32_t pack, const PackEntry& entry) const {
  for (const auto* const locations : {&index_, &set_aside_}) {
    const auto found = locations->find(entry.id);
    if (found != locations->end()) return found->second.pack == pack && found->second.offset == entry.offset;
  }
  return true;
}

absl::StatusOr<ChunkStore::Verified> ChunkStore::Verify(const End& end, std::vector<std::string>& problems) {
  absl::flat_hash_set<base::Hash> sound;
  Verified verified;
  std::vector<std::pair<std::uint32_t, PackEntry>> damaged;
  for (std::uint32_t pack = 0; pack < end.packs; ++pack) {
    const std::string path = PackPath(pack);
    const absl::StatusOr<std::unique_ptr<base::File>> file = storage_.Open(path, base::Storage::OpenMode::kRead);
    if (!file.ok()) {
      problems.emplace_back(file.status().message());
      continue;
    }
    COPSE_ASSIGN_OR_RETURN(std::uint64_t size, (*file)->Size());
    const bool is_newest = pack + 1 == end.packs;
    if (is_newest) {
      if (size < end.newest_bytes) {
        problems.push_back(path + " offset " + std::to_string(size) + ": is shorter than what was written to it");
      }
      size = std::min(size, end.newest_bytes);
    }
    COPSE_ASSIGN_OR_RETURN(const PackRecords records, VerifyPack(**file, path, volume_, size, !is_newest, problems));
    for (const PackEntry& entry : records.sound) sound.insert(entry.id);
    for (const PackEntry& entry : records.damaged) damaged.emplace_back(pack, entry);
  }
  verified.sound = sound.size();
  const std::lock_guard lock(mutex_);
  for (const auto& [pack, entry] : damaged) {
    if (!IsInUse(pack, entry)) continue;
    problems.push_back(PackPath(pack) + " offset " + std::to_string(entry.offset) + ": chunk " +
                       base::Hex(base::AsBytes(entry.id)) +
                       " is damaged; it is fetched again while a replica that has it is connected");
    verified.damaged.push_back(entry);
  }
  return verified;
}

}  // namespace copse::replica
