#pragma once

#include <absl/status/status.h>
#include <copse/base/storage.h>
#include <copse/replica/store.h>

#include "chunk_store.h"
#include "feed.h"
#include "layout.h"

namespace copse::replica {

/// Reads identity, format and all feeds again, the own feed up to `own_end`, and adds what it finds to `result`.
/// Errors: the disk's.
absl::Status VerifyFeeds(base::Storage& storage, const Layout& layout, const Identity& identity, const FeedEnd& own_end,
                         Store::Verification& result);

}  // namespace copse::replica
