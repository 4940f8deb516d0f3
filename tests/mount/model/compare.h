#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "mount/model/call.h"
#include "mount/model/world.h"

namespace copse::posix {

/// Carries traces out in two directories side by side, call by call, and compares what each shows.
class Comparison {
 public:
  struct Difference {
    std::size_t calls = 0;  ///< How many were made when it showed.
    std::string text;
  };

  /// Each trace gets new directories below these two.
  Comparison(std::string host, std::string mount) : host_(std::move(host)), mount_(std::move(mount)) {}

  /// Says what is called next, seeing what the calls so far have left on the host; nothing at the end.
  using Source = std::function<std::optional<Call>(const World& host)>;

  /// Calls come from `next` until it has no more. Every `tree_interval` calls, and at the end, all that can be seen is
  /// compared.
  std::optional<Difference> Run(const Source& next, std::size_t tree_interval);
  std::optional<Difference> Run(const Trace& trace, std::size_t tree_interval);

  /// `trace`, which shows a difference, without the calls that it shows one without. Gives up improving it after
  /// `time`.
  Trace Shrink(Trace trace, std::chrono::seconds time);

  std::size_t succeeded() const { return succeeded_; }

 private:
  const std::string host_;
  const std::string mount_;
  unsigned runs_ = 0;
  std::size_t succeeded_ = 0;
};

}  // namespace copse::posix
