#include <absl/status/status.h>
#include <copse/crdt/op_codec.h>
#include <copse/crdt/tree_replica.h>

#include <algorithm>
#include <string>
#include <utility>

#include "check.h"
#include "image.h"
#include "status_macros.h"

namespace copse::crdt {
namespace {

// "cptrimag" where bytes are ordered as the format says; on any other machine the first number is another.
constexpr std::uint64_t kImageMagic = 0x6761'6d69'7274'7063;
// Rises with each change of the image, also of how structures lie in memory.
constexpr std::uint64_t kImageFormat = 1;

/// The batch that `ops`, not empty, begins with.
std::span<const Op> FirstBatch(std::span<const Op> ops) {
  std::size_t size = 1;
  while (size < ops.size() && !ops[size - 1].ends_batch) ++size;
  return ops.first(size);
}

/// `number` counts the ops of the actor, from 0.
absl::Status Refused(std::uint64_t number, const Op& op, const std::string& why) {
  return absl::InvalidArgumentError("op number " + std::to_string(number) + ", made at " +
                                    std::to_string(op.time.counter()) + "@" + std::to_string(op.time.actor()) + ", " +
                                    why);
}

/// Whether `run`, not empty, may follow what is known: `count` ops of `actor`, the last of them made at `latest`, and
/// `known` of all actors together.
absl::Status CheckRun(ActorId actor, std::span<const Op> run, std::uint64_t count, Timestamp latest,
                      std::uint64_t known) {
  for (const Op& op : run) {
    if (op.time.actor() != actor || actor == 0) {
      return Refused(count, op, "is not an op of actor " + std::to_string(actor));
    }
    if (op.time <= latest) {
      return Refused(count, op, "comes after op " + std::to_string(latest.counter()) + ": times must ascend");
    }
    // Each op raises the clock of its author by one over the highest that it has seen, so with all that its author had
    // seen in hand, no clock can exceed their number. Otherwise one op could use up the counters of everyone.
    if (op.time.counter() > known + 1) {
      return Refused(count, op, "is ahead of any honest clock: " + std::to_string(known) + " ops are known");
    }
    latest = op.time;
    ++known;
    ++count;
  }
  if (!run.back().ends_batch) return Refused(count - 1, run.back(), "does not end its batch, and none follows");
  return absl::OkStatus();
}

}  // namespace

TreeReplica::TreeReplica(ActorId actor, Journal& journal, Validator validator)
    : clock_(actor), journal_(journal), validator_(std::move(validator)) {
  CRDT_CHECK(actor != 0);
}

absl::Status TreeReplica::Validate(const Op& op) const {
  CRDT_RETURN_IF_ERROR(ValidateOp(op));
  return validator_ ? validator_(op) : absl::OkStatus();
}

absl::StatusOr<TreeReplica::Submitted> TreeReplica::Submit(std::vector<Draft> drafts) {
  Submitted submitted;
  if (drafts.empty()) return submitted;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    Draft& draft = drafts[i];
    Op& op = submitted.ops.emplace_back();
    op.time = TimeOfNextOp(i);
    op.child = draft.child;
    op.place = std::move(draft.place);
    op.guard = draft.guard;
    op.fields = std::move(draft.fields);
    op.ends_batch = i + 1 == drafts.size();
    CRDT_RETURN_IF_ERROR(Validate(op));
  }
  CRDT_RETURN_IF_ERROR(journal_.Append(submitted.ops));
  Know(actor(), {version_[actor()] + submitted.ops.size(), submitted.ops.back().time});
  submitted.events = tree_.Apply(submitted.ops);
  return submitted;
}

absl::StatusOr<std::vector<NetEvent>> TreeReplica::Ingest(ActorId actor, std::uint64_t first, std::span<const Op> ops) {
  const Run run{actor, first, ops};
  return Ingest(std::span(&run, 1));
}

absl::StatusOr<std::vector<NetEvent>> TreeReplica::Ingest(std::span<const Run> runs) {
  std::map<ActorId, Known> known_then;  // Of the actors of the runs, after them.
  std::uint64_t total = version_.Total();
  std::vector<Op> valid;
  for (const Run& run : runs) {
    Known& known = known_then.try_emplace(run.actor, KnownOf(run.actor)).first->second;
    if (run.first > known.count) {
      return absl::FailedPreconditionError("actor " + std::to_string(run.actor) + ": its ops " +
                                           std::to_string(known.count) + " to " + std::to_string(run.first - 1) +
                                           " must come first");
    }
    if (known.count - run.first >= run.ops.size()) continue;
    const std::span<const Op> fresh = run.ops.subspan(static_cast<std::size_t>(known.count - run.first));
    CRDT_RETURN_IF_ERROR(CheckRun(run.actor, fresh, known.count, known.latest, total));
    for (std::span<const Op> rest = fresh; !rest.empty();) {
      const std::span<const Op> batch = FirstBatch(rest);
      rest = rest.subspan(batch.size());
      if (IsValid(batch)) valid.insert(valid.end(), batch.begin(), batch.end());
    }
    known = {known.count + fresh.size(), fresh.back().time};
    total += fresh.size();
  }
  for (const auto& [actor, known] : known_then) Know(actor, known);
  return tree_.Apply(valid);
}

TreeReplica::Known TreeReplica::KnownOf(ActorId actor) const {
  const auto latest = latest_.find(actor);
  return latest == latest_.end() ? Known{} : Known{version_[actor], latest->second};
}

void TreeReplica::Know(ActorId actor, const Known& known) {
  if (known.count == 0) return;
  version_.Raise(actor, known.count);
  latest_[actor] = known.latest;
  clock_.Observe(known.latest);
}

bool TreeReplica::IsValid(std::span<const Op> batch) const {
  return std::all_of(batch.begin(), batch.end(), [this](const Op& op) { return Validate(op).ok(); });
}

std::string TreeReplica::Save() const {
  constexpr std::size_t kSlack = 1 << 16;
  ImageWriter image(tree_.BytesUsed() + tree_.BytesUsed() / 8 + kSlack);
  image.Number(kImageMagic);
  image.Number(kImageFormat);
  image.Number(actor());
  image.Number(lamport_counter());
  image.Number(latest_.size());
  for (const auto& [actor, latest] : latest_) {
    image.Number(actor);
    image.Number(version_[actor]);
    image.Number(latest.value);
  }
  tree_.Save(image);
  return std::move(image).Take();
}

absl::Status TreeReplica::Load(ImageBuffer bytes) {
  CRDT_CHECK(version_.counts().empty());
  ImageReader image(std::move(bytes));
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t magic, image.Number());
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t format, image.Number());
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t author, image.Number());
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t counter, image.Number());
  CRDT_ASSIGN_OR_RETURN(std::uint64_t actors, image.Number());
  if (magic != kImageMagic || format != kImageFormat)
    return absl::FailedPreconditionError("an image of another format");
  if (author != actor()) {
    return absl::FailedPreconditionError("an image of actor " + std::to_string(author) + ", which is another");
  }
  std::map<ActorId, Known> known;
  for (; actors > 0; --actors) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t known_actor, image.Number());
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t count, image.Number());
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t latest, image.Number());
    if (known_actor == 0 || known_actor > UINT16_MAX || count == 0) return image.Error("an actor");
    known[static_cast<ActorId>(known_actor)] = {count, Timestamp{latest}};
  }
  CRDT_RETURN_IF_ERROR(tree_.Load(image));
  for (const auto& [known_actor, what] : known) Know(known_actor, what);
  clock_.Observe(Timestamp::Of(counter, 0));
  return absl::OkStatus();
}

}  // namespace copse::crdt
