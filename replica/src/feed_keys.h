#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/replica/identity.h>

#include <vector>

#include "feed.h"

namespace copse::replica {

/// Checks the signature of `item`. Errors: kDataLoss with file and offset; also where its author is nobody known.
absl::Status VerifyItem(const Identity& identity, const FeedItem& item);

/// The ops in `item`. Errors: kDataLoss with file and offset; also where the key of its epoch is not held.
absl::StatusOr<std::vector<crdt::Op>> OpenItem(const Identity& identity, const FeedItem& item);

}  // namespace copse::replica
