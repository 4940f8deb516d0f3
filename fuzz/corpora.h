#pragma once

#include <copse/base/hash.h>
#include <copse/crdt/op.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace copse::fuzz {

/// The first inputs of a target: each a name and bytes.
using Inputs = std::vector<std::pair<std::string, std::string>>;

struct Corpus {
  std::string target;
  Inputs inputs;
};

// The same bytes each time.
std::vector<Corpus> CrdtCorpora();
std::vector<Corpus> ReplicaCorpora();
std::vector<Corpus> FsCorpora();

/// For targets that read any bytes as decisions: `count` inputs of `blocks` * 32 bytes.
inline Inputs RandomInputs(const std::string& target, std::size_t count, std::size_t blocks) {
  Inputs inputs;
  for (std::size_t input = 0; input < count; ++input) {
    std::string bytes;
    for (std::size_t block = 0; block < blocks; ++block) {
      bytes += base::AsBytes(base::Sha256(target + " " + std::to_string(input) + " " + std::to_string(block)));
    }
    inputs.emplace_back("random-" + std::to_string(input), bytes);
  }
  return inputs;
}

/// The example of docs/format/ops.md.
inline std::vector<crdt::Op> ExampleOps() {
  using crdt::Timestamp;
  const auto at = [](std::uint64_t counter) { return Timestamp::Of(counter, 2); };
  const crdt::NodeId directory = crdt::NodeId::Of(1, 7);
  const std::vector<Timestamp> replaced = {Timestamp::Of(12, 1)};
  return {
      {at(10), at(10).node(), crdt::Place{crdt::kFileInodes, ""}, {}, {{{1, ""}, "\x01", {}}}, false},
      {at(11), at(11).node(), crdt::Place{directory, "notes"}, {}, {}, true},
      {at(14), at(10).node(), {}, {}, {{{3, ""}, "hi", replaced}, {{9, "k"}, {}, {}}}, true},
      {at(15), at(11).node(), crdt::Place{crdt::kTrash, "notes"}, at(11), {}, true},
  };
}

}  // namespace copse::fuzz
