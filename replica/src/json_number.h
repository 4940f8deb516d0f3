#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace copse::replica {

/// The integer that `json` is. Json::get would cut one that is too long, and a fraction, to something else.
/// Throws nlohmann::json::exception unless it is one that Number can be.
template <typename Number>
Number NumberOf(const nlohmann::json& json) {
  if (json.is_number_unsigned()) {
    if (const auto value = json.get<std::uint64_t>(); std::in_range<Number>(value)) return static_cast<Number>(value);
  } else if (json.is_number_integer()) {
    if (const auto value = json.get<std::int64_t>(); std::in_range<Number>(value)) return static_cast<Number>(value);
  }
  throw nlohmann::json::other_error::create(
      501, "expected an integer of at most " + std::to_string(std::numeric_limits<Number>::max()), nullptr);
}

}  // namespace copse::replica
