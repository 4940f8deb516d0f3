#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <copse/crdt/op.h>
#include <copse/crdt/tree.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::crdt {

/// One register of a node. A last-writer-wins and a multi-value register of one id are two: so neither kind of write
/// can disturb the other, whatever a peer sends. Kept small: a file has about ten.
class Register {
 public:
  enum class Kind : std::uint8_t { kLastWriterWins, kMultiValue };
  using Times = absl::InlinedVector<Timestamp, 1>;

  Register(const FieldId& id, Kind kind);

  std::uint32_t number() const { return number_; }
  std::string_view key() const { return key_ ? std::string_view(*key_) : std::string_view(); }
  Kind kind() const { return kind_; }
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
  Kind kind_;
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
  const Register* Find(std::uint32_t number, std::string_view key, Register::Kind kind) const;
  /// The register that `field` writes to, made if missing. Valid until the next call.
  Register& ForWrite(const Field& field);
  /// All registers of `number`.
  std::span<const Register> OfNumber(std::uint32_t number) const;

 private:
  std::vector<Register> registers_;
};

}  // namespace copse::crdt
