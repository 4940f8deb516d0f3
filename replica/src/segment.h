#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/storage.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace copse::replica {

inline constexpr std::uint32_t kSegmentFormat = 1;
inline constexpr std::size_t kSegmentHeaderBytes = 42;
inline constexpr std::size_t kRecordHeaderBytes = 12;

/// What a segment file begins with: docs/format/store.md.
struct SegmentHeader {
  VolumeId volume{};
  crdt::ActorId actor = 0;
  std::uint64_t first_op = 0;

  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

std::string EncodeSegmentHeader(const SegmentHeader& header);
/// Errors: kDataLoss too short, or not what EncodeSegmentHeader writes.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(std::string_view bytes);

/// `payload` with the magic, length and checksum that go before it in a segment.
std::string EncodeRecord(std::string_view payload);

/// Reads the records of one segment in order. Not thread-safe.
class SegmentReader {
 public:
  enum class Outcome { kRecord, kEnd, kBad };

  /// Looks at the first `size` bytes of `file` only.
  SegmentReader(std::unique_ptr<base::File> file, std::uint64_t size) : file_(std::move(file)), size_(size) {}

  absl::StatusOr<SegmentHeader> ReadHeader();

  /// kRecord: `payload` is the next record's, and the position is behind it. kEnd: nothing follows. kBad: what follows
  /// is not a whole record with a right checksum; the position stays. Errors: any from the disk.
  absl::StatusOr<Outcome> Next(std::string& payload);

  /// The first valid record that begins after `offset`, if any; reads all that is left.
  absl::StatusOr<std::optional<std::uint64_t>> FindRecordAfter(std::uint64_t offset) const;

  std::uint64_t offset() const { return offset_; }
  std::uint64_t size() const { return size_; }
  void Seek(std::uint64_t offset) { offset_ = offset; }

 private:
  std::unique_ptr<base::File> file_;
  std::uint64_t size_;
  std::uint64_t offset_ = kSegmentHeaderBytes;
};

}  // namespace copse::replica
