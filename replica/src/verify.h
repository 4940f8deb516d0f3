#pragma once

#include <absl/status/status.h>
#include <copse/replica/store.h>

#include <map>

#include "feed.h"
#include "layout.h"
#include "members.h"

namespace copse::replica {

/// Reads identity, format and all feeds again, each up to its end in `ends`, and adds what it finds to `result`.
/// Errors: the disk's.
absl::Status VerifyFeeds(const Store::Environment& environment, const Layout& layout, const Identity& identity,
                         const Members& members, const std::map<crdt::ActorId, FeedEnd>& ends,
                         Store::Verification& result);

}  // namespace copse::replica
