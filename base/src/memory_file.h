#pragma once

#include <copse/base/storage.h>

#include <cstdint>
#include <memory>
#include <string>

#include "memory_disk.h"

namespace copse::base {

/// One open handle of a MemoryStorage; dead after the disk's next crash.
class MemoryFile final : public File {
 public:
  /// The caller holds the disk's mutex.
  MemoryFile(std::shared_ptr<MemoryDisk> disk, MemoryDisk::NodePointer node, std::string path, bool writable);

  absl::StatusOr<std::size_t> ReadAt(std::uint64_t offset, std::span<char> out) const override;
  absl::Status WriteAt(std::uint64_t offset, std::string_view bytes) override;
  absl::Status Truncate(std::uint64_t size) override;
  absl::Status PunchHole(std::uint64_t offset, std::uint64_t length) override;
  absl::StatusOr<std::uint64_t> Size() const override;
  absl::StatusOr<std::optional<std::uint64_t>> SeekData(std::uint64_t offset) const override;
  absl::Status Sync() override;

 private:
  absl::Status CheckAlive(const std::string& doing) const;
  absl::Status CheckWritable(const std::string& doing) const;
  /// How many of `length` bytes at `offset` the disk has room for.
  std::uint64_t Fitting(std::uint64_t offset, std::uint64_t length) const;

  const std::shared_ptr<MemoryDisk> disk_;
  const MemoryDisk::NodePointer node_;
  const std::string path_;
  const bool writable_;
  const std::uint64_t boot_;
  bool sync_failed_ = false;
};

}  // namespace copse::base
