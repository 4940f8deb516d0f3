#pragma once

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <copse/crdt/op.h>
#include <copse/crdt/tree.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace copse::crdt {

enum class RegisterKind : std::uint8_t { kLastWriterWins, kMultiValue };

/// One register of a node. The kind belongs to its name: neither kind of write can disturb the other, whatever a peer
/// sends. Kept small: a file has about ten.
class Register {
 public:
  using Times = absl::InlinedVector<Timestamp, 1>;

  Register(const FieldId& id, RegisterKind kind);

  std::uint32_t number() const { return number_; }
  std::string_view key() const { return key_ ? std::string_view(*key_) : std::string_view(); }
  RegisterKind kind() const { return kind_; }
  FieldId id() const { return FieldId{number_, std::string(key())}; }

  /// Ascending by time; at most one where the last writer wins.
  std::span<const RegisterVersion> versions() const { return {versions_.data(), versions_.size()}; }
  bool HoldsValue() const { return !versions_.empty() && versions_.front().value.has_value(); }
  /// The times of the versions: equal times mean equal contents.
  Times VersionTimes() const;

  /// Takes in one write, in any order; each write comes once.
  void Write(const Field& field, Timestamp time);

 private:
  void WriteLast(const std::optional<std::string>& value, Timestamp time);
  void Replace(Timestamp replaced);

  std::uint32_t number_;
  RegisterKind kind_;
  std::unique_ptr<const std::string> key_;  // Null: empty, as most are.
  absl::InlinedVector<RegisterVersion, 1> versions_;
  // Replaced before they arrived. One that arrives is struck off and stays replaced.
  std::unique_ptr<absl::flat_hash_set<Timestamp>> awaited_;
};

/// The registers of one node, ascending by number, key and kind.
class Registers {
 public:
  bool empty() const { return registers_.empty(); }
  /// nullptr if no op has written to it.
  const Register* Find(std::uint32_t number, std::string_view key, RegisterKind kind) const;
  /// The register that `field` writes to, made if missing.
  Register& ForWrite(const Field& field);
  /// The ids of those of `number` that hold a value, ascending.
  std::vector<FieldId> HoldingValue(std::uint32_t number) const;

 private:
  using Order = std::tuple<std::uint32_t, std::string_view, RegisterKind>;
  struct Less {
    using is_transparent = void;
    static Order OrderOf(const std::unique_ptr<Register>& one) { return {one->number(), one->key(), one->kind()}; }
    static const Order& OrderOf(const Order& order) { return order; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return OrderOf(a) < OrderOf(b);
    }
  };

  absl::btree_set<std::unique_ptr<Register>, Less> registers_;
};

}  // namespace copse::crdt
