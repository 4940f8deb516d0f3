#include "cli/store_path.h"

#include <copse/replica/identity.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <system_error>

namespace copse::cli {
namespace {

std::string HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "";
  return name.data();
}

}  // namespace

absl::StatusOr<std::string> StorePath(const std::string& store) {
  std::error_code error;
  std::string path = std::filesystem::absolute(store, error).lexically_normal().string();
  if (error) return absl::InvalidArgumentError(store + ": " + error.message());
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string LabelOrDefault(const std::string& label) {
  return label.empty() ? replica::LabelOfHostName(HostName()) : label;
}

}  // namespace copse::cli
