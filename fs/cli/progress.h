#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace copse::cli {

/// Says on stderr what takes so long, where that is a terminal; elsewhere it does nothing. Appears after a second and
/// is gone, without a trace, with the object. Thread-safe.
class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Shown behind what is being done.
  void Update(std::string detail);

 private:
  struct State;
  std::unique_ptr<State> state_;  ///< Null where nothing is shown.
};

}  // namespace copse::cli
