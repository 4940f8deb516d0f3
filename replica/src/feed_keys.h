#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/replica/identity.h>

#include <vector>

#include "feed.h"
#include "members.h"

namespace copse::replica {

/// Checks that a member signed `frame`.
/// Errors: kDataLoss not signed so; kPermissionDenied its author is no member.
absl::Status VerifyAuthor(const Members& members, const Frame& frame, const SignatureScheme& signatures);

/// The ops in `frame`. Errors: kDataLoss; also where the key of its epoch is not held.
absl::StatusOr<std::vector<crdt::Op>> OpenFrameWith(const Identity& identity, const Frame& frame);

/// `status` with the place of `item` before it, as kDataLoss.
absl::Status At(const FeedItem& item, const absl::Status& status);

}  // namespace copse::replica
