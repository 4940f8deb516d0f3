#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace copse::crdt {

/// Bytes that change hands without being copied. A tree that is loaded from an image goes on living in it.
class ImageBuffer {
 public:
  ImageBuffer() = default;
  /// Room for `size` bytes, to be filled in.
  explicit ImageBuffer(std::size_t size) : bytes_(new char[size]), size_(size) {}

  char* data() { return bytes_.get(); }
  const char* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::string_view view() const { return {bytes_.get(), size_}; }

  /// The bytes alone, which live as long as whoever has this.
  std::shared_ptr<char[]> Share() && {
    size_ = 0;
    return std::shared_ptr<char[]>(std::move(bytes_));
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace copse::crdt
