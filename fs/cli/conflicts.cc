#include <string>

#include "cli/kind_name.h"
#include "cli/volume_commands.h"

namespace copse::cli {

absl::StatusOr<Json> ListConflicts(const VolumeContext& context) {
  Json groups = Json::array();
  for (const fs::Volume::ConflictGroup& group : context.opened.volume().ListConflicts()) {
    Json entries = Json::array();
    for (const fs::Volume::ConflictEntry& entry : group.entries) {
      entries.push_back({{"path", entry.path},
                         {"node", entry.number.value},
                         {"kind", KindName(entry.kind)},
                         {"counter", entry.claim.counter()},
                         {"actor", entry.claim.actor()},
                         {"label", entry.label},
                         {"why", entry.why}});
    }
    groups.push_back({{"path", group.path}, {"entries", std::move(entries)}});
  }
  return Json{{"store", context.opened.store().path()}, {"conflicts", std::move(groups)}};
}

}  // namespace copse::cli
