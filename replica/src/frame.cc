#include "frame.h"

#include <copse/base/check.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>
#include <copse/crdt/op_codec.h>

#include <algorithm>
#include <limits>

#include "grant_codec.h"
#include "sealing.h"
#include "signing.h"

// A header in the clear, a signature over it, and the ops sealed behind it. The header holds the body's hash, so the
// signature covers both without the body being needed to check it; and the hash of the frame before, so the newest
// signature of a feed covers the whole feed.

namespace copse::replica {
namespace {

constexpr std::string_view kMagic = "cpfr";

template <std::size_t kSize>
absl::Status Read(crdt::ByteReader& reader, std::array<std::uint8_t, kSize>& out) {
  COPSE_ASSIGN_OR_RETURN(const std::string_view bytes, reader.Raw(kSize));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(out.data()));
  return absl::OkStatus();
}

base::Hash BodyKey(const FrameHeader& header, std::string_view epoch_key) {
  return base::HmacSha256(epoch_key, "copse frame" + std::string(base::AsBytes(header.salt)));
}

void WriteHeader(const FrameHeader& header, std::string_view sealed_body, crdt::ByteWriter& out) {
  out.Raw(kMagic);
  out.U32(kFrameFormat);
  out.Raw(base::AsBytes(header.volume));
  out.U16(header.actor);
  out.U64(header.number);
  out.U64(header.first_op);
  out.U32(header.op_count);
  out.U64(header.clock);
  out.U64(static_cast<std::uint64_t>(header.wall_clock));
  out.U32(header.epoch);
  out.Raw(base::AsBytes(header.salt));
  out.Raw(base::AsBytes(header.previous));
  out.U8(header.dependencies_are_full ? 1 : 0);
  out.U16(static_cast<std::uint16_t>(header.dependencies.size()));
  for (const Dependency& dependency : header.dependencies) {
    out.U16(dependency.actor);
    out.U64(dependency.count);
    out.Raw(base::AsBytes(dependency.frame));
  }
  out.U16(static_cast<std::uint16_t>(header.grants.size()));
  for (const Grant& grant : header.grants) WriteGrant(grant, out);
  out.U32(static_cast<std::uint32_t>(sealed_body.size()));
  out.Raw(base::AsBytes(base::Sha256(sealed_body)));
}

absl::Status ReadDependencies(crdt::ByteReader& reader, FrameHeader& header) {
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t full, reader.U8());
  if (full > 1) return reader.Error("0 or 1, whether the dependencies are full");
  header.dependencies_are_full = full == 1;
  COPSE_ASSIGN_OR_RETURN(const std::uint16_t count, reader.U16());
  crdt::ActorId last = 0;  // No feed has actor 0, so this also refuses it.
  for (std::uint16_t i = 0; i < count; ++i) {
    Dependency dependency;
    COPSE_ASSIGN_OR_RETURN(dependency.actor, reader.U16());
    COPSE_ASSIGN_OR_RETURN(dependency.count, reader.U64());
    COPSE_RETURN_IF_ERROR(Read(reader, dependency.frame));
    if (dependency.actor <= last || dependency.actor == header.actor || dependency.count == 0) {
      return reader.Error("dependencies on other actors, ascending, with counts above 0");
    }
    last = dependency.actor;
    header.dependencies.push_back(dependency);
  }
  return absl::OkStatus();
}

absl::Status ReadGrants(crdt::ByteReader& reader, FrameHeader& header) {
  COPSE_ASSIGN_OR_RETURN(const std::uint16_t count, reader.U16());
  for (std::uint16_t i = 0; i < count; ++i) {
    COPSE_ASSIGN_OR_RETURN(header.grants.emplace_back(), ReadGrant(reader));
  }
  return absl::OkStatus();
}

absl::Status ReadHeader(crdt::ByteReader& reader, FrameHeader& header) {
  COPSE_ASSIGN_OR_RETURN(const std::string_view magic, reader.Raw(kMagic.size()));
  if (magic != kMagic) return reader.Error("the magic of a frame");
  COPSE_ASSIGN_OR_RETURN(const std::uint32_t format, reader.U32());
  if (format != kFrameFormat) return reader.Error("frame format 2");
  COPSE_RETURN_IF_ERROR(Read(reader, header.volume));
  COPSE_ASSIGN_OR_RETURN(header.actor, reader.U16());
  if (header.actor == 0) return reader.Error("an actor above 0");
  COPSE_ASSIGN_OR_RETURN(header.number, reader.U64());
  COPSE_ASSIGN_OR_RETURN(header.first_op, reader.U64());
  COPSE_ASSIGN_OR_RETURN(header.op_count, reader.U32());
  if (header.first_op > std::numeric_limits<std::uint64_t>::max() - header.op_count) {
    return reader.Error("op numbers below 2^64");
  }
  COPSE_ASSIGN_OR_RETURN(header.clock, reader.U64());
  if (header.clock > crdt::kCounterMax) return reader.Error("a clock below 2^48");
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t wall_clock, reader.U64());
  header.wall_clock = static_cast<base::UnixNanoseconds>(wall_clock);
  COPSE_ASSIGN_OR_RETURN(header.epoch, reader.U32());
  COPSE_RETURN_IF_ERROR(Read(reader, header.salt));
  COPSE_RETURN_IF_ERROR(Read(reader, header.previous));
  COPSE_RETURN_IF_ERROR(ReadDependencies(reader, header));
  return ReadGrants(reader, header);
}

}  // namespace

std::string EncodeFrame(FrameHeader header, std::span<const crdt::Op> ops, std::string_view epoch_key,
                        std::string_view signing_secret, const SignatureScheme& signatures) {
  COPSE_CHECK(ops.empty() || ops.back().ends_batch);
  COPSE_CHECK(header.grants.size() <= std::numeric_limits<std::uint16_t>::max());
  COPSE_CHECK(header.dependencies.size() <= std::numeric_limits<std::uint16_t>::max());
  header.op_count = static_cast<std::uint32_t>(ops.size());
  std::string body;
  Seal(BodyKey(header, epoch_key), ops.empty() ? std::string() : crdt::EncodeOps(ops), body);
  COPSE_CHECK(body.size() <= std::numeric_limits<std::uint32_t>::max());
  crdt::ByteWriter writer;
  WriteHeader(header, body, writer);
  const std::string signature = signatures.Sign(signing_secret, writer.bytes());
  writer.Raw(signature);
  writer.Raw(body);
  return std::move(writer).Take();
}

absl::StatusOr<Frame> DecodeFirstFrame(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  Frame frame;
  COPSE_RETURN_IF_ERROR(ReadHeader(reader, frame.header));
  COPSE_ASSIGN_OR_RETURN(const std::uint32_t body_length, reader.U32());
  base::Hash body_hash;
  COPSE_RETURN_IF_ERROR(Read(reader, body_hash));
  frame.signed_part = bytes.substr(0, reader.offset());
  COPSE_ASSIGN_OR_RETURN(frame.signature, reader.Raw(kSignatureBytes));
  COPSE_ASSIGN_OR_RETURN(frame.sealed_body, reader.Raw(body_length));
  if (base::Sha256(frame.sealed_body) != body_hash) return reader.Error("a body with the hash in the header");
  frame.bytes = bytes.substr(0, reader.offset());
  return frame;
}

absl::StatusOr<Frame> DecodeFrame(std::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(Frame frame, DecodeFirstFrame(bytes));
  if (frame.bytes.size() == bytes.size()) return frame;
  return absl::DataLossError("offset " + std::to_string(frame.bytes.size()) + ": expected the end");
}

absl::Status VerifyFrame(const Frame& frame, std::string_view signing_public, const SignatureScheme& signatures) {
  if (signatures.IsSignedBy(signing_public, frame.signed_part, frame.signature)) return absl::OkStatus();
  return absl::DataLossError("the signature is not that of the frame's author");
}

absl::StatusOr<std::vector<crdt::Op>> OpenFrame(const Frame& frame, std::string_view epoch_key) {
  const FrameHeader& header = frame.header;
  COPSE_ASSIGN_OR_RETURN(const std::string body, Unseal(BodyKey(header, epoch_key), frame.sealed_body));
  if (header.op_count == 0) {
    if (!body.empty()) return absl::DataLossError("an empty frame has a body");
    return std::vector<crdt::Op>();
  }
  COPSE_ASSIGN_OR_RETURN(std::vector<crdt::Op> ops, crdt::DecodeOps(body));
  if (ops.size() != header.op_count || ops.back().time.counter() != header.clock || !ops.back().ends_batch ||
      std::any_of(ops.begin(), ops.end(), [&](const crdt::Op& op) { return op.time.actor() != header.actor; })) {
    return absl::DataLossError("the ops of the frame are not those that its header states");
  }
  return ops;
}

}  // namespace copse::replica
