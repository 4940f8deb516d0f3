// Writes the first inputs of each corpus: small ones that are right, for the fuzzers to start from.
// `make_fuzz_corpus fuzz/corpus` makes the same bytes each time; what fuzzing found later is kept beside them.

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "corpora.h"

namespace copse::fuzz {
namespace {

bool Write(const std::filesystem::path& directory, const Inputs& inputs) {
  std::filesystem::create_directories(directory);
  for (const auto& [name, bytes] : inputs) {
    std::ofstream file(directory / name, std::ios::binary);
    file << bytes;
    if (!file.flush()) {
      std::fprintf(stderr, "cannot write %s\n", (directory / name).c_str());
      return false;
    }
  }
  return true;
}

int Main(const std::filesystem::path& directory) {
  for (const auto& corpora : {CrdtCorpora(), ReplicaCorpora(), FsCorpora()}) {
    for (const Corpus& corpus : corpora) {
      if (!Write(directory / corpus.target, corpus.inputs)) return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace copse::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
    return 2;
  }
  return copse::fuzz::Main(argv[1]);
}
