#include "cli/init.h"

#include <copse/base/status_macros.h>
#include <copse/fs/attributes.h>
#include <unistd.h>

#include "cli/open_volume.h"
#include "cli/store_path.h"

namespace copse::cli {

absl::StatusOr<Json> InitStore(const std::string& store, const std::string& label) {
  COPSE_ASSIGN_OR_RETURN(const std::string path, StorePath(store));
  const std::string chosen = LabelOrDefault(label);
  fs::Caller owner;
  owner.uid = ::geteuid();
  owner.gid = ::getegid();
  COPSE_RETURN_IF_ERROR(OpenVolume::Create(path, chosen, owner));
  return Json{{"store", path}, {"label", chosen}, {"next", "copse mount " + path + " DIR"}};
}

}  // namespace copse::cli
