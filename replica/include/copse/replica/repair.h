#pragma once

#include <absl/status/statusor.h>
#include <copse/base/storage.h>
#include <copse/replica/signature_scheme.h>
#include <copse/replica/store.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace copse::replica {

/// A store whose log the disk has damaged, so that Store::Open refuses it, while what is lost is fetched again.
///
/// What is lost between two sound frames is asked of other replicas: the hashes of the frames around it prove what they
/// send, so it does not matter who that is. Of the own feed too: nothing is taken but what lies before a frame that is
/// here. Frames that are sound stay as they are, and but for headers of segments nothing is changed before everything
/// that is lost has come. docs/decisions/0029. Thread-safe.
class Repair {
 public:
  /// Takes the store's lock, for as long as it lives, and reads all of the log; mends headers of segments, for which
  /// nobody is needed. `storage` must outlive it.
  /// Errors: those of Store::Open, but not for frames that are lost; the disk's.
  static absl::StatusOr<std::unique_ptr<Repair>> Open(base::Storage& storage, const std::string& path,
                                                      const SignatureScheme& signatures = Ed25519());
  ~Repair();

  /// What an Exchange is to be made with. Its actor is 0, nobody's: the own feed is one that others may know better.
  const Identity& identity() const;
  const Store::Addresses& addresses() const;
  /// The side that exchanges: states what is sound and known to be durable, asks for nothing but frames that are lost,
  /// and has no chunks. Lives as long as this.
  SessionHost& exchange_side();
  /// Whether `key` is that of a member, by what is sound or because it signed a frame that is here, or of who let this
  /// replica in.
  bool IsWelcome(const std::string& key) const;

  struct Findings {
    std::vector<std::string> lost;      ///< Places whose frames have not all come yet: a line each.
    std::vector<std::string> hopeless;  ///< Places that nothing which others have can mend: a line each.
    std::uint64_t frames_fetched = 0;
  };
  Findings findings() const;

  /// Writes what has come, once nothing is lost any more nor hopeless, and nobody exchanges; returns what was mended, a
  /// line each with file and offset, headers too. Snapshots, which say where frames lie, go after it. Broken off, it
  /// can be done again. Errors: kFailedPrecondition something is still lost; kDataLoss the disk does not keep what it
  /// was given; those of the disk.
  absl::StatusOr<std::vector<std::string>> Mend();

  /// What is damaged first of the log of that store, which need not be open, nor possible to open: one line with file
  /// and offset. Nothing: nothing is.
  static std::optional<std::string> FirstDamage(base::Storage& storage, const std::string& path);

 private:
  struct State;
  explicit Repair(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace copse::replica
