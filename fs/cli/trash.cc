#include <copse/base/status_macros.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/kind_name.h"
#include "cli/volume_commands.h"

namespace copse::cli {
namespace {

using TrashEntry = fs::Volume::TrashEntry;

std::optional<std::uint64_t> NumberIn(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The entry of that node id, else the newest that was at that path; nullptr if there is none.
const TrashEntry* Find(const std::vector<TrashEntry>& entries, std::string_view target) {
  const std::optional<std::uint64_t> id = NumberIn(target);
  while (target.size() > 1 && target.front() == '/') target.remove_prefix(1);
  const TrashEntry* newest = nullptr;
  for (const TrashEntry& entry : entries) {
    if (id && entry.node.value == *id) return &entry;
    if (entry.path == target && (newest == nullptr || entry.deleted_at >= newest->deleted_at)) newest = &entry;
  }
  return newest;
}

absl::StatusOr<std::vector<TrashEntry>> FindAll(const std::vector<TrashEntry>& entries, const Json& arguments) {
  const Json targets = arguments.value("targets", Json::array());
  std::vector<TrashEntry> found;
  for (const Json& target : targets) {
    if (!target.is_string()) return absl::InvalidArgumentError("targets must be strings");
    const std::string text = target.get<std::string>();
    const TrashEntry* entry = Find(entries, text);
    if (entry == nullptr) {
      return absl::NotFoundError(text + ": not in the trash; `copse trash PATH list` shows what is");
    }
    const bool twice =
        std::any_of(found.begin(), found.end(), [&](const TrashEntry& f) { return f.node == entry->node; });
    if (!twice) found.push_back(*entry);
  }
  if (found.empty()) return absl::InvalidArgumentError("name what is meant: a number or a path as listed");
  return found;
}

}  // namespace

absl::StatusOr<Json> ListTrash(const VolumeContext& context) {
  Json entries = Json::array();
  for (const TrashEntry& entry : context.opened.volume().ListTrash()) {
    entries.push_back({{"node", entry.node.value},
                       {"deleted_at_ns", entry.deleted_at},
                       {"kind", KindName(entry.kind)},
                       {"size", entry.size},
                       {"path", entry.path}});
  }
  return Json{{"entries", std::move(entries)}};
}

absl::StatusOr<Json> RestoreFromTrash(const VolumeContext& context, const Json& arguments) {
  fs::Volume& volume = context.opened.volume();
  COPSE_ASSIGN_OR_RETURN(const std::vector<TrashEntry> found, FindAll(volume.ListTrash(), arguments));
  Json restored = Json::array();
  for (const TrashEntry& entry : found) {
    COPSE_ASSIGN_OR_RETURN(const std::string path, volume.RestoreFromTrash(entry.node));
    restored.push_back({{"node", entry.node.value}, {"path", path}});
  }
  COPSE_RETURN_IF_ERROR(volume.Flush());
  return Json{{"restored", std::move(restored)}};
}

absl::StatusOr<Json> PurgeFromTrash(const VolumeContext& context, const Json& arguments) {
  fs::Volume& volume = context.opened.volume();
  std::vector<TrashEntry> doomed = volume.ListTrash();
  if (arguments.value("all", Json()) != true) {
    COPSE_ASSIGN_OR_RETURN(doomed, FindAll(doomed, arguments));
  }
  Json purged = Json::array();
  for (const TrashEntry& entry : doomed) {
    COPSE_RETURN_IF_ERROR(volume.PurgeFromTrash(entry.node));
    purged.push_back({{"node", entry.node.value}, {"path", entry.path}});
  }
  COPSE_RETURN_IF_ERROR(volume.Flush());
  return Json{{"purged", std::move(purged)}};
}

}  // namespace copse::cli
