#include "feed_keys.h"

#include <string>

namespace copse::replica {

absl::Status At(const FeedItem& item, const absl::Status& status) {
  return status.ok() ? status : absl::DataLossError(item.place + ": " + std::string(status.message()));
}

absl::Status VerifyAuthor(const Members& members, const Frame& frame, const SignatureScheme& signatures) {
  const Member* const author = members.OfActor(frame.header.actor);
  if (author == nullptr) {
    return absl::PermissionDeniedError("actor " + std::to_string(frame.header.actor) + " is no member of the volume");
  }
  return VerifyFrame(frame, author->grant.key, signatures);
}

absl::StatusOr<std::vector<crdt::Op>> OpenFrameWith(const Identity& identity, const Frame& frame) {
  const auto key = identity.epoch_keys.find(frame.header.epoch);
  if (key == identity.epoch_keys.end()) {
    return absl::DataLossError("is sealed with the key of epoch " + std::to_string(frame.header.epoch) +
                               ", which this replica does not hold");
  }
  return OpenFrame(frame, key->second);
}

}  // namespace copse::replica
