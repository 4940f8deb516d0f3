#pragma once

#include <cstddef>
#include <string_view>

namespace copse::fuzz {

/// Reads an input as a row of decisions, one byte each, so that a change of one byte changes one decision.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}

  bool is_done() const { return bytes_.empty(); }

  /// Below `bound`, which is at most 256; 0 when the input is used up.
  unsigned Below(unsigned bound) {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte % bound;
  }

  /// The next `count` bytes of the input, or as many as there are.
  std::string_view Take(std::size_t count) {
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view TakeRest() { return Take(bytes_.size()); }

 private:
  std::string_view bytes_;
};

}  // namespace copse::fuzz
