#pragma once

#include <copse/base/storage.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace copse::fuzz {

/// A file that can only be read, without a disk under it: `bytes` must outlive it.
class BytesFile final : public base::File {
 public:
  explicit BytesFile(std::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<std::size_t> ReadAt(std::uint64_t offset, std::span<char> out) const override {
    if (offset >= bytes_.size()) return 0;
    return bytes_.copy(out.data(), out.size(), offset);
  }
  absl::Status WriteAt(std::uint64_t, std::string_view) override { return ReadOnly(); }
  absl::Status Truncate(std::uint64_t) override { return ReadOnly(); }
  absl::Status PunchHole(std::uint64_t, std::uint64_t) override { return ReadOnly(); }
  absl::StatusOr<std::uint64_t> Size() const override { return bytes_.size(); }
  absl::StatusOr<std::optional<std::uint64_t>> SeekData(std::uint64_t offset) const override {
    return offset < bytes_.size() ? std::optional(offset) : std::nullopt;
  }
  absl::Status Sync() override { return ReadOnly(); }

 private:
  static absl::Status ReadOnly() { return absl::PermissionDeniedError("the file is read-only"); }

  std::string_view bytes_;
};

}  // namespace copse::fuzz
