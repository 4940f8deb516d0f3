#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/random.h>
#include <copse/base/storage.h>
#include <copse/replica/invitation.h>
#include <copse/replica/store.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace copse::replica {

/// A replica on its way into a volume. It may break off at any moment and go on later with the same invitation:
///
///   1. Begin       STORE/joining holds the new replica's key; the inviter is asked to admit it
///   2. Admit       STORE is a store of the volume, without any op
///   3. Finish      it holds what it must before it may write, and STORE/joining is gone
class Joining {
 public:
  /// Begins, or goes on with what an earlier call began in `path`, which must otherwise not exist or be empty.
  /// Errors: kAlreadyExists a store, another joining or something else is there; kInvalidArgument the label.
  static absl::StatusOr<Joining> Begin(base::Storage& storage, base::Random& random, const std::string& path,
                                       const Invitation& invitation, const std::string& label);

  const Invitation& invitation() const { return invitation_; }
  const std::string& label() const { return label_; }
  const std::string& signing_public() const { return signing_public_; }
  const std::string& signing_secret() const { return signing_secret_; }
  bool is_admitted() const { return is_admitted_; }

  /// Makes the store from what the inviter has answered. Durable when it returns.
  /// Errors: kDataLoss the answer is not that of the volume of the invitation, or gives this key no membership.
  absl::Status Admit(base::Storage& storage, std::string_view welcome);

  /// Whether `store`, opened with allow_joining, holds what was there when it was admitted.
  bool HasAll(const Store& store) const;
  /// The replica may write from then on, once all of that was applied, as it is when the store has been opened again:
  /// others refuse a first frame that is earlier than the one that let its author in.
  absl::Status Finish(base::Storage& storage) const;

 private:
  explicit Joining(std::string path) : path_(std::move(path)) {}
  absl::Status Write(base::Storage& storage) const;
  absl::Status Read(base::Storage& storage);

  std::string path_;
  Invitation invitation_;
  std::string label_;
  std::string signing_public_;
  std::string signing_secret_;
  bool is_admitted_ = false;
  std::map<crdt::ActorId, std::uint64_t> required_;  // Frames of each feed.
};

}  // namespace copse::replica
