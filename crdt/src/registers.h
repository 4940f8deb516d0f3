#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <absl/container/node_hash_map.h>
#include <copse/crdt/op.h>
#include <copse/crdt/register_version.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "byte_arena.h"
#include "image.h"
#include "move.h"
#include "slot_ids.h"
#include "stable_vector.h"

namespace copse::crdt {

/// The kind belongs to the name of a register: neither kind of write can disturb the other, whatever a peer sends.
enum class RegisterKind : std::uint8_t { kLastWriterWins, kMultiValue };

inline RegisterKind KindOf(const Field& field) {
  return field.replaces ? RegisterKind::kMultiValue : RegisterKind::kLastWriterWins;
}

/// The registers of all nodes. Those of one node are a row of bytes: a file has half a dozen small ones, which take
/// some thirty bytes together, and any other form would cost several times that. register_row.h has the form.
class RegisterTable {
 public:
  using Times = absl::InlinedVector<Timestamp, 1>;

  explicit RegisterTable(const SlotIds& ids) : ids_(ids) {}

  /// Whether an op has written to one of `node`.
  bool Has(Slot node) const { return RowOf(node) != 0; }

  /// What a last-writer-wins register holds; nothing if it was never written. Valid until Write.
  std::optional<RegisterVersionView> Last(Slot node, std::uint32_t number, std::string_view key) const;
  /// What a multi-value register holds. Valid until Write.
  RegisterVersions Versions(Slot node, std::uint32_t number, std::string_view key) const;
  /// The times of the versions in a register: equal times mean equal contents.
  Times TimesOf(Slot node, const FieldId& id, RegisterKind kind) const;
  /// The ids of those of `number` that hold a value, ascending.
  std::vector<FieldId> HoldingValue(Slot node, std::uint32_t number) const;

  /// Takes in what an op of `time` writes, `fields` ascending by id, in any order of ops; each comes once. Cost:
  /// O(row).
  void Write(Slot node, std::span<const Field> fields, Timestamp time);

  void Save(ImageWriter& image) const;
  absl::Status Load(ImageReader& image);
  std::size_t bytes_used() const { return bytes_.bytes_used() + std::size_t{rows_.size()} * sizeof(ByteArena::Ref); }

 private:
  /// A multi-value register of a node.
  using Awaiting = std::tuple<Slot, std::uint32_t, std::string>;

  ByteArena::Ref RowOf(Slot node) const { return node < rows_.size() ? rows_[node] : 0; }
  Timestamp CreationOf(Slot node) const {
    const NodeId id = ids_[node];
    return Timestamp::Of(id.counter(), id.actor());
  }
  void WriteLast(const struct RowEntry* present, const Field& field, Timestamp time, Timestamp creation);
  void WriteMulti(const struct RowEntry* present, Slot node, const Field& field, Timestamp time);
  void DropReplaced(Slot node, const Field& field, std::vector<RegisterVersionView>& versions);
  void AppendValue(std::string_view value);
  void FreeValue(const struct RowEntry& entry);

  const SlotIds& ids_;
  ByteArena bytes_;
  StableVector<ByteArena::Ref> rows_;
  // Replaced before they arrived. One that arrives is struck off and stays replaced.
  absl::node_hash_map<Awaiting, absl::flat_hash_set<Timestamp>> awaited_;
  std::string row_;  // The one being made.
};

}  // namespace copse::crdt
