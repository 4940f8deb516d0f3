#include "simulation/history.h"

#include <copse/base/status_macros.h>

#include <algorithm>

namespace copse::simulation {
namespace {

absl::Status WalkInto(fs::Volume& volume, fs::NodeId directory, const std::string& prefix, Names& names) {
  std::vector<std::pair<std::string, fs::NodeId>> below;
  absl::Status inner = absl::OkStatus();
  COPSE_RETURN_IF_ERROR(volume.List(directory, 0, [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind kind) {
    const auto attributes = volume.GetAttributes(entry.target);
    if (!attributes.ok()) {
      inner = attributes.status();
      return false;
    }
    names[prefix + entry.name] = std::to_string(static_cast<int>(kind)) + " " + std::to_string(entry.target.value) +
                                 " " + std::to_string(attributes->links);
    if (kind == fs::Kind::kDirectory) below.emplace_back(prefix + entry.name + "/", entry.target);
    return true;
  }));
  COPSE_RETURN_IF_ERROR(inner);
  for (const auto& [path, node] : below) COPSE_RETURN_IF_ERROR(WalkInto(volume, node, path, names));
  return absl::OkStatus();
}

std::string Listed(const Names& names) {
  std::string text;
  for (const auto& [path, what] : names) text += " " + path + "=" + what + ";";
  return text;
}

}  // namespace

absl::StatusOr<Names> WalkNames(fs::Volume& volume) {
  Names names;
  COPSE_RETURN_IF_ERROR(WalkInto(volume, crdt::kRoot, "", names));
  return names;
}

void History::AllContentIsDurable() {
  for (auto& [node, contents] : contents_) contents.durable = contents.versions.size() - 1;
}

std::string_view History::LatestContent(fs::NodeId node) const {
  const auto found = contents_.find(node);
  return found == contents_.end() ? std::string_view() : std::string_view(found->second.versions.back());
}

absl::Status History::CheckNames(const Names& names) const {
  for (std::size_t i = durable_names_; i < names_.size(); ++i) {
    if (names_[i] == names) return absl::OkStatus();
  }
  return absl::DataLossError("names after the crash are none that a program saw since the last sync:\n  found " +
                             Listed(names) + "\n  synced" + Listed(names_[durable_names_]) + "\n  latest" +
                             Listed(names_.back()));
}

absl::Status History::CheckContent(fs::NodeId node, std::string_view content) const {
  const auto found = contents_.find(node);
  const Contents none;
  const Contents& contents = found == contents_.end() ? none : found->second;
  const auto since = contents.versions.begin() + static_cast<std::ptrdiff_t>(contents.durable);
  const std::string file = "file " + std::to_string(node.value);
  if (std::none_of(since, contents.versions.end(), [&](const std::string& v) { return v.size() == content.size(); })) {
    return absl::DataLossError(file + " has " + std::to_string(content.size()) + " bytes, which it had never since " +
                               std::to_string(since->size()) + " were synced");
  }
  for (std::size_t i = 0; i < content.size(); ++i) {
    if (std::any_of(since, contents.versions.end(), [&](const std::string& version) {
          // A version that was shorter stands for the zeros that a later growth reads as.
          return i < version.size() ? version[i] == content[i] : content[i] == '\0';
        })) {
      continue;
    }
    return absl::DataLossError(file + " has at byte " + std::to_string(i) +
                               " what no version since the sync had there");
  }
  return absl::OkStatus();
}

void History::RestartFrom(Names names) {
  names_ = {std::move(names)};
  durable_names_ = 0;
  contents_.clear();
}

}  // namespace copse::simulation
