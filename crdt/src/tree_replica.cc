#include <absl/status/status.h>
#include <copse/crdt/op_codec.h>
#include <copse/crdt/tree_replica.h>

#include <algorithm>
#include <string>
#include <utility>

#include "check.h"
#include "status_macros.h"

namespace copse::crdt {
namespace {

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
  Know(submitted.ops);
  submitted.events = tree_.Apply(submitted.ops);
  return submitted;
}

absl::StatusOr<std::vector<NetEvent>> TreeReplica::Ingest(ActorId actor, std::uint64_t first, std::span<const Op> ops) {
  const std::uint64_t known = version_[actor];
  if (first > known) {
    return absl::FailedPreconditionError("actor " + std::to_string(actor) + ": its ops " + std::to_string(known) +
                                         " to " + std::to_string(first - 1) + " must come first");
  }
  if (known - first >= ops.size()) return std::vector<NetEvent>();
  const std::span<const Op> fresh = ops.subspan(static_cast<std::size_t>(known - first));
  CRDT_RETURN_IF_ERROR(CheckRun(actor, fresh));

  std::vector<Op> valid;
  for (std::span<const Op> rest = fresh; !rest.empty();) {
    const std::span<const Op> batch = FirstBatch(rest);
    rest = rest.subspan(batch.size());
    if (IsValid(batch)) valid.insert(valid.end(), batch.begin(), batch.end());
  }
  Know(fresh);
  return tree_.Apply(valid);
}

absl::Status TreeReplica::CheckRun(ActorId actor, std::span<const Op> run) const {
  std::uint64_t known = version_.Total();
  std::uint64_t number = version_[actor];
  const auto latest = latest_.find(actor);
  Timestamp before = latest == latest_.end() ? Timestamp{} : latest->second;
  for (const Op& op : run) {
    if (op.time.actor() != actor || actor == 0)
      return Refused(number, op, "is not an op of actor " + std::to_string(actor));
    if (op.time <= before) {
      return Refused(number, op, "comes after op " + std::to_string(before.counter()) + ": times must ascend");
    }
    // Each op raises the clock of its author by one over the highest that it has seen, so with all that its author had
    // seen in hand, no clock can exceed their number. Otherwise one op could use up the counters of everyone.
    if (op.time.counter() > known + 1) {
      return Refused(number, op, "is ahead of any honest clock: " + std::to_string(known) + " ops are known");
    }
    before = op.time;
    ++known;
    ++number;
  }
  if (!run.back().ends_batch) return Refused(number - 1, run.back(), "does not end its batch, and none follows");
  return absl::OkStatus();
}

void TreeReplica::Know(std::span<const Op> run) {
  const Op& last = run.back();
  version_.Raise(last.time.actor(), version_[last.time.actor()] + run.size());
  latest_[last.time.actor()] = last.time;
  clock_.Observe(last.time);
}

bool TreeReplica::IsValid(std::span<const Op> batch) const {
  return std::all_of(batch.begin(), batch.end(), [this](const Op& op) { return Validate(op).ok(); });
}

}  // namespace copse::crdt
