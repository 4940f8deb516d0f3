#pragma once

#include <absl/status/status.h>
#include <copse/crdt/op.h>

#include <span>

namespace copse::crdt {

/// Where a replica's own ops become durable: the seam between the tree and whatever keeps it. Thread-safe.
class Journal {
 public:
  virtual ~Journal() = default;

  /// Adds one whole batch of own ops. After a crash all of it is there or none. Not yet durable: see Sync.
  /// After an error the journal takes no further batches.
  virtual absl::Status Append(std::span<const Op> batch) = 0;

  /// Returns when everything appended before the call is durable. Callers at one time share the cost.
  /// Errors: any from the disk; it is final, later calls fail as well.
  virtual absl::Status Sync() = 0;
};

/// Keeps nothing: for trees that live in memory only.
class NullJournal final : public Journal {
 public:
  absl::Status Append(std::span<const Op>) override { return absl::OkStatus(); }
  absl::Status Sync() override { return absl::OkStatus(); }
};

}  // namespace copse::crdt
