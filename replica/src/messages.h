#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/hash.h>
#include <copse/crdt/ids.h>
#include <copse/replica/identity.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "feed_head.h"

// What two replicas say to each other: docs/format/exchange.md.

namespace copse::replica {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kMessageHeaderBytes = 5;
/// Room for the largest chunk, sealed.
inline constexpr std::size_t kMessageBodyBytesMax = (4 << 20) + (64 << 10);
inline constexpr std::size_t kChunkIdsMax = 256;  ///< In one WantChunks, and asked for and not answered.
inline constexpr std::size_t kReasonBytesMax = 1000;
inline constexpr std::size_t kAdmissionSecretBytes = 32;

namespace message {

/// The first message of a member. Heads are ascending by actor, each of at least one frame.
struct Hello {
  std::uint32_t version = kProtocolVersion;  ///< All that follows is empty where it is not kProtocolVersion.
  VolumeId volume{};
  std::string label;
  std::uint64_t chunks_missing = 0;
  std::vector<FeedHead> heads;

  friend bool operator==(const Hello&, const Hello&) = default;
};

/// The heads that changed since they were last stated.
struct Heads {
  std::uint64_t chunks_missing = 0;  ///< How many chunks the sender still wants.
  std::vector<FeedHead> heads;

  friend bool operator==(const Heads&, const Heads&) = default;
};

/// Asks for all frames of a feed from `first` on, those too that are yet to come.
struct Subscribe {
  crdt::ActorId actor = 0;
  std::uint64_t first = 0;

  friend bool operator==(const Subscribe&, const Subscribe&) = default;
};

/// Lets the other end send so many bytes more of Frames and Chunk bodies.
struct Credit {
  std::uint64_t bytes = 0;

  friend bool operator==(const Credit&, const Credit&) = default;
};

/// A run of at least one frame.
struct Frames {
  crdt::ActorId actor = 0;
  std::uint64_t first = 0;
  std::vector<std::string> frames;

  friend bool operator==(const Frames&, const Frames&) = default;
};

struct WantChunks {
  std::vector<base::Hash> ids;  ///< 1..kChunkIdsMax.

  friend bool operator==(const WantChunks&, const WantChunks&) = default;
};

struct Chunk {
  base::Hash id{};
  std::string sealed;

  friend bool operator==(const Chunk&, const Chunk&) = default;
};

struct NoChunk {
  base::Hash id{};

  friend bool operator==(const NoChunk&, const NoChunk&) = default;
};

/// All that a stranger may say.
struct Join {
  std::string secret;  ///< kAdmissionSecretBytes.
  std::string label;

  friend bool operator==(const Join&, const Join&) = default;
};

struct Welcome {
  std::string bytes;

  friend bool operator==(const Welcome&, const Welcome&) = default;
};

/// The last message of a session that ends for a reason.
struct Refused {
  std::string reason;  ///< One line of at most kReasonBytesMax, without control characters.

  friend bool operator==(const Refused&, const Refused&) = default;
};

struct Ping {
  friend bool operator==(const Ping&, const Ping&) = default;
};

struct Pong {
  friend bool operator==(const Pong&, const Pong&) = default;
};

}  // namespace message

/// The index of the alternative is the message's type on the wire, less one.
using Message = std::variant<message::Hello, message::Heads, message::Subscribe, message::Credit, message::Frames,
                             message::WantChunks, message::Chunk, message::NoChunk, message::Join, message::Welcome,
                             message::Refused, message::Ping, message::Pong>;

/// What people call that kind of message: "Hello".
std::string NameOf(const Message& message);

/// The bytes of `message` with its header; a reason is cut and cleaned to what Refused allows.
std::string EncodeMessage(const Message& message);

/// Whether a message of `type` exists.
bool IsMessageType(std::uint8_t type);

/// Reads the body of a message from bytes that may be hostile.
/// Errors: kDataLoss with the message's name, the offset within the body and what was expected.
absl::StatusOr<Message> DecodeMessage(std::uint8_t type, std::string_view body);

/// How many bytes one frame takes in a Frames message, and such a message besides its frames at most.
std::size_t EncodedFrameBytes(std::size_t frame_bytes);
inline constexpr std::size_t kFramesOverheadBytes = 10;

}  // namespace copse::replica
