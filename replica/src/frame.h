#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/base/hash.h>
#include <copse/crdt/op.h>
#include <copse/replica/identity.h>
#include <copse/replica/member.h>
#include <copse/replica/signature_scheme.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::replica {

inline constexpr std::uint32_t kFrameFormat = 2;
inline constexpr std::size_t kSaltBytes = 16;

/// That a frame's author knew the first `count` ops of `actor`, and which frame they end with.
struct Dependency {
  crdt::ActorId actor = 0;
  std::uint64_t count = 0;
  std::array<std::uint8_t, 8> frame{};  ///< The first bytes of that frame's hash: tells branches of a fork apart.

  friend bool operator==(const Dependency&, const Dependency&) = default;
};

/// What anyone may read of a frame: docs/format/frame.md.
struct FrameHeader {
  VolumeId volume{};
  crdt::ActorId actor = 0;
  std::uint64_t number = 0;    ///< Of this frame within the actor's feed, from 0.
  std::uint64_t first_op = 0;  ///< Number of the first op within the actor's feed.
  std::uint32_t op_count = 0;  ///< 0: the frame only acknowledges what it depends on.
  std::uint64_t clock = 0;     ///< Lamport counter of the last op; of an empty frame, its author's.
  base::UnixNanoseconds wall_clock = 0;
  std::uint32_t epoch = 0;  ///< Which of the volume's keys sealed the body.
  std::array<std::uint8_t, kSaltBytes> salt{};
  base::Hash previous{};                 ///< SHA-256 of the whole frame before it; zeros for the first.
  bool dependencies_are_full = false;    ///< All that the author knew, rather than what changed since its last frame.
  std::vector<Dependency> dependencies;  ///< Ascending by actor, without the author. Those of the last op.
  std::vector<Grant> grants;             ///< Memberships that the author hands out, in this order.

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// A decoded frame; views point into the bytes that were decoded.
struct Frame {
  FrameHeader header;
  std::string_view bytes;        ///< All of the frame.
  std::string_view signed_part;  ///< All before the signature; it includes the body's hash.
  std::string_view signature;
  std::string_view sealed_body;
};

/// The bytes of the frame that holds `ops` (header.op_count is set from it), sealed and signed.
/// `ops` are of header.actor, in ascending time, and the last ends a batch.
std::string EncodeFrame(FrameHeader header, std::span<const crdt::Op> ops, std::string_view epoch_key,
                        std::string_view signing_secret, const SignatureScheme& signatures = Ed25519());

/// Reads exactly one frame from bytes that may be hostile, and proves the body's hash; not the signature.
/// Errors: kDataLoss with the offset within the frame and what was expected.
absl::StatusOr<Frame> DecodeFrame(std::string_view bytes);

/// As DecodeFrame, of the frame that `bytes` begin with; others may follow it.
absl::StatusOr<Frame> DecodeFirstFrame(std::string_view bytes);

/// Errors: kDataLoss not signed by the owner of `signing_public`.
absl::Status VerifyFrame(const Frame& frame, std::string_view signing_public,
                         const SignatureScheme& signatures = Ed25519());

/// The ops in the frame. Errors: kDataLoss sealed with another key, or not the ops that the header states.
absl::StatusOr<std::vector<crdt::Op>> OpenFrame(const Frame& frame, std::string_view epoch_key);

}  // namespace copse::replica
