#include <copse/base/status_macros.h>
#include <copse/fs/staged_file.h>

#include <algorithm>
#include <utility>

#include "content/about_to_wait.h"
#include "content/manifest_page.h"
#include "content/staged_file_state.h"

// Reading and writing. The contents are a stack of three: ranges written since the base (a ChangeSet says which, a
// StagedBytes holds their bytes at equal offsets); below, the base up to the lowest size since; below, zeros. So a
// write copies nothing of the base, and a cut is one number. What goes to disk and into versions is in
// staged_file_persist.cc and publisher.cc.

namespace copse::fs {
namespace {

absl::Status TooLarge() { return absl::InvalidArgumentError("a file has less than 2^63 bytes"); }

}  // namespace

StagedFile::State::State(std::shared_ptr<StagingContext> the_context, NodeId the_node, const Manifest& the_base,
                         std::vector<crdt::Timestamp> the_base_heads, bool the_fixed_chunks)
    : context(std::move(the_context)),
      fixed_chunks(the_fixed_chunks),
      node(the_node),
      base(std::make_shared<const ManifestReader>(context->content, context->cache, the_base)),
      base_heads(std::move(the_base_heads)),
      size(the_base.size),
      mtime(the_base.mtime),
      changes(the_base.size),
      bytes(context, node) {}

std::unique_lock<std::mutex> StagedFile::State::TakeTurn() {
  std::unique_lock turn(writer, std::try_to_lock);
  if (!turn.owns_lock()) {
    ++waiting;
    AboutToWait();
    turn.lock();
    --waiting;
  }
  return turn;
}

StagedFile::State::Span StagedFile::State::SpanAt(std::uint64_t offset, std::uint64_t present_size) const {
  if (is_whole) {
    const FileExtent extent = ExtentAt(bytes.descriptor(), offset, present_size);
    return {extent.is_hole ? Span::Source::kHole : Span::Source::kStaged, extent.end};
  }
  const std::optional<ChangeSet::Range> range = changes.FirstFrom(offset);
  if (range && range->begin <= offset) {
    return {range->kind == RangeKind::kData ? Span::Source::kStaged : Span::Source::kHole, range->end};
  }
  const std::uint64_t end = range ? range->begin : size;
  if (offset < changes.limit()) return {Span::Source::kBase, std::min(end, changes.limit())};
  return {Span::Source::kHole, end};
}

absl::Status StagedFile::State::ReadAll(std::uint64_t offset, std::span<char> out) const {
  while (!out.empty()) {
    const Span span = SpanAt(offset);
    const std::span<char> part = out.first(std::min<std::uint64_t>(out.size(), span.end - offset));
    switch (span.source) {
      case Span::Source::kStaged:
        COPSE_RETURN_IF_ERROR(bytes.Read(offset, part));
        break;
      case Span::Source::kBase:
        COPSE_RETURN_IF_ERROR(base->Read(offset, part));
        break;
      case Span::Source::kHole:
        std::fill(part.begin(), part.end(), '\0');
        break;
    }
    offset += part.size();
    out = out.subspan(part.size());
  }
  return absl::OkStatus();
}

void StagedFile::State::Touch(std::uint64_t new_size, base::UnixNanoseconds now) {
  size = new_size;
  mtime = now;
  dirty = true;
  touched_since_publish = true;
}

absl::Status StagedFile::State::Write(std::uint64_t offset, std::string_view data, base::UnixNanoseconds now) {
  if (data.empty()) return absl::OkStatus();
  LookBeneath();
  if (offset > kFileBytesMax || data.size() > kFileBytesMax - offset) return TooLarge();
  const std::uint64_t end = offset + data.size();
  const std::unique_lock lock(mutex);
  COPSE_RETURN_IF_ERROR(bytes.Write(offset, data, changes));
  // Writing over what the log has as data already is nothing new to it: the log is left alone then.
  if (changes.Set(offset, end, RangeKind::kData) && log) unpersisted.Set(offset, end, RangeKind::kData);
  if (unpublished) unpublished->Set(offset, end, RangeKind::kData);
  Touch(std::max(size, end), now);
  return absl::OkStatus();
}

absl::Status StagedFile::State::Truncate(std::uint64_t new_size, base::UnixNanoseconds now) {
  if (new_size > kFileBytesMax) return TooLarge();
  LookBeneath();
  if (new_size == size) return absl::OkStatus();
  const bool cuts = new_size < size;
  {
    const std::unique_lock lock(mutex);
    if (cuts) {
      changes.Cut(new_size);
      unpersisted.Cut(new_size);
      if (unpublished) unpublished->Cut(new_size);
    }
    if (!cuts && is_whole) COPSE_RETURN_IF_ERROR(bytes.Extend(new_size));
    Touch(new_size, now);
    if (cuts && !log) return bytes.Cut(new_size);
  }
  if (!cuts) return absl::OkStatus();
  // The log still calls data what the next write could change: after a crash that would be a mixture that never was.
  COPSE_RETURN_IF_ERROR(Persist());
  const std::unique_lock lock(mutex);
  return bytes.Cut(new_size);
}

absl::Status StagedFile::State::PunchHole(std::uint64_t offset, std::uint64_t length, base::UnixNanoseconds now) {
  LookBeneath();
  if (offset >= size || length == 0) return absl::OkStatus();
  const std::uint64_t end = offset + std::min(length, size - offset);
  {
    const std::unique_lock lock(mutex);
    if (changes.Set(offset, end, RangeKind::kHole) && log) unpersisted.Set(offset, end, RangeKind::kHole);
    if (unpublished) unpublished->Set(offset, end, RangeKind::kHole);
    Touch(size, now);
    if (!log) return bytes.Free(offset, end);
  }
  COPSE_RETURN_IF_ERROR(Persist());  // As in Truncate.
  const std::unique_lock lock(mutex);
  return bytes.Free(offset, end);
}

StagedFile::StagedFile(std::unique_ptr<State> state) : state_(std::move(state)) {}

StagedFile::~StagedFile() {
  if (state_->log) state_->bytes.Keep();
}

std::uint64_t StagedFile::size() const {
  const std::shared_lock lock(state_->mutex);
  return state_->has_unseen_writes ? state_->stamp.size : state_->size;
}

bool StagedFile::dirty() const {
  const std::shared_lock lock(state_->mutex);
  return state_->dirty || state_->has_unseen_writes;
}

base::UnixNanoseconds StagedFile::mtime() const {
  const std::shared_lock lock(state_->mutex);
  return state_->has_unseen_writes ? state_->stamp.mtime : state_->mtime;
}

bool StagedFile::persisted() const {
  const std::shared_lock lock(state_->mutex);
  return state_->log != nullptr;
}

std::uint64_t StagedFile::allocated_bytes() const {
  const std::shared_lock lock(state_->mutex);
  if (state_->is_whole && state_->bytes.descriptor() >= 0) return AllocatedBytes(state_->bytes.descriptor());
  const Manifest& base = state_->base->manifest();
  return state_->changes.data_bytes() + std::min(state_->changes.shown_bytes(), base.size - base.hole_bytes);
}

std::vector<crdt::Timestamp> StagedFile::base_heads() const {
  const std::shared_lock lock(state_->mutex);
  return state_->base_heads;
}

base::Hash StagedFile::base_root() const {
  const std::shared_lock lock(state_->mutex);
  return state_->base->manifest().PlainRoot();
}

absl::StatusOr<std::size_t> StagedFile::Read(std::uint64_t offset, std::span<char> out) const {
  // Staged bytes are copied under the lock; the base is immutable and read after it, since that may take long.
  struct BasePart {
    std::uint64_t offset = 0;
    std::span<char> out;
  };
  std::vector<BasePart> base_parts;
  std::shared_ptr<const ManifestReader> base;
  std::size_t count = 0;
  {
    const std::shared_lock lock(state_->mutex);
    if (state_->passes_through) return state_->bytes.ReadUpTo(offset, out);
    if (offset >= state_->size) return std::size_t{0};
    count = std::min<std::uint64_t>(out.size(), state_->size - offset);
    base = state_->base;
    for (std::size_t done = 0; done < count;) {
      const State::Span span = state_->SpanAt(offset + done);
      const std::span<char> part = out.subspan(done, std::min<std::uint64_t>(count - done, span.end - (offset + done)));
      if (span.source == State::Span::Source::kBase) {
        base_parts.push_back({offset + done, part});
      } else {
        COPSE_RETURN_IF_ERROR(state_->ReadAll(offset + done, part));
      }
      done += part.size();
    }
  }
  for (const BasePart& part : base_parts) COPSE_RETURN_IF_ERROR(base->Read(part.offset, part.out));
  return count;
}

absl::Status StagedFile::Write(std::uint64_t offset, std::string_view bytes, base::UnixNanoseconds now) {
  const std::unique_lock turn = state_->TakeTurn();
  return state_->Write(offset, bytes, now);
}

absl::StatusOr<std::uint64_t> StagedFile::Append(std::string_view bytes, base::UnixNanoseconds now) {
  const std::unique_lock turn = state_->TakeTurn();
  state_->LookBeneath();
  const std::uint64_t offset = state_->size;
  COPSE_RETURN_IF_ERROR(state_->Write(offset, bytes, now));
  return offset;
}

absl::Status StagedFile::Truncate(std::uint64_t size, base::UnixNanoseconds now) {
  const std::unique_lock turn = state_->TakeTurn();
  return state_->Truncate(size, now);
}

absl::Status StagedFile::PunchHole(std::uint64_t offset, std::uint64_t length, base::UnixNanoseconds now) {
  const std::unique_lock turn = state_->TakeTurn();
  return state_->PunchHole(offset, length, now);
}

absl::StatusOr<std::optional<std::uint64_t>> StagedFile::SeekData(std::uint64_t offset) const {
  const std::shared_lock lock(state_->mutex);
  const std::uint64_t size = state_->has_unseen_writes ? state_->stamp.size : state_->size;
  while (offset < size) {
    const State::Span span = state_->SpanAt(offset, size);
    if (span.source == State::Span::Source::kStaged) return std::optional(offset);
    if (span.source == State::Span::Source::kBase) {
      COPSE_ASSIGN_OR_RETURN(const std::uint64_t data, state_->base->Seek(offset, span.end, false));
      if (data < span.end) return std::optional(data);
    }
    offset = span.end;
  }
  return std::optional<std::uint64_t>();
}

absl::StatusOr<std::uint64_t> StagedFile::SeekHole(std::uint64_t offset) const {
  const std::shared_lock lock(state_->mutex);
  const std::uint64_t size = state_->has_unseen_writes ? state_->stamp.size : state_->size;
  while (offset < size) {
    const State::Span span = state_->SpanAt(offset, size);
    if (span.source == State::Span::Source::kHole) return offset;
    if (span.source == State::Span::Source::kBase) {
      COPSE_ASSIGN_OR_RETURN(const std::uint64_t hole, state_->base->Seek(offset, span.end, true));
      if (hole < span.end) return hole;
    }
    offset = span.end;
  }
  return size;
}

absl::Status StagedFile::Persist() {
  const std::unique_lock turn = state_->TakeTurn();
  return state_->Persist();
}

absl::Status StagedFile::Unpersist() {
  const std::unique_lock turn = state_->TakeTurn();
  return state_->RemoveLog();
}

absl::StatusOr<Manifest> StagedFile::Publish(Precedence precedence) {
  const std::unique_lock turn = state_->TakeTurn();
  return state_->Publish(precedence);
}

absl::Status StagedFile::Rebase(const Manifest& base, std::vector<crdt::Timestamp> base_heads) {
  const std::unique_lock turn = state_->TakeTurn();
  return state_->Rebase(base, std::move(base_heads));
}

bool StagedFile::Follow(const Manifest& base, std::vector<crdt::Timestamp> base_heads) {
  const std::unique_lock turn(state_->writer, std::try_to_lock);
  return turn.owns_lock() && state_->Follow(base, std::move(base_heads));
}

void StagedFile::Readdress(NodeId node, std::vector<crdt::Timestamp> base_heads) {
  const std::unique_lock lock(state_->mutex);
  state_->node = node;
  state_->base_heads = std::move(base_heads);
  state_->log_is_outdated = state_->log != nullptr;
}

absl::Status StagedFile::Discard() {
  const std::unique_lock turn = state_->TakeTurn();
  return state_->Discard();
}

}  // namespace copse::fs
