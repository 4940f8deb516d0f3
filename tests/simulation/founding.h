#pragma once

#include <copse/base/memory_storage.h>

#include <memory>
#include <vector>

#include "simulation/crypto.h"
#include "simulation/ledger.h"

namespace copse::simulation {

/// A volume of eight members that all know each other: where every run begins.
struct Founding {
  std::vector<std::unique_ptr<base::MemoryStorage>> disks;
  OpLedger ops;
};

/// Made once in a process with each (RealCrypto() or LightCrypto()), by invitations over a network without faults;
/// always the same.
const Founding& GetFounding(const Crypto& crypto);

}  // namespace copse::simulation
