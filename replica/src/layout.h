#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/storage.h>
#include <copse/replica/identity.h>

#include <string>
#include <vector>

namespace copse::replica {

/// Where things are in a store: docs/format/store.md.
struct Layout {
  explicit Layout(std::string path) : store(std::move(path)) {}

  std::string store;
  std::string format() const { return store + "/format"; }
  std::string identity() const { return store + "/identity"; }
  std::string lock() const { return store + "/lock"; }
  std::string feeds() const { return store + "/feeds"; }
  std::string feed(crdt::ActorId actor) const;
  std::string chunks() const { return store + "/chunks"; }
  std::string snapshots() const { return store + "/snapshots"; }
  std::string invitations() const { return store + "/invitations"; }
  std::string joining() const { return store + "/joining"; }
  std::string addresses() const { return store + "/addresses"; }
};

/// Makes the directory of a store that is to be; one that is empty or half made already is taken over. Durable.
/// Errors: kAlreadyExists there is a store or something else; kPermissionDenied others may enter it.
absl::Status PrepareStoreDirectory(base::Storage& storage, const Layout& layout);

/// Makes an empty store of `identity`. Writes `format` last: a directory without it is one that a crash left half made,
/// and that the next call finishes.
/// Errors: kAlreadyExists there is a store or something else.
absl::Status CreateStore(base::Storage& storage, const Layout& layout, const Identity& identity);

/// Checks that there is a store that this process may open and can read; returns how `format` names its volume.
/// Errors: kNotFound, kPermissionDenied, kFailedPrecondition and kDataLoss as Store::Open says.
absl::StatusOr<std::string> CheckFormat(base::Storage& storage, const Layout& layout);

/// CheckFormat(), and reads the identity, which has to be of the volume that `format` names. An identity may change
/// for as long as the store's lock is not held.
absl::StatusOr<Identity> CheckStore(base::Storage& storage, const Layout& layout);

/// The actors with a feed, ascending. Errors: kDataLoss something else stands among them.
absl::StatusOr<std::vector<crdt::ActorId>> ListFeeds(base::Storage& storage, const Layout& layout);

}  // namespace copse::replica
