#include "cli/init.h"

#include <copse/base/status_macros.h>
#include <copse/fs/attributes.h>
#include <copse/replica/identity.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "cli/open_volume.h"

namespace copse::cli {
namespace {

std::string HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

}  // namespace

absl::StatusOr<Json> InitStore(const std::string& store, const std::string& label) {
  std::error_code error;
  std::string path = std::filesystem::absolute(store, error).lexically_normal().string();
  if (error) return absl::InvalidArgumentError(store + ": " + error.message());
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::string chosen = label.empty() ? replica::LabelOfHostName(HostName()) : label;
  fs::Caller owner;
  owner.uid = ::geteuid();
  owner.gid = ::getegid();
  COPSE_RETURN_IF_ERROR(OpenVolume::Create(path, chosen, owner));
  return Json{{"store", path}, {"label", chosen}, {"next", "copse mount " + path + " DIR"}};
}

}  // namespace copse::cli
