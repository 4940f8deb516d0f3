#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/hash.h>
#include <copse/crdt/ids.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "feed_head.h"

namespace copse::replica {

class SessionHost {
 public:
  virtual ~SessionHost() = default;
  virtual std::vector<FeedHead> Heads() = 0;
  virtual bool IsMember(crdt::ActorId actor) = 0;
  virtual absl::StatusOr<std::vector<std::string>> ReadFrames(crdt::ActorId actor, std::uint64_t first,
                                                              std::size_t bytes_max) = 0;
  virtual absl::StatusOr<base::Hash> FrameHash(crdt::ActorId actor, std::uint64_t frame) = 0;
  virtual absl::Status AddFrames(crdt::ActorId actor, std::uint64_t first, std::span<const std::string> frames) = 0;
  virtual absl::StatusOr<std::string> ReadChunk(const base::Hash& id) = 0;
  virtual absl::Status OnChunk(const base::Hash& id, absl::StatusOr<std::string> sealed) = 0;
  virtual std::uint64_t ChunksMissing() = 0;
  virtual absl::StatusOr<std::string> Admit(const std::string& peer_key, std::string_view secret,
                                            const std::string& label) = 0;
};

}  // namespace copse::replica
