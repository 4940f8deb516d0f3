#include "registers.h"

#include <algorithm>

#include "check.h"
#include "register_row.h"
#include "status_macros.h"

namespace copse::crdt {
namespace {

// A longer value lies beside its row, which is copied whenever one of its registers is written.
constexpr std::size_t kInRowMax = 160;

using Order = std::tuple<std::uint32_t, std::string_view, RegisterKind>;
Order OrderOf(const RowEntry& entry) { return {entry.number, entry.key, entry.kind()}; }
Order OrderOf(const Field& field) { return {field.id.number, field.id.key, KindOf(field)}; }

auto LowerBound(std::vector<RegisterVersionView>& versions, Timestamp time) {
  return std::lower_bound(versions.begin(), versions.end(), time,
                          [](const RegisterVersionView& version, Timestamp bound) { return version.time < bound; });
}

}  // namespace

std::optional<RegisterVersionView> RegisterTable::Last(Slot node, std::uint32_t number, std::string_view key) const {
  const auto entry = FindEntry(bytes_[RowOf(node)], number, key, RegisterKind::kLastWriterWins);
  return entry ? std::optional(VersionsIn(*entry, CreationOf(node), bytes_).front()) : std::nullopt;
}

RegisterVersions RegisterTable::Versions(Slot node, std::uint32_t number, std::string_view key) const {
  const auto entry = FindEntry(bytes_[RowOf(node)], number, key, RegisterKind::kMultiValue);
  return entry ? VersionsIn(*entry, CreationOf(node), bytes_) : RegisterVersions();
}

RegisterTable::Times RegisterTable::TimesOf(Slot node, const FieldId& id, RegisterKind kind) const {
  Times times;
  const auto entry = FindEntry(bytes_[RowOf(node)], id.number, id.key, kind);
  if (!entry) return times;
  for (const RegisterVersionView& version : VersionsIn(*entry, CreationOf(node), bytes_)) times.push_back(version.time);
  return times;
}

std::vector<FieldId> RegisterTable::HoldingValue(Slot node, std::uint32_t number) const {
  std::vector<FieldId> ids;
  std::string_view row = bytes_[RowOf(node)];
  while (const auto entry = TakeEntry(row)) {
    if (entry->number != number) continue;
    const RegisterVersions versions = VersionsIn(*entry, CreationOf(node), bytes_);
    const bool is_new = ids.empty() || ids.back().key != entry->key;
    if (is_new && !versions.empty() && versions.front().value) ids.push_back({number, std::string(entry->key)});
  }
  return ids;
}

void RegisterTable::Write(Slot node, std::span<const Field> fields, Timestamp time) {
  if (fields.empty()) return;
  while (rows_.size() <= node) rows_.Grow();
  row_.clear();
  std::string_view rest = bytes_[rows_[node]];
  std::optional<RowEntry> entry = TakeEntry(rest);
  for (const Field& field : fields) {
    for (; entry && OrderOf(*entry) < OrderOf(field); entry = TakeEntry(rest)) row_.append(entry->bytes);
    const bool is_present = entry && OrderOf(*entry) == OrderOf(field);
    const RowEntry* present = is_present ? &*entry : nullptr;
    if (field.replaces) {
      WriteMulti(present, node, field, time);
    } else {
      WriteLast(present, field, time, CreationOf(node));
    }
    if (is_present) entry = TakeEntry(rest);
  }
  if (entry) row_.append(entry->bytes);
  row_.append(rest);
  rows_[node] = bytes_.Replace(rows_[node], row_);
}

void RegisterTable::WriteLast(const RowEntry* present, const Field& field, Timestamp time, Timestamp creation) {
  if (present != nullptr) {
    if (time < VersionsIn(*present, creation, bytes_).front().time) {
      row_.append(present->bytes);
      return;
    }
    FreeValue(*present);
  }
  if (!field.value) {
    AppendHead(field.id.number, field.id.key, RowForm::kCleared, row_);
    AppendFixed(time.value, sizeof time.value, row_);
    return;
  }
  AppendHead(field.id.number, field.id.key, time == creation ? RowForm::kPlain : RowForm::kTimed, row_);
  if (time != creation) AppendFixed(time.value, sizeof time.value, row_);
  AppendValue(*field.value);
}

void RegisterTable::WriteMulti(const RowEntry* present, Slot node, const Field& field, Timestamp time) {
  std::vector<RegisterVersionView> versions;
  if (present != nullptr) {
    const RegisterVersions before = VersionsIn(*present, CreationOf(node), bytes_);
    versions.assign(before.begin(), before.end());
  }
  DropReplaced(node, field, versions);
  const auto awaited = awaited_.empty() ? awaited_.end() : awaited_.find({node, field.id.number, field.id.key});
  const bool is_replaced = field.value && awaited != awaited_.end() && awaited->second.erase(time) > 0;
  if (is_replaced && awaited->second.empty()) awaited_.erase(awaited);
  std::string kept;  // Those of present point into the arena, in which room is about to be made and freed.
  if (field.value && !is_replaced) {
    const auto at = LowerBound(versions, time);
    CRDT_CHECK(at == versions.end() || at->time != time);
    versions.insert(at, {time, *field.value});
  }
  std::vector<std::size_t> sizes;
  for (const RegisterVersionView& version : versions) {
    kept.append(*version.value);
    sizes.push_back(version.value->size());
  }
  if (present != nullptr) FreeValue(*present);
  AppendHead(field.id.number, field.id.key, RowForm::kMulti, row_);
  AppendVarint(versions.size(), row_);
  std::size_t at = 0;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    AppendFixed(versions[i].time.value, sizeof versions[i].time.value, row_);
    AppendValue(std::string_view(kept).substr(at, sizes[i]));
    at += sizes[i];
  }
}

void RegisterTable::DropReplaced(Slot node, const Field& field, std::vector<RegisterVersionView>& versions) {
  for (const Timestamp replaced : *field.replaces) {
    const auto found = LowerBound(versions, replaced);
    if (found != versions.end() && found->time == replaced) {
      versions.erase(found);
    } else {
      // Either it has not arrived, or another op has replaced it too. The second costs eight bytes kept in vain.
      awaited_[{node, field.id.number, field.id.key}].insert(replaced);
    }
  }
}

void RegisterTable::AppendValue(std::string_view value) {
  const bool is_far = value.size() > kInRowMax;
  AppendVarint(std::uint64_t{value.size()} << 1 | static_cast<std::uint64_t>(is_far), row_);
  if (is_far) {
    AppendFixed(bytes_.Add(value), sizeof(ByteArena::Ref), row_);
  } else {
    row_.append(value);
  }
}

// Frees what lies beside the row.
void RegisterTable::FreeValue(const RowEntry& entry) {
  RowCursor cursor(entry.body);
  const auto free_one = [&] {
    const std::uint64_t head = cursor.Varint();
    if ((head & 1) == 0) {
      cursor.Raw(head >> 1);
    } else {
      const auto value = static_cast<ByteArena::Ref>(cursor.Fixed(sizeof(ByteArena::Ref)));
      if (bytes_.Holds(value)) bytes_.Free(value);
    }
  };
  switch (entry.form) {
    case RowForm::kPlain:
      free_one();
      break;
    case RowForm::kTimed:
      cursor.Time();
      free_one();
      break;
    case RowForm::kCleared:
      break;
    case RowForm::kMulti:
      for (std::uint64_t left = cursor.Varint(); left > 0 && !cursor.at_end(); --left) {
        cursor.Time();
        free_one();
      }
      break;
  }
}

namespace {

// A row whose long values lie in `to` instead of `from`.
std::string RowIn(const ByteArena& from, std::string_view row, ByteArena& to) {
  std::string copy;
  while (const auto entry = TakeEntry(row)) {
    RowCursor cursor(entry->body);
    copy.append(entry->bytes.substr(0, entry->bytes.size() - entry->body.size()));
    std::uint64_t values = 1;
    if (entry->form == RowForm::kCleared) values = 0;
    if (entry->form == RowForm::kMulti) AppendVarint(values = cursor.Varint(), copy);
    if (entry->form == RowForm::kCleared) AppendFixed(cursor.Time().value, sizeof(std::uint64_t), copy);
    for (; values > 0; --values) {
      if (entry->form != RowForm::kPlain) AppendFixed(cursor.Time().value, sizeof(std::uint64_t), copy);
      const std::uint64_t head = cursor.Varint();
      AppendVarint(head, copy);
      if ((head & 1) == 0) {
        copy.append(cursor.Raw(head >> 1));
      } else {
        const auto value = static_cast<ByteArena::Ref>(cursor.Fixed(sizeof(ByteArena::Ref)));
        AppendFixed(to.Add(from[value]), sizeof(ByteArena::Ref), copy);
      }
    }
  }
  return copy;
}

}  // namespace

void RegisterTable::Save(ImageWriter& image) const {
  // Packed: without what was freed.
  ByteArena packed;
  std::vector<ByteArena::Ref> rows;
  rows.reserve(rows_.size());
  rows_.ForEachBlock([&](std::span<const ByteArena::Ref> block) {
    for (const ByteArena::Ref row : block)
      rows.push_back(row == 0 ? 0 : packed.Add(RowIn(bytes_, bytes_[row], packed)));
  });
  image.Number(rows.size());
  image.Array(rows);
  packed.Save(image);
  std::vector<std::pair<Awaiting, std::vector<Timestamp>>> awaited;
  for (const auto& [of, times] : awaited_) {
    awaited.emplace_back(of, std::vector<Timestamp>(times.begin(), times.end()));
    std::sort(awaited.back().second.begin(), awaited.back().second.end());
  }
  std::sort(awaited.begin(), awaited.end());
  image.Number(awaited.size());
  for (const auto& [of, times] : awaited) {
    const auto& [node, number, key] = of;
    image.Number(node);
    image.Number(number);
    image.Number(key.size());
    image.Array(std::span<const char>(key));
    image.Number(times.size());
    image.Array(times);
  }
}

absl::Status RegisterTable::Load(ImageReader& image) {
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t count, image.Number());
  CRDT_ASSIGN_OR_RETURN(const auto rows, image.Array<ByteArena::Ref>(count));
  if (count > kNoSlot) return image.Error("fewer rows");
  rows_.Adopt(rows, image.owner());
  CRDT_RETURN_IF_ERROR(bytes_.Load(image));
  const bool are_held = std::all_of(rows.begin(), rows.end(), [this](ByteArena::Ref row) { return bytes_.Holds(row); });
  if (!are_held) return image.Error("rows within their memory");
  awaited_.clear();
  CRDT_ASSIGN_OR_RETURN(std::uint64_t left, image.Number());
  for (; left > 0; --left) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t node, image.Number());
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t number, image.Number());
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t key_size, image.Number());
    CRDT_ASSIGN_OR_RETURN(const auto key, image.Array<char>(key_size));
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t time_count, image.Number());
    CRDT_ASSIGN_OR_RETURN(const auto times, image.Array<Timestamp>(time_count));
    if (node > kNoSlot || number > ~std::uint32_t{0} || times.empty()) return image.Error("a register");
    awaited_[{static_cast<Slot>(node), static_cast<std::uint32_t>(number), std::string(key.begin(), key.end())}].insert(
        times.begin(), times.end());
  }
  return absl::OkStatus();
}

}  // namespace copse::crdt
