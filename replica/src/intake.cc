#include "intake.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "replay.h"

namespace copse::replica {
namespace {

constexpr std::chrono::seconds kContentWaitMax{10};
constexpr std::uint64_t kWaitingBytesMax = 64 << 20;
// Small frames of one feed are applied together: one rewind of the tree serves all of them. Not too many, for what
// applies them keeps others out meanwhile.
constexpr std::size_t kOpsAtOnce = 1024;
/// How long pages that could not be read are left alone: what stood in the way may pass, or be a disk that is slow to
/// fail.
constexpr std::chrono::seconds kUnreadDelay{10};

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

bool Intake::LessContent::operator()(const base::NamedContent& a, const base::NamedContent& b) const {
  const auto key = [](const base::NamedContent& content) {
    const base::ChunkRef& chunk = content.chunk;
    return std::tie(chunk.id, content.level, chunk.plain_length, chunk.epoch, chunk.sealed_hash, chunk.plain_hash);
  };
  return key(a) < key(b);
}

void Intake::Want(const base::NamedContent& content, const Frame& frame) {
  const base::Hash& id = content.chunk.id;
  if (host_.has_chunk(id)) {
    if (content.level > 0) WantContentOfPage(content, frame);
    return;
  }
  const auto [wanted, is_new] = wanted_.try_emplace(id);
  if (is_new) {
    wanted->second.plain_length = content.chunk.plain_length;
    newly_wanted_.push_back(id);
    bytes_missing_ += content.chunk.plain_length;
  }
  Frames& frames = wanted->second.frames[content];
  if (frame != nullptr && frames.insert(frame).second) ++frame->chunks_missing;
}

void Intake::WantContentOfPage(const base::NamedContent& page, const Frame& frame) {
  // Pages that all name the same page, a few levels deep, would otherwise be read without end.
  Contents& pages = frame == nullptr ? pages_ : frame->pages;
  const auto [place, is_new] = pages.insert(page);
  if (!is_new) return;
  const absl::StatusOr<std::string> plain = host_.read_chunk(page.chunk);
  if (!plain.ok()) {
    pages.erase(place);
    if (!host_.has_chunk(page.chunk.id)) return Want(page, frame);  // By this its damage was found.
    // What its author did wrong is reported by reading the file; who names the page again has it tried again.
    if (!absl::IsDataLoss(plain.status()) && !absl::IsNotFound(plain.status())) ReadLater(page, frame);
    return;
  }
  const absl::StatusOr<std::vector<base::NamedContent>> named = namer_.named_by_page(page.level, *plain);
  if (!named.ok()) return;
  for (const base::NamedContent& below : *named) Want(below, frame);
}

void Intake::ReadLater(const base::NamedContent& page, const Frame& frame) {
  if (unread_.empty()) unread_until_ = clock_.Monotonic() + kUnreadDelay;
  Frames& frames = unread_[page];
  if (frame != nullptr && frames.insert(frame).second) ++frame->chunks_missing;
}

void Intake::ReadUnread(std::chrono::nanoseconds now) {
  if (unread_.empty() || now < unread_until_) return;
  for (const auto& [page, frames] : std::exchange(unread_, {})) WantAgain(page, frames);
}

void Intake::WantAgain(const base::NamedContent& content, const Frames& frames) {
  if (frames.empty()) Want(content, nullptr);  // What a page names.
  for (const std::weak_ptr<WaitingFrame>& waiting : frames) {
    const Frame frame = waiting.lock();
    Want(content, frame);
    if (frame != nullptr) --frame->chunks_missing;
  }
}

const base::NamedContent* Intake::Wanted(const base::Hash& id) const {
  const auto wanted = wanted_.find(id);
  return wanted == wanted_.end() ? nullptr : &wanted->second.frames.begin()->first;
}

void Intake::OnStored(const base::Hash& id) {
  const auto found = wanted_.find(id);
  if (found == wanted_.end()) return;
  const WantedChunk wanted = std::move(found->second);
  wanted_.erase(found);
  bytes_missing_ -= wanted.plain_length;
  for (const auto& [content, frames] : wanted.frames) WantAgain(content, frames);
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
  ReadUnread(now);
  for (bool any = true; any;) {
    any = false;
    for (auto& [actor, frames] : waiting_) {
      while (ApplyHeads(actor, frames, now)) any = true;
    }
  }
  std::optional<std::chrono::nanoseconds> next;
  if (!unread_.empty()) next = unread_until_;
  for (const auto& [actor, frames] : waiting_) {
    if (frames.empty() || !IsCovered(frames.front()->header, known_)) continue;
    next = std::min(next.value_or(frames.front()->content_until), frames.front()->content_until);
  }
  return next;
}

std::vector<base::Hash> Intake::TakeNewlyWanted() { return std::exchange(newly_wanted_, {}); }

std::vector<base::NamedContent> Intake::AllWantedContents() const {
  std::vector<base::NamedContent> contents;
  for (const base::Hash& id : AllWanted()) {
    for (const auto& [content, frames] : wanted_.at(id).frames) contents.push_back(content);
  }
  for (const auto& [page, frames] : unread_) contents.push_back(page);
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
