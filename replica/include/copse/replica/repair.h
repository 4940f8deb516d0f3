#pragma once

#include <absl/status/statusor.h>
#include <copse/base/storage.h>
#include <copse/replica/store.h>

#include <memory>
#include <string>
#include <vector>

namespace copse::replica {

/// A store whose log the disk has damaged, so that Store::Open refuses it, while what is lost is fetched again.
///
/// Frames that are sound stay as they are. What is lost between two of them is asked of other replicas: the hashes
/// of the frames around it prove what they send, so it does not matter who that is. Of the own feed too: nothing is
/// taken but what lies before a frame that is here. Nothing is cut and nothing given up: what nobody has stays as it
/// is. docs/decisions/0029. Thread-safe.
class Repair {
 public:
  /// Takes the store's lock, for as long as it lives, and reads all of the log; mends headers of segments, for which
  /// nobody is needed. `storage` must outlive it.
  /// Errors: those of Store::Open, but not for frames that are lost; the disk's.
  static absl::StatusOr<std::unique_ptr<Repair>> Open(base::Storage& storage, const std::string& path);
  ~Repair();

  /// What an Exchange is to be made with. Its actor is 0, nobody's: the own feed is one that others may know better.
  const Identity& identity() const;
  const Store::Addresses& addresses() const;
  /// The side that exchanges. Asks for nothing but frames that are lost, and has no chunks. Lives as long as this.
  SessionHost& exchange_side();
  /// Whether `key` is that of a member, by what is sound or because it signed a frame that is here, or of who let this
  /// replica in.
  bool IsWelcome(const std::string& key) const;

  /// Places whose frames can be fetched; places that nothing which others have can mend; and what has been mended: a
  /// line each, with file and offset.
  struct Findings {
    std::vector<std::string> lost;
    std::vector<std::string> hopeless;
    std::vector<std::string> mended;
  };
  Findings findings() const;

 private:
  struct State;
  explicit Repair(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace copse::replica
