#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/storage.h>
#include <copse/replica/store.h>

#include <string>

namespace copse::replica {

/// STORE/addresses: docs/format/store.md. A file that is missing is empty.
/// Errors: kDataLoss the file is damaged.
absl::StatusOr<Store::Addresses> ReadAddresses(base::Storage& storage, const std::string& path);
absl::Status WriteAddresses(base::Storage& storage, const std::string& path, const Store::Addresses& addresses);

}  // namespace copse::replica
