#include "register_row.h"

namespace copse::crdt {
namespace {

constexpr std::uint64_t kHasKey = 4;
constexpr int kNumberShift = 3;

void SkipBody(RowForm form, RowCursor& cursor) {
  switch (form) {
    case RowForm::kPlain:
      cursor.SkipValue();
      break;
    case RowForm::kTimed:
      cursor.Time();
      cursor.SkipValue();
      break;
    case RowForm::kCleared:
      cursor.Time();
      break;
    case RowForm::kMulti:
      for (std::uint64_t left = cursor.Varint(); left > 0 && !cursor.at_end(); --left) {
        cursor.Time();
        cursor.SkipValue();
      }
      break;
  }
}

}  // namespace

std::uint64_t RowCursor::LongVarint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

std::uint64_t RowCursor::Fixed(std::size_t size) {
  const std::string_view bytes = Raw(size);
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

std::string_view RowCursor::Value(const ByteArena& arena) {
  const std::uint64_t head = Varint();
  if ((head & 1) == 0) return Raw(head >> 1);
  const auto ref = static_cast<ByteArena::Ref>(Fixed(sizeof(ByteArena::Ref)));
  return arena.Holds(ref) ? arena[ref] : std::string_view();
}

std::optional<RowEntry> TakeEntry(std::string_view& row) {
  if (row.empty()) return std::nullopt;
  RowCursor cursor(row);
  RowEntry entry;
  const std::uint64_t head = cursor.Varint();
  entry.number = static_cast<std::uint32_t>(head >> kNumberShift);
  entry.form = static_cast<RowForm>(head & 3);
  if ((head & kHasKey) != 0) entry.key = cursor.Raw(cursor.Varint());
  const std::string_view from_body = cursor.rest();
  SkipBody(entry.form, cursor);
  entry.body = from_body.substr(0, from_body.size() - cursor.rest().size());
  entry.bytes = row.substr(0, row.size() - cursor.rest().size());
  row = cursor.rest();
  return entry;
}

std::optional<RowEntry> FindEntry(std::string_view row, std::uint32_t number, std::string_view key, RegisterKind kind) {
  // Every look at a file asks for some registers, so what is not asked for is stepped over and no more.
  while (!row.empty()) {
    RowCursor cursor(row);
    const std::uint64_t head = cursor.Varint();
    if (head >> kNumberShift > number) return std::nullopt;
    if (head >> kNumberShift == number) {
      const auto entry = TakeEntry(row);
      if (entry->kind() == kind && entry->key == key) return entry;
      continue;
    }
    if ((head & kHasKey) != 0) cursor.Raw(cursor.Varint());
    SkipBody(static_cast<RowForm>(head & 3), cursor);
    row = cursor.rest();
  }
  return std::nullopt;
}

void AppendVarint(std::uint64_t value, std::string& row) {
  for (; value >= 0x80; value >>= 7) row.push_back(static_cast<char>(value | 0x80));
  row.push_back(static_cast<char>(value));
}

void AppendFixed(std::uint64_t value, std::size_t size, std::string& row) {
  for (; size > 0; --size, value >>= 8) row.push_back(static_cast<char>(value));
}

void AppendHead(std::uint32_t number, std::string_view key, RowForm form, std::string& row) {
  const std::uint64_t has_key = key.empty() ? 0 : kHasKey;
  AppendVarint(std::uint64_t{number} << kNumberShift | has_key | static_cast<std::uint64_t>(form), row);
  if (key.empty()) return;
  AppendVarint(key.size(), row);
  row.append(key);
}

RegisterVersions VersionsIn(const RowEntry& entry, Timestamp creation, const ByteArena& arena) {
  RegisterVersions versions;
  RowCursor cursor(entry.body);
  switch (entry.form) {
    case RowForm::kPlain:
      versions.Add({creation, cursor.Value(arena)});
      break;
    case RowForm::kTimed: {
      const Timestamp time = cursor.Time();
      versions.Add({time, cursor.Value(arena)});
      break;
    }
    case RowForm::kCleared:
      versions.Add({cursor.Time(), std::nullopt});
      break;
    case RowForm::kMulti:
      for (std::uint64_t left = cursor.Varint(); left > 0 && !cursor.at_end(); --left) {
        const Timestamp time = cursor.Time();
        versions.Add({time, cursor.Value(arena)});
      }
      break;
  }
  return versions;
}

}  // namespace copse::crdt
