#include <absl/status/status.h>
#include <copse/crdt/op_codec.h>

#include <algorithm>
#include <functional>
#include <string>

namespace copse::crdt {
namespace {

/// Whether each element of `range` is smaller than the next: ascending and without duplicates.
template <typename Range, typename Key = std::identity>
bool Ascends(const Range& range, Key key = {}) {
  return std::adjacent_find(range.begin(), range.end(), [&](const auto& a, const auto& b) {
           return !(std::invoke(key, a) < std::invoke(key, b));
         }) == range.end();
}

absl::Status Broken(const Op& op, const std::string& rule) {
  return absl::InvalidArgumentError("op " + std::to_string(op.time.counter()) + " of actor " +
                                    std::to_string(op.time.actor()) + ": " + rule);
}

}  // namespace

absl::Status ValidateOp(const Op& op) {
  if (op.time.counter() == 0) return Broken(op, "its time must not be 0");
  if (op.time.actor() == 0) return Broken(op, "its actor must not be 0");
  if (op.place && IsPermanent(op.child)) return Broken(op, "a well-known node is never moved");
  if (op.guard) {
    if (!op.place || op.place->parent != kTrash) return Broken(op, "only a move to trash has a guard");
    if (*op.guard >= op.time) return Broken(op, "its guard must be older than itself");
  }
  if (!Ascends(op.fields, &Field::id)) return Broken(op, "its fields must be ascending, each once");
  for (const Field& field : op.fields) {
    if (!field.replaces || field.replaces->empty()) continue;
    if (!Ascends(*field.replaces)) return Broken(op, "replaced times must be ascending, each once");
    if (field.replaces->back() >= op.time) return Broken(op, "replaced times must be older than itself");
  }
  return absl::OkStatus();
}

}  // namespace copse::crdt
