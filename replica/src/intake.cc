#include "intake.h"

#include <algorithm>
#include <utility>

#include "replay.h"

namespace copse::replica {
namespace {

constexpr std::chrono::seconds kContentWaitMax{10};
constexpr std::uint64_t kWaitingBytesMax = 64 << 20;
// Small frames of one feed are applied together: one rewind of the tree serves all of them. Not too many, for what
// applies them keeps others out meanwhile.
constexpr std::size_t kOpsAtOnce = 1024;

}  // namespace

void Intake::AddApplied(std::span<const crdt::Op> ops) { WantContentOf(ops, nullptr); }

void Intake::Add(const FrameHeader& header, const base::Hash& hash, std::size_t bytes, std::vector<crdt::Op> ops) {
  if (refused_.contains(header.actor)) return;
  auto frame = std::make_shared<WaitingFrame>();
  frame->header = header;
  frame->hash = hash;
  frame->bytes = bytes;
  frame->ops = std::move(ops);
  frame->content_until = clock_.Monotonic() + kContentWaitMax;
  WantContentOf(frame->ops, frame);
  waiting_bytes_ += bytes;
  waiting_[header.actor].push_back(std::move(frame));
}

void Intake::WantContentOf(std::span<const crdt::Op> ops, const Frame& frame) {
  for (const crdt::Op& op : ops) {
    for (const base::NamedContent& content : namer_.named_by_op(op)) Want(content, frame);
  }
}

void Intake::Want(const base::NamedContent& content, const Frame& frame) {
  const base::Hash& id = content.chunk.id;
  if (host_.has_chunk(id)) {
    if (content.level == 0) return;
    // A page that cannot be read is damage here, or its author's; reading the file reports it.
    const absl::StatusOr<std::string> page = host_.read_chunk(content.chunk);
    if (!page.ok()) return;
    const absl::StatusOr<std::vector<base::NamedContent>> named = namer_.named_by_page(content.level, *page);
    if (!named.ok()) return;
    for (const base::NamedContent& below : *named) Want(below, frame);
    return;
  }
  const auto [wanted, is_new] = wanted_.try_emplace(id, WantedChunk{content, {}});
  if (is_new) {
    newly_wanted_.push_back(id);
    bytes_missing_ += content.chunk.plain_length;
  }
  if (frame == nullptr) return;
  wanted->second.frames.push_back(frame);
  ++frame->chunks_missing;
}

const base::NamedContent* Intake::Wanted(const base::Hash& id) const {
  const auto wanted = wanted_.find(id);
  return wanted == wanted_.end() ? nullptr : &wanted->second.content;
}

void Intake::OnStored(const base::Hash& id) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end()) return;
  const WantedChunk wanted = std::move(found->second);
  wanted_.erase(found);
  bytes_missing_ -= wanted.content.chunk.plain_length;
  if (wanted.frames.empty()) Want(wanted.content, nullptr);  // What a page names.
  for (const std::weak_ptr<WaitingFrame>& waiting : wanted.frames) {
    const Frame frame = waiting.lock();
    Want(wanted.content, frame);
    if (frame != nullptr) --frame->chunks_missing;
  }
}

bool Intake::MayApply(const WaitingFrame& frame, std::chrono::nanoseconds now) const {
  if (!IsCovered(frame.header, known_)) return false;
  return frame.chunks_missing == 0 || now >= frame.content_until || waiting_bytes_ > kWaitingBytesMax;
}

bool Intake::ApplyHeads(crdt::ActorId actor, std::deque<Frame>& frames, std::chrono::nanoseconds now) {
  std::vector<Frame> taken;
  std::vector<crdt::Op> ops;
  Dependencies known;
  while (!frames.empty() && MayApply(*frames.front(), now) &&
         (ops.empty() || ops.size() + frames.front()->ops.size() <= kOpsAtOnce)) {
    WaitingFrame& frame = *frames.front();
    if (frame.header.op_count > 0) Know(frame.header, frame.hash, known);
    ops.insert(ops.end(), std::make_move_iterator(frame.ops.begin()), std::make_move_iterator(frame.ops.end()));
    waiting_bytes_ -= frame.bytes;
    taken.push_back(std::move(frames.front()));
    frames.pop_front();
  }
  if (!ops.empty()) {
    const absl::Status applied = host_.apply(known.at(actor), taken.front()->header.first_op, ops);
    if (!applied.ok()) {
      for (const Frame& frame : frames) waiting_bytes_ -= frame->bytes;
      frames.clear();
      Refuse(actor, std::string(applied.message()));
      return false;
    }
    known_[actor] = known.at(actor);
  }
  for (const Frame& frame : taken) host_.applied(frame->header);
  return !taken.empty();
}

std::optional<std::chrono::nanoseconds> Intake::Run() {
  const std::chrono::nanoseconds now = clock_.Monotonic();
  for (bool any = true; any;) {
    any = false;
    for (auto& [actor, frames] : waiting_) {
      while (ApplyHeads(actor, frames, now)) any = true;
    }
  }
  std::optional<std::chrono::nanoseconds> next;
  for (const auto& [actor, frames] : waiting_) {
    if (frames.empty() || !IsCovered(frames.front()->header, known_)) continue;
    next = std::min(next.value_or(frames.front()->content_until), frames.front()->content_until);
  }
  return next;
}

std::vector<base::Hash> Intake::TakeNewlyWanted() { return std::exchange(newly_wanted_, {}); }

std::vector<base::NamedContent> Intake::AllWantedContents() const {
  std::vector<base::NamedContent> contents;
  for (const base::Hash& id : AllWanted()) contents.push_back(*Wanted(id));
  return contents;
}

std::vector<base::Hash> Intake::AllWanted() const {
  std::vector<base::Hash> ids;
  ids.reserve(wanted_.size());
  for (const auto& [id, wanted] : wanted_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace copse::replica
