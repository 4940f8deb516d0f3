#pragma once

#include <absl/status/status.h>

#include <functional>
#include <string>
#include <vector>

#include "crash/world.h"

namespace copse::crash {

struct Step {
  std::string name;
  std::function<absl::Status(World&)> run;
};

/// A session in which two replicas do each thing that a store writes for: a volume is made, a guest joins; contents of
/// all lengths are written, synced, published and taken back; both exchange, apart and at one; processes end in order
/// and are killed; segments and packs come to their end. The same each time.
std::vector<Step> TheScript();

}  // namespace copse::crash
