#pragma once

#include <copse/base/hash.h>
#include <copse/crdt/bytes.h>

#include <string>
#include <string_view>

namespace copse::fuzz {

/// A log of a staging with the checksum of each record put right, which a fuzzer cannot guess.
inline std::string WithStagingChecksums(std::string bytes) {
  constexpr std::size_t kFrameBytes = 8;
  for (std::size_t at = 0; bytes.size() - at >= kFrameBytes;) {
    const std::string_view rest = std::string_view(bytes).substr(at);
    const std::size_t length = crdt::ByteReader(rest).U32().value();
    if (length > rest.size() - kFrameBytes) break;
    crdt::ByteWriter checksum;
    checksum.U32(base::Crc32c(rest.substr(kFrameBytes, length)));
    bytes.replace(at + 4, checksum.size(), checksum.bytes());
    at += kFrameBytes + length;
  }
  return bytes;
}

}  // namespace copse::fuzz
