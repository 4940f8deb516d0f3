#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/op.h>
#include <copse/crdt/tree.h>
#include <copse/fs/volume.h>

#include <string>
#include <vector>

#include "simulation/programs.h"

namespace copse::simulation {

/// Whether `tree` is what the oracle folds from `ops`, and `volume` shows what the model of the projection makes of it:
/// names, numbers, kinds, link counts; and whether all that was ever made is shown, in the trash, or purged.
absl::Status CheckAgainstModel(const crdt::Tree& tree, fs::Volume& volume, const std::vector<crdt::Op>& ops);

/// All that a program sees: a line for each path with inode number, attributes and contents.
absl::StatusOr<std::vector<std::string>> Listing(fs::Volume& volume, Programs& programs);

}  // namespace copse::simulation
