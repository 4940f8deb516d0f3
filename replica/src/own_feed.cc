#include "own_feed.h"

#include <copse/base/check.h>
#include <copse/base/status_macros.h>

#include <algorithm>
#include <utility>

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

FrameHeader OwnFeed::NextHeader(std::span<const crdt::Op> ops, const Dependencies& known, std::uint64_t clock) {
  const FeedEnd end = feed_.end();
  FrameHeader header;
  header.volume = identity_.volume;
  header.actor = identity_.actor;
  header.number = end.frames;
  header.first_op = end.ops;
  header.op_count = static_cast<std::uint32_t>(ops.size());
  header.clock = ops.empty() ? std::max(end.clock, clock) : ops.back().time.counter();
  header.wall_clock = clock_.Now();
  header.epoch = identity_.epoch_keys.rbegin()->first;
  random_.Fill({reinterpret_cast<char*>(header.salt.data()), header.salt.size()});
  header.previous = end.last_frame;
  header.dependencies_are_full = feed_.WantsSegment();
  for (const auto& [actor, dependency] : known) {
    const auto stated = stated_.find(actor);
    const bool is_news = stated == stated_.end() || stated->second != dependency;
    if (header.dependencies_are_full || is_news) header.dependencies.push_back(dependency);
  }
  return header;
}

absl::Status OwnFeed::WriteFrame(FrameHeader header, std::span<const crdt::Op> ops, const Dependencies& known,
                                 std::vector<FrameHeader>& written) {
  const std::string bytes =
      EncodeFrame(header, ops, identity_.epoch_keys.at(header.epoch), identity_.signing_secret, signatures_);
  Frame frame;
  frame.header = std::move(header);
  frame.bytes = bytes;
  COPSE_RETURN_IF_ERROR(feed_.Append({&frame, 1}));
  stated_ = known;
  written.push_back(std::move(frame.header));
  return absl::OkStatus();
}

absl::Status OwnFeed::Write(std::span<const crdt::Op> ops, std::vector<Grant> grants, Dependencies known,
                            std::uint64_t border, std::uint64_t clock, std::vector<FrameHeader>& written) {
  known.erase(identity_.actor);
  while (!ops.empty() || !grants.empty()) {
    const std::uint64_t end = feed_.end().ops;
    const bool has_border = border > end && border - end < ops.size();
    const std::span<const crdt::Op> within = has_border ? ops.first(static_cast<std::size_t>(border - end)) : ops;
    const std::size_t length = within.empty() ? 0 : FrameLength(within, frame_bytes_max_);
    COPSE_CHECK(ops.empty() || length > 0);
    const std::span<const crdt::Op> frame_ops = ops.first(length);
    FrameHeader header = NextHeader(frame_ops, known, clock);
    header.grants = std::exchange(grants, {});
    COPSE_RETURN_IF_ERROR(WriteFrame(std::move(header), frame_ops, known, written));
    ops = ops.subspan(length);
  }
  return absl::OkStatus();
}

bool OwnFeed::HasToAcknowledge(const Dependencies& known) const {
  return std::any_of(known.begin(), known.end(), [this](const auto& one) {
    const auto stated = stated_.find(one.first);
    const std::uint64_t count = stated == stated_.end() ? 0 : stated->second.count;
    return one.first != identity_.actor && one.second.count > count;
  });
}

absl::Status OwnFeed::Acknowledge(Dependencies known, std::uint64_t clock, std::vector<FrameHeader>& written) {
  if (!HasToAcknowledge(known)) return absl::OkStatus();
  known.erase(identity_.actor);
  return WriteFrame(NextHeader({}, known, clock), {}, known, written);
}

}  // namespace copse::replica
