#include "address_book.h"

#include <copse/base/status_macros.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace copse::replica {

using Json = nlohmann::json;

absl::StatusOr<Store::Addresses> ReadAddresses(base::Storage& storage, const std::string& path) {
  const absl::StatusOr<std::string> text = base::ReadWholeFile(storage, path);
  if (absl::IsNotFound(text.status())) return Store::Addresses();
  COPSE_RETURN_IF_ERROR(text.status());
  const Json object = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  try {
    Store::Addresses addresses;
    addresses.listen = object.at("listen").get<std::vector<std::string>>();
    addresses.peers = object.at("peers").get<std::vector<std::string>>();
    return addresses;
  } catch (const Json::exception&) {
    return absl::DataLossError(path + " is damaged; remove it, and give the addresses again");
  }
}

absl::Status WriteAddresses(base::Storage& storage, const std::string& path, const Store::Addresses& addresses) {
  const Json object = {{"listen", addresses.listen}, {"peers", addresses.peers}};
  return base::ReplaceFile(storage, path, object.dump(2) + "\n");
}

}  // namespace copse::replica
