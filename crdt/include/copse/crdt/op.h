#pragma once

#include <copse/crdt/ids.h>
#include <copse/crdt/timestamp.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace copse::crdt {

/// Where a move puts its child: under `parent`, with `name` as the metadata of the edge (any bytes here; a file
/// system restricts them). The paper's (parent, metadata).
struct Place {
  NodeId parent;
  std::string name;

  friend bool operator==(const Place&, const Place&) = default;
  friend auto operator<=>(const Place&, const Place&) = default;
};

/// Names a register of a node. `key` tells apart the registers of one number (extended attributes); else it is empty.
struct FieldId {
  std::uint32_t number = 0;
  std::string key;

  friend bool operator==(const FieldId&, const FieldId&) = default;
  friend auto operator<=>(const FieldId&, const FieldId&) = default;
};

/// A write to one register of the op's child. Takes effect whether or not the op's move does (a refused move still
/// sets its fields).
///
/// Two kinds of register, told apart by `replaces`:
///  - last-writer-wins (absent): the value with the highest timestamp is the value; an absent `value` clears it, and
///    goes on outranking older writes.
///  - multi-value (present, perhaps empty): every written version stays until an op names its timestamp in `replaces`;
///    the order of arrival does not matter. An absent `value` writes no version and only replaces.
/// Writes of the two kinds to one id are writes to two registers.
/// Source: Shapiro et al., "A comprehensive study of CRDTs", INRIA RR-7506, sections 3.2.2 (LWW) and 3.2.3 (MV).
struct Field {
  FieldId id;
  std::optional<std::string> value;
  std::optional<std::vector<Timestamp>> replaces;  ///< Ascending, without duplicates.

  friend bool operator==(const Field&, const Field&) = default;
};

/// One change of the tree, the only kind there is: the paper's Move, with a place that may be absent, a guard, and
/// registers. Creating, renaming and deleting are all this.
///
/// Source: Kleppmann, Mulligan, Gomes, Beresford, "A highly-available move operation for replicated trees",
/// IEEE TPDS 33(7), 2022, doi:10.1109/TPDS.2021.3118603, section 3.
struct Op {
  Timestamp time;
  NodeId child;
  std::optional<Place> place;      ///< Absent: moves nothing, only sets fields.
  std::optional<Timestamp> guard;  ///< Only on a move to trash: takes effect iff the child's claim is still this.
  std::vector<Field> fields;       ///< Ascending by id, without duplicates.
  bool ends_batch = true;          ///< The last op of one system call: batches are logged, sent and shown as one.

  friend bool operator==(const Op&, const Op&) = default;
};

}  // namespace copse::crdt
