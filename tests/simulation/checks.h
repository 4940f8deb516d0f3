#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/op.h>
#include <copse/crdt/tree.h>
#include <copse/fs/volume.h>
#include <crdt/oracle.h>
#include <crdt/world_of_tree.h>
#include <fs/volume/projection_model.h>

#include <string>
#include <vector>

#include "simulation/programs.h"

namespace copse::simulation {

/// What the oracle folds from ops, and what the model of the projection makes of that. Replicas that have the same ops
/// are compared with the same one: making it costs more than the comparison.
struct Expected {
  Expected() = default;
  explicit Expected(std::vector<crdt::Op> its_ops);

  std::vector<crdt::Op> ops;
  crdt_test::Names names{{}};
  crdt_test::World world;
  fs_test::Model model;
};

/// Whether `tree` is the fold of `expected`, and `volume` shows its model: names, numbers, kinds, link counts; and
/// whether all that was ever made is shown, in the trash, or purged.
absl::Status CheckAgainstModel(const crdt::Tree& tree, fs::Volume& volume, const Expected& expected);

/// All that a program sees: a line for each path with inode number, attributes and contents.
absl::StatusOr<std::vector<std::string>> Listing(fs::Volume& volume, Programs& programs);

}  // namespace copse::simulation
