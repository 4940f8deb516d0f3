#pragma once

#include <copse/crdt/net_event.h>

#include <memory>
#include <optional>
#include <vector>

#include "node.h"

namespace copse::crdt {

/// What one batch has touched, as it was before: the half of the net events that would be lost. A rewind undoes and
/// redoes much that comes out as it was, so events are found at the end, by comparing.
class BatchChanges {
 public:
  /// To be called before `node` gets another place, and before one of its registers is written.
  void AboutToPlace(Node& node);
  void AboutToWrite(Node& node, const Register& one);

  /// One event for each node that differs from before, ascending; forgets everything.
  std::vector<NetEvent> Take();

 private:
  struct RegisterBefore {
    FieldId id;
    RegisterKind kind;
    Register::Times times;
  };
  struct Change {
    Node* node;
    std::optional<Placement> place_before;
    std::unique_ptr<Placement> before_trash_before;
    std::vector<RegisterBefore> registers_before;
  };

  Change& ChangeOf(Node& node);
  static std::vector<FieldId> ChangedFields(Change& change);

  std::vector<Change> changes_;
};

}  // namespace copse::crdt
