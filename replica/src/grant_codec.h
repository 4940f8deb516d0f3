#pragma once

#include <absl/status/statusor.h>
#include <copse/crdt/bytes.h>
#include <copse/replica/member.h>

namespace copse::replica {

/// A grant within a frame's header or an admission: docs/format/frame.md.
void WriteGrant(const Grant& grant, crdt::ByteWriter& out);

/// The inverse, for bytes from anywhere. Errors: kDataLoss with the offset.
absl::StatusOr<Grant> ReadGrant(crdt::ByteReader& reader);

}  // namespace copse::replica
