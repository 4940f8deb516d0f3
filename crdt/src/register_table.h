#pragma once

#include <memory>
#include <vector>

#include "move.h"
#include "registers.h"

namespace copse::crdt {

/// The registers of the nodes, by slot. Takes room from the first write on.
class RegisterTable {
 public:
  /// nullptr if no op has written to one.
  const Registers* Find(Slot node) const { return node < registers_.size() ? registers_[node].get() : nullptr; }
  Registers& Of(Slot node) {
    if (registers_.size() <= node) registers_.resize(node + 1);
    if (!registers_[node]) registers_[node] = std::make_unique<Registers>();
    return *registers_[node];
  }

 private:
  std::vector<std::unique_ptr<Registers>> registers_;
};

}  // namespace copse::crdt
