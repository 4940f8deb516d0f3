#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/image.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace copse::crdt {

/// Where everything in an image stands: on a multiple of so many bytes.
inline constexpr std::size_t kImageStep = 8;

/// Builds an image: numbers, and arrays as they lie in memory. docs/format/image.md.
class ImageWriter {
 public:
  /// `size`: about how many bytes it will be.
  explicit ImageWriter(std::size_t size) { bytes_.reserve(size); }

  void Number(std::uint64_t value) { Raw({reinterpret_cast<const char*>(&value), sizeof value}); }
  template <typename T>
  void Array(std::span<const T> elements) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kImageStep);
    Raw({reinterpret_cast<const char*>(elements.data()), elements.size_bytes()});
    Pad();
  }
  template <typename T>
  void Array(const std::vector<T>& elements) {
    Array(std::span<const T>(elements));
  }
  /// Part of an array; Pad ends it.
  void Raw(std::string_view bytes) { bytes_.append(bytes); }
  void Pad() { bytes_.resize((bytes_.size() + kImageStep - 1) / kImageStep * kImageStep); }

  std::string Take() && { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what ImageWriter writes. Arrays are not copied: they stay where they are, and so may be changed.
/// Errors: kDataLoss with the offset.
class ImageReader {
 public:
  explicit ImageReader(ImageBuffer image) : size_(image.size()), bytes_(std::move(image).Share()) {}

  absl::StatusOr<std::uint64_t> Number() {
    if (size_ - at_ < sizeof(std::uint64_t)) return Error("a number");
    std::uint64_t value = 0;
    std::memcpy(&value, bytes_.get() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  template <typename T>
  absl::StatusOr<std::span<T>> Array(std::uint64_t count) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kImageStep);
    if (count > (size_ - at_) / sizeof(T)) return Error("an array of " + std::to_string(count));
    auto* const elements = reinterpret_cast<T*>(bytes_.get() + at_);
    const std::size_t end = at_ + static_cast<std::size_t>(count) * sizeof(T);
    at_ = (end + kImageStep - 1) / kImageStep * kImageStep;
    if (at_ > size_) return Error("padding");
    return std::span<T>(elements, static_cast<std::size_t>(count));
  }
  /// Keeps all arrays alive.
  const std::shared_ptr<char[]>& owner() const { return bytes_; }
  bool at_end() const { return at_ == size_; }
  absl::Status Error(const std::string& what) const {
    return absl::DataLossError("image offset " + std::to_string(at_) + ": expected " + what);
  }

 private:
  std::size_t size_;
  std::size_t at_ = 0;
  std::shared_ptr<char[]> bytes_;
};

}  // namespace copse::crdt
