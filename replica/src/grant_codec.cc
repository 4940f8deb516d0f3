#include "grant_codec.h"

#include <copse/base/status_macros.h>
#include <copse/replica/identity.h>

#include "signing.h"

namespace copse::replica {

void WriteGrant(const Grant& grant, crdt::ByteWriter& out) {
  out.Raw(grant.key);
  out.U8(static_cast<std::uint8_t>(grant.role));
  out.U16(grant.actor);
  out.U16(grant.range_end);
  out.U8(static_cast<std::uint8_t>(grant.label.size()));
  out.Raw(grant.label);
}

absl::StatusOr<Grant> ReadGrant(crdt::ByteReader& reader) {
  Grant grant;
  COPSE_ASSIGN_OR_RETURN(grant.key, reader.Raw(kSigningPublicBytes));
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t role, reader.U8());
  grant.role = static_cast<Role>(role);
  if (grant.role != Role::kAdmin && grant.role != Role::kWriter) return reader.Error("a role");
  COPSE_ASSIGN_OR_RETURN(grant.actor, reader.U16());
  COPSE_ASSIGN_OR_RETURN(grant.range_end, reader.U16());
  if (grant.actor == 0 || grant.range_end <= grant.actor) return reader.Error("a range of actors above 0");
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t length, reader.U8());
  COPSE_ASSIGN_OR_RETURN(grant.label, reader.Raw(length));
  if (!IsLabel(grant.label)) return reader.Error("a label of 1 to 16 of a-z and 0-9");
  return grant;
}

}  // namespace copse::replica
