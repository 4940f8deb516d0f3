// Any bytes: ByteDocument::Load refuses them, or gives a document that is saved and loaded as the same again, whose ops
// make the same tree of an empty one, and that can be edited. Read a second time with a right header in front.

#include <copse/crdt/byte_document.h>
#include <copse/crdt/dump.h>

#include "fuzz.h"

namespace copse::fuzz {
namespace {

using crdt::ByteDocument;
using crdt::NodeId;

std::string Describe(const ByteDocument& document) {
  return crdt::Dump(document.tree(), [&](NodeId node) {
    const auto placement = document.tree().PlacementOf(node);
    return placement ? std::string(placement->name) + " " + std::to_string(placement->claim.value) : std::string();
  });
}

void Read(std::string_view bytes) {
  absl::StatusOr<ByteDocument> document = ByteDocument::Load(bytes);
  if (!document.ok()) return;
  const std::string saved = document->Save();
  const absl::StatusOr<ByteDocument> again = ByteDocument::Load(saved);
  Require(again.ok() && again->actor() == document->actor() && again->version() == document->version());
  Require(again->Save() == saved && Describe(*again) == Describe(*document));

  ByteDocument merged(document->actor());
  Require(merged.Merge(document->OpsSince({})).ok() && Describe(merged) == Describe(*document));

  ByteDocument::Batch batch = document->NewBatch();
  const auto node = batch.Create(crdt::kRoot, "new");
  // An op that no honest participant makes may name a node that its author has yet to make: what is there is moved
  // then.
  const bool is_new = node.ok() && !document->tree().PlacementOf(*node);
  if (!node.ok() || !batch.Commit().ok()) return;  // The counters of the actor are used up.
  Require(document->IsLive(*node));
  document->Undo();
  Require(!is_new || !document->IsLive(*node));
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  copse::fuzz::Read(bytes);
  constexpr std::string_view kMagicAndFormat("copsedoc\1\0\0\0", 12);
  copse::fuzz::Read(std::string(kMagicAndFormat) + std::string(bytes));
  return 0;
}
