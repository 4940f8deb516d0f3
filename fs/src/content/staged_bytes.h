#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/storage.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "content/change_set.h"
#include "content/staging_context.h"

namespace copse::fs {

/// The written bytes of one file: in memory while they span little, else in a file at the same offsets. Which of them
/// mean something the owner knows (a ChangeSet). Not thread-safe but for reads at one time, beside which Sync may run.
class StagedBytes {
 public:
  StagedBytes(std::shared_ptr<StagingContext> context, NodeId node) : context_(std::move(context)), node_(node) {}
  /// Removes the file, unless it was kept.
  ~StagedBytes();
  StagedBytes(const StagedBytes&) = delete;
  StagedBytes& operator=(const StagedBytes&) = delete;

  /// Fills `out` from `offset`; the range was written.
  absl::Status Read(std::uint64_t offset, std::span<char> out) const;
  /// From the file: what it has of [offset, offset + out.size()).
  absl::StatusOr<std::size_t> ReadUpTo(std::uint64_t offset, std::span<char> out) const {
    return file_->ReadAt(offset, out);
  }
  /// Moves to a file first where memory does not do; `valid` says which bytes mean something now.
  absl::Status Write(std::uint64_t offset, std::string_view bytes, const ChangeSet& valid);
  /// What lies in [begin, end) is needed no more. Frees what it can.
  absl::Status Free(std::uint64_t begin, std::uint64_t end);
  /// What lies at and beyond `size` is needed no more.
  absl::Status Cut(std::uint64_t size);
  /// Makes the file as long as `size`, with zeros, if it is shorter. There is one.
  absl::Status Extend(std::uint64_t size);

  bool has_file() const { return file_ != nullptr; }
  const std::string& stem() const { return stem_; }
  /// base::File::descriptor of the file; -1 where there is none.
  int descriptor() const { return file_ == nullptr ? -1 : file_->descriptor(); }

  /// A file that holds the bytes in memory. Makes no difference until Adopt, so readers may go on meanwhile.
  struct Spilled {
    std::string stem;
    std::unique_ptr<base::File> file;
  };
  absl::StatusOr<Spilled> Spill(const ChangeSet& valid) const;
  void Adopt(Spilled spilled);
  /// Takes the file of an earlier process.
  void Open(std::string stem, std::unique_ptr<base::File> file) { Adopt({std::move(stem), std::move(file)}); }

  /// Makes the file's bytes durable, if any are not.
  absl::Status Sync();
  /// The file was written past this.
  void NoteUnsynced() { synced_ = false; }
  /// Forgets all bytes and removes the file.
  absl::Status Clear();
  /// The file stays on disk when this is destroyed.
  void Keep() { keep_ = true; }

 private:
  bool FitsMemory(std::uint64_t begin, std::uint64_t end) const;
  void WriteMemory(std::uint64_t offset, std::string_view bytes);

  const std::shared_ptr<StagingContext> context_;
  const NodeId node_;
  std::string memory_;  // From memory_begin_ on; empty once there is a file.
  std::uint64_t memory_begin_ = 0;
  std::string stem_;
  std::unique_ptr<base::File> file_;
  bool synced_ = true;
  bool keep_ = false;
};

}  // namespace copse::fs
