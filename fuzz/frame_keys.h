#pragma once

#include <string>

#include "signing.h"

namespace copse::fuzz {

/// The keys of the frames in the corpus, and of those that the target seals itself.
inline const std::string kEpochKey(32, 'k');
inline const replica::SigningKeys& FrameKeys() {
  static const replica::SigningKeys keys = replica::SigningKeysOf(std::string(replica::kSigningSeedBytes, 's'));
  return keys;
}

}  // namespace copse::fuzz
