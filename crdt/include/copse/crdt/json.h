#pragma once

// JSON for the types of this library, through nlohmann/json: include it where JSON is used. Nothing else here includes
// nlohmann/json.
//
//     nlohmann::json json = ToJson(document);
//     absl::StatusOr<Document<Item>> again = DocumentFromJson<Item>(json);
//
// Nodes are numbers of 64 bits, times [counter, actor], version vectors [[actor, count], ...]. Names and values of
// registers, which may be any bytes, are strings where they are UTF-8, and {"hex": "ff00"} where they are not. A key
// that is absent says that the value is; keys that are unknown are passed over.
//
// from_json throws nlohmann::json::exception for what is malformed or out of range; OpDeltaFromJson and
// DocumentFromJson throw nothing. What is read is not yet judged as ops: Document::Merge and TreeReplica::Ingest do so.

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/document.h>
#include <copse/crdt/net_event.h>
#include <copse/crdt/op.h>
#include <copse/crdt/op_delta.h>
#include <copse/crdt/version_vector.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace copse::crdt {
namespace json_internal {

using Json = nlohmann::json;

[[noreturn]] inline void Refuse(const std::string& what) {
  throw Json::other_error::create(502, "expected " + what, nullptr);
}

inline bool IsUtf8(const std::string& bytes) {
  try {
    static_cast<void>(Json(bytes).dump());
    return true;
  } catch (const Json::type_error&) {
    return false;
  }
}

inline Json FromBytes(const std::string& bytes) {
  if (IsUtf8(bytes)) return bytes;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char character : bytes) {
    const auto byte = static_cast<unsigned char>(character);
    hex += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return Json{{"hex", hex}};
}

inline std::string ToBytes(const Json& json) {
  if (json.is_string()) return json.get<std::string>();
  const std::string hex = json.at("hex").get<std::string>();
  const auto digit = [](char character) -> unsigned {
    if (character >= '0' && character <= '9') return static_cast<unsigned>(character - '0');
    if (character >= 'a' && character <= 'f') return static_cast<unsigned>(character - 'a' + 10);
    Refuse("hex digits");
  };
  if (hex.size() % 2 != 0) Refuse("two hex digits for each byte");
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  }
  return bytes;
}

inline std::uint64_t ToNumber(const Json& json, std::uint64_t max) {
  if (!json.is_number_unsigned() || json.get<std::uint64_t>() > max) {
    Refuse("an integer from 0 to " + std::to_string(max));
  }
  return json.get<std::uint64_t>();
}

inline ActorId ToActor(const Json& json) {
  return static_cast<ActorId>(ToNumber(json, std::numeric_limits<ActorId>::max()));
}

}  // namespace json_internal

inline void to_json(nlohmann::json& json, const NodeId& node) { json = node.value; }
inline void from_json(const nlohmann::json& json, NodeId& node) {
  node.value = json_internal::ToNumber(json, std::numeric_limits<std::uint64_t>::max());
}

inline void to_json(nlohmann::json& json, const Timestamp& time) {
  json = nlohmann::json::array({time.counter(), time.actor()});
}
inline void from_json(const nlohmann::json& json, Timestamp& time) {
  if (!json.is_array() || json.size() != 2) json_internal::Refuse("[counter, actor]");
  time = Timestamp::Of(json_internal::ToNumber(json[0], kCounterMax), json_internal::ToActor(json[1]));
}

inline void to_json(nlohmann::json& json, const VersionVector& version) {
  json = nlohmann::json::array();
  for (const auto& [actor, count] : version.counts()) json.push_back({actor, count});
}
inline void from_json(const nlohmann::json& json, VersionVector& version) {
  version = VersionVector();
  if (!json.is_array()) json_internal::Refuse("[[actor, count], ...]");
  for (const nlohmann::json& count : json) {
    if (!count.is_array() || count.size() != 2) json_internal::Refuse("[actor, count]");
    version.Raise(json_internal::ToActor(count[0]), json_internal::ToNumber(count[1], kCounterMax));
  }
}

inline void to_json(nlohmann::json& json, const Place& place) {
  json = {{"parent", place.parent}, {"name", json_internal::FromBytes(place.name)}};
}
inline void from_json(const nlohmann::json& json, Place& place) {
  place = {json.at("parent").get<NodeId>(), json_internal::ToBytes(json.at("name"))};
}

inline void to_json(nlohmann::json& json, const FieldId& id) {
  json = {{"number", id.number}};
  if (!id.key.empty()) json["key"] = json_internal::FromBytes(id.key);
}
inline void from_json(const nlohmann::json& json, FieldId& id) {
  const auto number = json_internal::ToNumber(json.at("number"), std::numeric_limits<std::uint32_t>::max());
  id = {static_cast<std::uint32_t>(number), json.contains("key") ? json_internal::ToBytes(json["key"]) : ""};
}

inline void to_json(nlohmann::json& json, const Field& field) {
  json = field.id;
  if (field.value) json["value"] = json_internal::FromBytes(*field.value);
  if (field.replaces) json["replaces"] = *field.replaces;
}
inline void from_json(const nlohmann::json& json, Field& field) {
  field = {json.get<FieldId>(), std::nullopt, std::nullopt};
  if (json.contains("value")) field.value = json_internal::ToBytes(json["value"]);
  if (json.contains("replaces")) field.replaces = json["replaces"].get<std::vector<Timestamp>>();
}

inline void to_json(nlohmann::json& json, const Op& op) {
  json = {{"time", op.time}, {"child", op.child}, {"ends_batch", op.ends_batch}};
  if (op.place) json["place"] = *op.place;
  if (op.guard) json["guard"] = *op.guard;
  if (!op.fields.empty()) json["fields"] = op.fields;
}
inline void from_json(const nlohmann::json& json, Op& op) {
  op = Op();
  op.time = json.at("time").get<Timestamp>();
  op.child = json.at("child").get<NodeId>();
  op.ends_batch = json.at("ends_batch").get<bool>();
  if (json.contains("place")) op.place = json["place"].get<Place>();
  if (json.contains("guard")) op.guard = json["guard"].get<Timestamp>();
  if (json.contains("fields")) op.fields = json["fields"].get<std::vector<Field>>();
}

inline void to_json(nlohmann::json& json, const OpDelta& delta) { json = {{"since", delta.since}, {"ops", delta.ops}}; }
inline void from_json(const nlohmann::json& json, OpDelta& delta) {
  delta = {json.at("since").get<VersionVector>(), json.at("ops").get<std::vector<Op>>()};
}

/// Errors: kInvalidArgument what is wrong with it.
inline absl::StatusOr<OpDelta> OpDeltaFromJson(const nlohmann::json& json) {
  try {
    return json.get<OpDelta>();
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

/// A document with its actor and all its ops, without what can be undone.
template <typename Meta>
nlohmann::json ToJson(const Document<Meta>& document) {
  return {{"actor", document.actor()}, {"ops", document.OpsSince({}).ops}};
}

/// Errors: kInvalidArgument what is wrong with it.
template <typename Meta>
absl::StatusOr<Document<Meta>> DocumentFromJson(const nlohmann::json& json) {
  try {
    const ActorId actor = json_internal::ToActor(json.at("actor"));
    if (actor == 0) return absl::InvalidArgumentError("the actor of a document is not 0");
    Document<Meta> document(actor);
    const auto merged = document.Merge({{}, json.at("ops").get<std::vector<Op>>()});
    if (!merged.ok()) return absl::InvalidArgumentError(std::string(merged.status().message()));
    return document;
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

}  // namespace copse::crdt
