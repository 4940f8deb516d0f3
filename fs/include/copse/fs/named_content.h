#pragma once

#include <absl/status/statusor.h>
#include <copse/base/content_store.h>
#include <copse/crdt/op.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace copse::fs {

using base::NamedContent;

/// What whoever brings ops from elsewhere fetches before it shows them: the chunks that `op` names by itself, in the
/// order of the file. The same chunk may come several times. Nothing for contents that lie in the op, and for bytes
/// that are no version (such an op is never applied). At most Manifest::kRootEntriesMax, since an op writes one
/// version.
std::vector<NamedContent> ContentNamedBy(const crdt::Op& op);

/// What the page `plain` names in turn, `level` being that of the NamedContent whose chunk holds it; at most 512. Bytes
/// of a file (level 0) name nothing. Levels fall by one with each page, so that going down always ends.
/// Errors: kDataLoss no such page, with the offset.
absl::StatusOr<std::vector<NamedContent>> ContentNamedByPage(std::uint8_t level, std::string_view plain);

}  // namespace copse::fs
