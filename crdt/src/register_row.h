#pragma once

#include <copse/crdt/register_version.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "byte_arena.h"
#include "registers.h"

namespace copse::crdt {

// A row is a sequence of entries, ascending by number, key and kind:
//
//   head     varint: number << 3 | has a key << 2 | form
//   key      if it has one: varint length, bytes
//   body     kPlain    last-writer-wins, written by the op that made the node: its value
//            kTimed    last-writer-wins: 8 bytes time, value
//            kCleared  last-writer-wins: 8 bytes time
//            kMulti    multi-value: varint count, then for each, ascending: 8 bytes time, value
//   value    varint: length << 1 | 0, then the bytes; or, if they are many: length << 1 | 1, then 4 bytes: where they
//            lie in the arena
//
// All integers are little-endian. A reader stops where a row breaks off, so that wrong bytes are no more than wrong.

enum class RowForm : std::uint8_t { kPlain, kTimed, kCleared, kMulti };

/// One register in a row. Points into it.
struct RowEntry {
  std::uint32_t number = 0;
  RowForm form = RowForm::kPlain;
  std::string_view key;
  std::string_view bytes;  ///< All of it.
  std::string_view body;

  RegisterKind kind() const {
    return form == RowForm::kMulti ? RegisterKind::kMultiValue : RegisterKind::kLastWriterWins;
  }
};

/// Reads bytes of a row one after another. After it has run out of them everything reads as 0 or empty.
class RowCursor {
 public:
  explicit RowCursor(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  std::uint64_t Varint() {
    if (rest_.empty() || static_cast<unsigned char>(rest_.front()) >= 0x80) return LongVarint();
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint64_t Fixed(std::size_t size);
  std::string_view Raw(std::uint64_t size) {
    const std::string_view bytes = rest_.substr(0, size < rest_.size() ? static_cast<std::size_t>(size) : rest_.size());
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  /// Steps over a value.
  void SkipValue() {
    const std::uint64_t head = Varint();
    Raw((head & 1) != 0 ? sizeof(ByteArena::Ref) : head >> 1);
  }
  std::string_view Value(const ByteArena& arena);
  Timestamp Time() { return Timestamp{Fixed(sizeof(std::uint64_t))}; }

 private:
  std::uint64_t LongVarint();

  std::string_view rest_;
};

/// Takes the next entry off `row`; nothing at its end.
std::optional<RowEntry> TakeEntry(std::string_view& row);
/// The entry of a register; nothing if `row` has none.
std::optional<RowEntry> FindEntry(std::string_view row, std::uint32_t number, std::string_view key, RegisterKind kind);

/// Appends the head of an entry, and its key.
void AppendHead(std::uint32_t number, std::string_view key, RowForm form, std::string& row);
void AppendVarint(std::uint64_t value, std::string& row);
void AppendFixed(std::uint64_t value, std::size_t size, std::string& row);

/// What an entry holds, of a node that was made at `creation`.
RegisterVersions VersionsIn(const RowEntry& entry, Timestamp creation, const ByteArena& arena);

}  // namespace copse::crdt
