// Any bytes: DecodeFrame refuses them, or they are the three parts that it says. A frame that was signed and sealed
// with the right keys besides is what EncodeFrame writes for what was read.
//
// A fuzzer guesses no hash, no signature and no authentication tag, so each input is also read as a header and the
// *plain* body behind it, and made into a frame with all of these right: what a member of the volume could send.

#include <copse/base/hash.h>
#include <copse/crdt/bytes.h>

#include <optional>

#include "frame.h"
#include "frame_keys.h"
#include "fuzz.h"
#include "sealing.h"

namespace copse::fuzz {
namespace {

constexpr std::size_t kSaltOffset = 66;

void Check(std::string_view bytes, bool is_signed) {
  const auto frame = replica::DecodeFrame(bytes);
  if (!frame.ok()) return;
  Require(std::string(frame->signed_part) + std::string(frame->signature) + std::string(frame->sealed_body) == bytes);
  const bool verified = replica::VerifyFrame(*frame, FrameKeys().public_key).ok();
  Require(verified || !is_signed);
  const auto ops = replica::OpenFrame(*frame, kEpochKey);
  if (!ops.ok() || !verified) return;
  Require(replica::EncodeFrame(frame->header, *ops, kEpochKey, FrameKeys().secret_key) == bytes);
}

// `bytes`: the length of a header in two bytes, the header up to its body's length, and plain ops.
std::optional<std::string> SealedAndSigned(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const std::size_t header_bytes = crdt::ByteReader(bytes.substr(0, 2)).U16().value();
  bytes.remove_prefix(2);
  if (bytes.size() < header_bytes || header_bytes < kSaltOffset + replica::kSaltBytes) return std::nullopt;
  const std::string salt(bytes.substr(kSaltOffset, replica::kSaltBytes));
  std::string body;
  replica::Seal(base::HmacSha256(kEpochKey, "copse frame" + salt), bytes.substr(header_bytes), body);
  crdt::ByteWriter frame;
  frame.Raw(bytes.substr(0, header_bytes));
  frame.U32(static_cast<std::uint32_t>(body.size()));
  frame.Raw(base::AsBytes(base::Sha256(body)));
  frame.Raw(replica::Sign(FrameKeys().secret_key, frame.bytes()));
  frame.Raw(body);
  return std::move(frame).Take();
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  copse::fuzz::Check(bytes, false);
  if (const auto frame = copse::fuzz::SealedAndSigned(bytes)) copse::fuzz::Check(*frame, true);
  return 0;
}
