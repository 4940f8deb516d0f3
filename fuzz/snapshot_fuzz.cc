// Any bytes as a snapshot: as the store's own part of one; as a file; and as what a
// file holds. What is read is what the writer writes.

#include <copse/base/memory_storage.h>

#include <algorithm>

#include "fuzz.h"
#include "snapshot.h"

namespace copse::fuzz {
namespace {

void ReadState(std::string_view bytes) {
  if (const auto state = replica::DecodeSnapshotState(bytes); state.ok()) {
    Require(replica::EncodeSnapshotState(*state) == bytes);
  }
}

void ReadFile(std::string_view bytes) {
  base::MemoryStorage storage;
  Require(base::ReplaceFile(storage, "/one", bytes).ok());
  const auto parts = replica::ReadSnapshotFile(storage, "/one", {}, 1);
  if (!parts.ok()) return;
  std::vector<std::string_view> views;
  for (const crdt::ImageBuffer& part : *parts) views.push_back(part.view());
  Require(replica::WriteSnapshotFile(storage, "/two", {}, 1, views).ok());
  Require(base::ReadWholeFile(storage, "/two").value() == bytes);
}

/// The bytes as the parts of a file, cut where the first byte says.
void ReadParts(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::size_t cut = std::min<std::size_t>(static_cast<unsigned char>(bytes.front()), bytes.size());
  base::MemoryStorage storage;
  Require(replica::WriteSnapshotFile(storage, "/one", {}, 1, {bytes.substr(0, cut), bytes.substr(cut)}).ok());
  const auto parts = replica::ReadSnapshotFile(storage, "/one", {}, 1);
  Require(parts.ok() && parts->size() == 2 && parts->at(1).view() == bytes.substr(cut));
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace copse::fuzz;
  const std::string_view bytes = Bytes(data, size);
  ReadState(bytes);
  ReadFile(bytes);
  ReadParts(bytes);
  return 0;
}
