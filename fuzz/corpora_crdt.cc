// Inputs of the targets of crdt, among them the worked examples of docs/format.

#include <copse/crdt/byte_document.h>
#include <copse/crdt/json.h>
#include <copse/crdt/op_codec.h>
#include <copse/crdt/op_columns.h>
#include <copse/crdt/tree_replica.h>

#include "corpora.h"
#include "fuzz.h"

namespace copse::fuzz {
namespace {

using crdt::Op;
using crdt::Timestamp;

Inputs OpInputs() {
  const std::vector<Op> ops = ExampleOps();
  return {{"none", crdt::EncodeOps({})}, {"one", crdt::EncodeOps({&ops[1], 1})}, {"example", crdt::EncodeOps(ops)}};
}

/// The example of docs/format/columns.md; ops of two actors, not in order; ops that take less than their share of
/// bytes.
Inputs ColumnInputs() {
  std::vector<Op> ops = ExampleOps();
  const std::string example = crdt::EncodeOpColumns(ops);
  ops.push_back({Timestamp::Of(9, 3), crdt::NodeId::Of(3, 9), crdt::Place{ops[1].child, "later"}, {}, {}, true});
  ops.push_back({Timestamp::Of(16, 2), ops[1].child, crdt::Place{crdt::kRoot, "again"}, {}, {}, true});
  ops.push_back({Timestamp::Of(8, 3), ops[0].child, crdt::Place{crdt::kTrash, ""}, Timestamp::Of(10, 2), {}, true});
  std::vector<Op> creations;
  for (std::uint64_t counter = 1; counter <= 1000; ++counter) {
    const Timestamp time = Timestamp::Of(counter, 1);
    creations.push_back({time, time.node(), crdt::Place{crdt::kRoot, ""}, {}, {}, true});
  }
  return {{"none", crdt::EncodeOpColumns({})},
          {"example", example},
          {"two_actors", crdt::EncodeOpColumns(ops)},
          {"creations", crdt::EncodeOpColumns(creations)}};
}

/// Two actors have made, moved and deleted something.
crdt::Document<std::string> SmallDocument() {
  crdt::Document<std::string> document(1);
  crdt::Document<std::string> other(2);
  const crdt::NodeId a = *document.Create(crdt::kRoot, "a");
  Require(other.Merge(document.OpsSince({})).ok() && other.Create(a, "b").ok() && other.Set(a, 1, "\xff").ok());
  Require(document.Merge(other.OpsSince(document.version())).ok() && document.Create(crdt::kRoot, "c").ok());
  Require(document.Move(document.Children(a).front(), crdt::kRoot).ok() && document.Delete(a).ok());
  return document;
}

/// The example of docs/format/document.md; all that two actors made; what one of them lacks.
Inputs DeltaInputs() {
  crdt::Document<std::string> example(1);
  Require(example.Create(crdt::kRoot, "a").ok());
  crdt::VersionVector since;
  since.Raise(1, 1);
  return {{"none", crdt::EncodeOpDelta({})},
          {"example", crdt::EncodeOpDelta(example.OpsSince({}))},
          {"two", crdt::EncodeOpDelta(SmallDocument().OpsSince({}))},
          {"later", crdt::EncodeOpDelta(SmallDocument().OpsSince(since))}};
}

Inputs DocumentInputs() {
  return {{"empty", crdt::Document<std::string>(1).Save()}, {"small", SmallDocument().Save()}};
}

Inputs JsonInputs() {
  return {{"delta", nlohmann::json(crdt::OpDelta{{}, ExampleOps()}).dump()},
          {"document", crdt::ToJson(SmallDocument()).dump()}};
}

/// Nodes that were made, moved, deleted and written, by one actor.
Inputs ImageInputs() {
  crdt::NullJournal journal;
  crdt::TreeReplica replica(1, journal);
  Inputs inputs = {{"empty", replica.Save()}};
  const auto make = [&](crdt::NodeId parent, const char* name) {
    const crdt::NodeId node = replica.NodeOfNextOp(0);
    const crdt::Field field{{1, "key"}, std::string(200, 'v'), std::nullopt};
    const crdt::Field version{{2, ""}, "one", std::vector<Timestamp>{Timestamp::Of(0, 9)}};
    Require(replica.Submit({{node, crdt::Place{parent, name}, std::nullopt, {field, version}}}).ok());
    return node;
  };
  const crdt::NodeId a = make(crdt::kRoot, "a");
  const crdt::NodeId b = make(a, "b");
  inputs.push_back({"two", replica.Save()});
  const Timestamp claim = replica.tree().PlacementOf(b)->claim;
  Require(replica.Submit({{a, crdt::Place{b, "below itself"}, std::nullopt, {}}}).ok());
  Require(replica.Submit({{b, crdt::Place{crdt::kTrash, "b"}, claim, {}}}).ok());
  inputs.push_back({"deleted", replica.Save()});
  return inputs;
}

}  // namespace

std::vector<Corpus> CrdtCorpora() {
  return {{"op_codec", OpInputs()},       {"op_columns", ColumnInputs()}, {"op_delta", DeltaInputs()},
          {"document", DocumentInputs()}, {"json", JsonInputs()},         {"tree", RandomInputs("tree", 4, 12)},
          {"tree_image", ImageInputs()}};
}

}  // namespace copse::fuzz
