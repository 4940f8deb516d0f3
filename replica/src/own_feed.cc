#include "own_feed.h"

#include <copse/base/check.h>
#include <copse/base/status_macros.h>

namespace copse::replica {
namespace {

/// No op is coded in more bytes than this.
std::size_t EncodedBytesMax(const crdt::Op& op) {
  constexpr std::size_t kNumbers = 64;  // Time, child, parent, guard, counts and lengths: varints of at most 10 bytes.
  std::size_t bytes = kNumbers + (op.place ? op.place->name.size() : 0);
  for (const crdt::Field& field : op.fields) {
    bytes += kNumbers + field.id.key.size() + (field.value ? field.value->size() : 0);
    if (field.replaces) bytes += 10 * field.replaces->size();
  }
  return bytes;
}

/// How many of `ops` make the next frame: whole batches, as many as fit, and at least one.
std::size_t FrameLength(std::span<const crdt::Op> ops, std::uint32_t bytes_max) {
  std::size_t bytes = 0;
  std::size_t length = 0;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    bytes += EncodedBytesMax(ops[i]);
    if (bytes > bytes_max && length > 0) break;
    if (ops[i].ends_batch) length = i + 1;
  }
  return length;
}

}  // namespace

FrameHeader OwnFeed::NextHeader(std::span<const crdt::Op> ops) {
  FrameHeader header;
  header.volume = identity_.volume;
  header.actor = identity_.actor;
  header.first_op = writer_.end().ops;
  header.op_count = static_cast<std::uint32_t>(ops.size());
  header.clock = ops.back().time.counter();
  header.wall_clock = clock_.Now();
  header.epoch = identity_.epoch_keys.rbegin()->first;
  random_.Fill({reinterpret_cast<char*>(header.salt.data()), header.salt.size()});
  header.previous = writer_.end().last_frame;
  header.dependencies_are_full = writer_.StartsSegment();
  for (const auto& [actor, dependency] : known_) {
    const auto stated = stated_.find(actor);
    const bool is_news = stated == stated_.end() || stated->second != dependency;
    if (header.dependencies_are_full || is_news) header.dependencies.push_back(dependency);
  }
  return header;
}

absl::Status OwnFeed::Write(std::span<const crdt::Op> ops, std::uint64_t& durable) {
  while (!ops.empty()) {
    const std::size_t length = FrameLength(ops, frame_bytes_max_);
    COPSE_CHECK(length > 0);
    const std::span<const crdt::Op> frame_ops = ops.first(length);
    const FrameHeader header = NextHeader(frame_ops);
    const std::string frame =
        EncodeFrame(header, frame_ops, identity_.epoch_keys.at(header.epoch), identity_.signing_secret);
    COPSE_RETURN_IF_ERROR(writer_.Append(frame, header));
    stated_ = known_;
    durable += length;
    ops = ops.subspan(length);
  }
  return absl::OkStatus();
}

}  // namespace copse::replica
