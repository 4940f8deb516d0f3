// Undo and exchange of documents under random edits. A document's tree is compared with the oracle's fold of the ops
// that it hands out, its undo with copies of what it showed before.

#include <copse/crdt/document.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "oracle.h"
#include "world_of_tree.h"

namespace copse::crdt_test {
namespace {

using crdt::kRoot;
using crdt::NodeId;
using Text = crdt::Document<std::string>;

/// What a user sees: of each live node where it is and what it holds, and the registers of all nodes.
struct Shown {
  std::map<NodeId, std::pair<NodeId, std::string>> places;
  std::map<std::pair<NodeId, std::uint32_t>, std::string> registers;

  friend bool operator==(const Shown&, const Shown&) = default;
};

constexpr std::array<std::uint32_t, 2> kRegisters = {1, 2};

Shown ShownBy(const Text& document, NodeId top = kRoot) {
  Shown shown;
  std::vector<NodeId> waiting = {top};
  while (!waiting.empty()) {
    const NodeId node = waiting.back();
    waiting.pop_back();
    for (const NodeId child : document.Children(node)) {
      shown.places[child] = {*document.ParentOf(child), *document.MetaOf(child)};
      waiting.push_back(child);
      for (const std::uint32_t number : kRegisters) {
        if (const auto value = document.Get(child, number)) shown.registers[{child, number}] = *value;
      }
    }
  }
  return shown;
}

struct EditDraw {
  int kind = 0;
  int node = 0;
  int parent = 0;
  int name = 0;
};

rc::Gen<EditDraw> EditDraws() {
  using rc::gen::inRange;
  return rc::gen::build<EditDraw>(
      rc::gen::set(&EditDraw::kind, inRange(0, 12)), rc::gen::set(&EditDraw::node, inRange(0, 12)),
      rc::gen::set(&EditDraw::parent, inRange(0, 12)), rc::gen::set(&EditDraw::name, inRange(0, 3)));
}

/// Does one edit of a node below `top`; those that make no sense are refused and do nothing.
template <typename Editor>
void Edit(Editor& editor, const EditDraw& draw, NodeId top, std::vector<NodeId>& nodes) {
  const auto node = [&](int index) {
    const std::size_t chosen = static_cast<std::size_t>(index) % (nodes.size() + 1);
    return chosen == 0 ? top : nodes[chosen - 1];
  };
  const NodeId chosen = node(draw.node);
  const std::string name(1, static_cast<char>('a' + draw.name));
  if (draw.kind < 4) {
    const absl::StatusOr<NodeId> made = editor.Create(node(draw.parent), name);
    if (made.ok()) nodes.push_back(*made);
  } else if (chosen == top) {
    return;
  } else if (draw.kind < 7) {
    editor.Move(chosen, node(draw.parent)).IgnoreError();
  } else if (draw.kind < 8) {
    editor.SetMeta(chosen, name).IgnoreError();
  } else if (draw.kind < 10) {
    editor.Delete(chosen).IgnoreError();
  } else {
    editor.Set(chosen, kRegisters[static_cast<std::size_t>(draw.parent) % 2], name).IgnoreError();
  }
}

void EditAsBatch(Text& document, const std::vector<EditDraw>& draws, NodeId top, std::vector<NodeId>& nodes) {
  Text::Batch batch = document.NewBatch();
  for (const EditDraw& draw : draws) Edit(batch, draw, top, nodes);
  RC_ASSERT(batch.Commit().ok());
}

void Tell(const Text& from, Text& to) {
  const auto delta = crdt::DecodeOpDelta(crdt::EncodeOpDelta(from.OpsSince(to.version())));
  RC_ASSERT(delta.ok());
  RC_ASSERT(to.Merge(*delta).ok());
}

void ExpectIsTheOracles(const Text& document) {
  const std::vector<crdt::Op> ops = document.OpsSince({}).ops;
  Oracle oracle;
  oracle.Learn(ops);
  RC_ASSERT(Describe(WorldOf(document.tree(), Names(ops))) == Describe(oracle.Fold()));
}

RC_GTEST_PROP(DocumentProperty, AloneUndoAndRedoGoThroughEveryStateThatWas, ()) {
  Text document(1);
  std::vector<NodeId> nodes;
  std::vector<Shown> states = {ShownBy(document)};
  for (const auto& draws : *rc::gen::container<std::vector<std::vector<EditDraw>>>(
           rc::gen::container<std::vector<EditDraw>>(EditDraws()))) {
    const auto before = document.version();
    EditAsBatch(document, draws, kRoot, nodes);
    if (document.version() != before) states.push_back(ShownBy(document));
  }
  std::size_t at = states.size() - 1;
  const auto undo_until = [&](std::size_t end) {
    for (; at > end; --at) {
      RC_ASSERT(document.CanUndo());
      document.Undo();
      RC_ASSERT(ShownBy(document).places == states[at - 1].places);
      RC_ASSERT(ShownBy(document).registers == states[at - 1].registers);
    }
  };
  const auto redo_until = [&](std::size_t end) {
    for (; at < end; ++at) {
      RC_ASSERT(document.CanRedo());
      document.Redo();
      RC_ASSERT(ShownBy(document) == states[at + 1]);
    }
  };
  // Some of the way and back, then all the way.
  undo_until(*rc::gen::inRange<std::size_t>(0, states.size()));
  redo_until(*rc::gen::inRange<std::size_t>(at, states.size()));
  undo_until(0);
  RC_ASSERT(!document.CanUndo());
  RC_ASSERT(document.Undo().empty());
  redo_until(states.size() - 1);
  RC_ASSERT(!document.CanRedo());
  ExpectIsTheOracles(document);
}

RC_GTEST_PROP(DocumentProperty, WhereOthersEditElsewhereUndoRestoresTheOwnPartAndLeavesTheirs, ()) {
  std::array documents = {Text(1), Text(2)};
  std::array<NodeId, 2> tops;
  for (std::size_t i = 0; i < 2; ++i) tops[i] = *documents[i].Create(kRoot, "top");
  const Shown empty;
  std::array<std::vector<NodeId>, 2> nodes;
  for (const auto& [draw, who] : *rc::gen::arbitrary<std::vector<std::pair<int, bool>>>()) {
    const std::size_t index = who ? 1 : 0;
    if (draw % 4 == 0) {
      Tell(documents[1 - index], documents[index]);
    } else {
      Edit(documents[index], *EditDraws(), tops[index], nodes[index]);
    }
  }
  Tell(documents[1], documents[0]);
  const Shown theirs = ShownBy(documents[0], tops[1]);
  while (documents[0].version()[1] > 0 && documents[0].CanUndo() && documents[0].IsLive(tops[0])) documents[0].Undo();
  RC_ASSERT(ShownBy(documents[0], tops[0]).places == empty.places);
  RC_ASSERT(ShownBy(documents[0], tops[1]) == theirs);
}

RC_GTEST_PROP(DocumentProperty, DocumentsThatEditUndoAndExchangeAtRandomEndUpEqual, ()) {
  std::array documents = {Text(1), Text(2), Text(3)};
  std::vector<NodeId> nodes;  // Of all: each may be unknown to the others.
  struct Step {
    int kind;
    int who;
    EditDraw edit;
  };
  const auto steps = *rc::gen::container<std::vector<Step>>(
      rc::gen::build<Step>(rc::gen::set(&Step::kind, rc::gen::inRange(0, 10)),
                           rc::gen::set(&Step::who, rc::gen::inRange(0, 6)), rc::gen::set(&Step::edit, EditDraws())));
  for (const Step& step : steps) {
    const auto who = static_cast<std::size_t>(step.who % 3);
    Text& document = documents[who];
    const auto before = document.version();
    if (step.kind < 2) {
      const bool can = document.CanUndo();
      document.Undo();
      RC_ASSERT((document.version() != before) == can);
    } else if (step.kind < 3) {
      const bool can = document.CanRedo();
      document.Redo();
      RC_ASSERT((document.version() != before) == can);
    } else if (step.kind < 5) {
      Tell(documents[(who + 1 + static_cast<std::size_t>(step.who / 3)) % 3], document);
    } else {
      Edit(document, step.edit, kRoot, nodes);
    }
    ExpectIsTheOracles(document);
  }
  for (const auto& [from, to] : {std::pair{0, 1}, {1, 2}, {2, 0}, {0, 1}}) {
    Tell(documents[static_cast<std::size_t>(from)], documents[static_cast<std::size_t>(to)]);
  }
  for (const Text& document : documents) {
    ExpectIsTheOracles(document);
    RC_ASSERT(document.version() == documents[0].version());
    RC_ASSERT(ShownBy(document) == ShownBy(documents[0]));
    RC_ASSERT(Text::Load(document.Save())->Save() == document.Save());
  }
}

RC_GTEST_PROP(DocumentProperty, EventsOfMergesTellEverything, ()) {
  Text here(1), there(2);
  std::vector<NodeId> nodes;
  std::map<NodeId, std::pair<NodeId, std::string>> followed;
  for (const auto& draws : *rc::gen::container<std::vector<std::vector<EditDraw>>>(
           rc::gen::container<std::vector<EditDraw>>(EditDraws()))) {
    EditAsBatch(there, draws, kRoot, nodes);
    if (draws.size() % 3 == 0) there.Undo();
    const auto events = here.Merge(there.OpsSince(here.version()));
    RC_ASSERT(events.ok());
    for (const Text::Event& event : *events) {
      RC_ASSERT(event.before.has_value() == followed.contains(event.node));
      if (event.before) RC_ASSERT(followed[event.node] == std::pair(event.before->parent, event.before->meta));
      if (event.after) followed[event.node] = {event.after->parent, event.after->meta};
    }
    for (const NodeId node : nodes) {
      const auto parent = here.ParentOf(node);
      RC_ASSERT(parent.has_value() == followed.contains(node));
      if (parent) RC_ASSERT(followed[node] == std::pair(*parent, *here.MetaOf(node)));
    }
  }
}

}  // namespace
}  // namespace copse::crdt_test
