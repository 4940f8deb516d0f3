#include "content/staged_bytes.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <utility>

namespace copse::fs {

StagedBytes::~StagedBytes() {
  if (file_ == nullptr) return;
  file_.reset();
  // A data file without a log means nothing, so one that cannot be removed now is removed by the next Recover.
  if (!keep_) (void)context_->storage.Remove(context_->DataPath(stem_));
  context_->ReleaseStem(stem_, keep_);
}

absl::Status StagedBytes::Read(std::uint64_t offset, std::span<char> out) const {
  if (file_ == nullptr) {
    std::copy_n(memory_.begin() + static_cast<std::ptrdiff_t>(offset - memory_begin_), out.size(), out.begin());
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const std::size_t count, file_->ReadAt(offset, out));
  if (count == out.size()) return absl::OkStatus();
  return absl::DataLossError(context_->DataPath(stem_) + ": ends at " + std::to_string(offset + count) +
                             ", but bytes up to " + std::to_string(offset + out.size()) + " were written");
}

absl::Status StagedBytes::Write(std::uint64_t offset, std::string_view bytes, const ChangeSet& valid) {
  if (file_ == nullptr) {
    if (FitsMemory(offset, offset + bytes.size())) {
      WriteMemory(offset, bytes);
      return absl::OkStatus();
    }
    COPSE_ASSIGN_OR_RETURN(Spilled spilled, Spill(valid));
    Adopt(std::move(spilled));
  }
  synced_ = false;
  return file_->WriteAt(offset, bytes);
}

bool StagedBytes::FitsMemory(std::uint64_t begin, std::uint64_t end) const {
  if (!memory_.empty()) {
    begin = std::min(begin, memory_begin_);
    end = std::max(end, memory_begin_ + memory_.size());
  }
  return end - begin <= context_->options.memory_bytes_max;
}

void StagedBytes::WriteMemory(std::uint64_t offset, std::string_view bytes) {
  if (memory_.empty()) memory_begin_ = offset;
  if (offset < memory_begin_) {
    memory_.insert(0, memory_begin_ - offset, '\0');
    memory_begin_ = offset;
  }
  const std::size_t at = offset - memory_begin_;
  if (at > memory_.size()) memory_.resize(at);
  memory_.replace(at, std::min(bytes.size(), memory_.size() - at), bytes);
}

absl::Status StagedBytes::Free(std::uint64_t begin, std::uint64_t end) {
  if (file_ == nullptr) return absl::OkStatus();
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t size, file_->Size());
  if (begin >= size) return absl::OkStatus();
  return file_->PunchHole(begin, std::min(end, size) - begin);
}

absl::Status StagedBytes::Cut(std::uint64_t size) {
  if (file_ == nullptr) {
    if (size <= memory_begin_) {
      memory_.clear();
    } else if (size - memory_begin_ < memory_.size()) {
      memory_.resize(size - memory_begin_);
    }
    return absl::OkStatus();
  }
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t file_size, file_->Size());
  return size < file_size ? file_->Truncate(size) : absl::OkStatus();
}

absl::Status StagedBytes::Extend(std::uint64_t size) {
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t file_size, file_->Size());
  return size > file_size ? file_->Truncate(size) : absl::OkStatus();
}

absl::StatusOr<StagedBytes::Spilled> StagedBytes::Spill(const ChangeSet& valid) const {
  Spilled spilled;
  spilled.stem = context_->ClaimStem(node_);
  const std::string path = context_->DataPath(spilled.stem);
  absl::StatusOr<std::unique_ptr<base::File>> file = context_->storage.Open(path, base::Storage::OpenMode::kCreate);
  if (absl::IsAlreadyExists(file.status())) {
    // Without a log beside it, or the stem would be held: what a process that ended left behind.
    COPSE_RETURN_IF_ERROR(context_->storage.Remove(path));
    file = context_->storage.Open(path, base::Storage::OpenMode::kCreate);
  }
  absl::Status status = file.status();
  for (const auto& [begin, tail] : valid.ranges()) {
    if (!status.ok() || tail.kind != RangeKind::kData) continue;
    const std::string_view bytes(memory_.data() + (begin - memory_begin_), tail.end - begin);
    status = (*file)->WriteAt(begin, bytes);
  }
  if (status.ok()) {
    spilled.file = *std::move(file);
    return spilled;
  }
  if (file.ok()) {
    file->reset();
    (void)context_->storage.Remove(path);  // Without a log it means nothing and is removed by the next Recover.
  }
  context_->ReleaseStem(spilled.stem, false);
  return status;
}

void StagedBytes::Adopt(Spilled spilled) {
  stem_ = std::move(spilled.stem);
  file_ = std::move(spilled.file);
  synced_ = false;
  std::string().swap(memory_);
}

absl::Status StagedBytes::Sync() {
  if (file_ == nullptr || synced_) return absl::OkStatus();
  COPSE_RETURN_IF_ERROR(file_->Sync());
  synced_ = true;
  return absl::OkStatus();
}

absl::Status StagedBytes::Clear() {
  std::string().swap(memory_);
  if (file_ == nullptr) return absl::OkStatus();
  file_.reset();
  const absl::Status removed = context_->storage.Remove(context_->DataPath(stem_));
  context_->ReleaseStem(stem_, !removed.ok());
  synced_ = true;
  keep_ = false;
  return removed;
}

}  // namespace copse::fs
