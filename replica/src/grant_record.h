#pragma once

#include <copse/replica/member.h>

#include <cstdint>

namespace copse::replica {

/// A grant, and which frame of its author's feed bears it.
struct GrantRecord {
  std::uint64_t frame = 0;
  Grant grant;

  friend bool operator==(const GrantRecord&, const GrantRecord&) = default;
};

}  // namespace copse::replica
