#include "feed_keys.h"

#include <string>

namespace copse::replica {
namespace {

absl::Status At(const FeedItem& item, const absl::Status& status) {
  return status.ok() ? status : absl::DataLossError(item.place + ": " + std::string(status.message()));
}

}  // namespace

absl::Status VerifyItem(const Identity& identity, const FeedItem& item) {
  const crdt::ActorId actor = item.frame.header.actor;
  if (actor < identity.actor || actor >= identity.actor_range_end) {
    return At(item, absl::DataLossError("actor " + std::to_string(actor) + " is no member of the volume"));
  }
  return At(item, VerifyFrame(item.frame, identity.signing_public));
}

absl::StatusOr<std::vector<crdt::Op>> OpenItem(const Identity& identity, const FeedItem& item) {
  const auto key = identity.epoch_keys.find(item.frame.header.epoch);
  if (key == identity.epoch_keys.end()) {
    return At(item, absl::DataLossError("is sealed with the key of epoch " + std::to_string(item.frame.header.epoch) +
                                        ", which this replica does not hold"));
  }
  absl::StatusOr<std::vector<crdt::Op>> ops = OpenFrame(item.frame, key->second);
  if (!ops.ok()) return At(item, ops.status());
  return ops;
}

}  // namespace copse::replica
