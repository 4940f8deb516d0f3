// Any JSON as a delta and as a document: refused without an exception, or it is written and read as the same again.

#include <copse/crdt/json.h>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace crdt = copse::crdt;
  using copse::fuzz::Require;
  using Json = nlohmann::json;
  const Json json = Json::parse(copse::fuzz::Bytes(data, size), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return 0;
  if (const auto delta = crdt::OpDeltaFromJson(json); delta.ok()) {
    const auto again = crdt::OpDeltaFromJson(Json(*delta));
    Require(again.ok() && *again == *delta);
  }
  if (const auto document = crdt::DocumentFromJson<std::string>(json); document.ok()) {
    const Json written = crdt::ToJson(*document);
    const auto again = crdt::DocumentFromJson<std::string>(written);
    Require(again.ok() && crdt::ToJson(*again) == written);
  }
  return 0;
}
