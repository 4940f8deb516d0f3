#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/base/clock.h>
#include <copse/fs/volume.h>
#include <copse/replica/exchange.h>
#include <copse/replica/join.h>
#include <copse/replica/store.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace copse::cli {

/// A store opened by this process, with everything above it up to the inode layer: the whole wiring of the program is
/// in its implementation.
class OpenVolume {
 public:
  struct Options {
    bool read_only = false;
    /// Opens, read-only, a store whose joining has not come to its end, too.
    bool joining = false;
    /// Told now and then how many ops have been replayed.
    std::function<void(std::uint64_t ops)> on_progress = nullptr;
  };

  /// Makes the new store `path`; its root directory belongs to `owner`. Errors: those of replica::Store::Create.
  static absl::Status Create(const std::string& path, const std::string& label, const fs::Caller& owner);

  /// Makes the store `path` one of the volume that `invitation` is for, admitted by the inviter; what the volume holds
  /// is still to be fetched. Goes on with what an earlier call began.
  /// Errors: those of replica::Joining and replica::RequestAdmission; of several addresses, those of the last.
  static absl::StatusOr<replica::Joining> BeginJoining(const std::string& path, const replica::Invitation& invitation,
                                                       const std::string& label);

  /// Errors: those of replica::Store::Open.
  static absl::StatusOr<std::unique_ptr<OpenVolume>> Open(const std::string& path, const Options& options);

  /// Flushes as far as it can, and lets go of the store. Call volume().Flush() first to learn of errors.
  ~OpenVolume();

  fs::Volume& volume();
  replica::Store& store();
  base::Storage& storage();
  base::Clock& clock();
  /// What an exchange with other replicas runs on.
  replica::Exchange::Environment exchange_environment();
  bool read_only() const;
  /// What opening has to say about staged files that it could not publish, a line each.
  const std::vector<std::string>& notes() const;

 private:
  struct State;
  explicit OpenVolume(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace copse::cli
