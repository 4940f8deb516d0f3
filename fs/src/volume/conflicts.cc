// Conflicts for people: who claims one name, what each is called, and why.
#include <algorithm>

#include "volume/volume_state.h"

namespace copse::fs {
namespace {

std::string Explain(const Conflict& conflict, const Rival& rival) {
  const std::string& stored = conflict.stored_name;
  const std::string by = " by '" + rival.label + "'";
  switch (rival.reason) {
    case NameReason::kHighestClaim:
      return "is called '" + stored + "'" + by + ", the latest to do so";
    case NameReason::kDirectory:
      return "is called '" + stored + "'" + by + ", and a directory, which has the name before files";
    case NameReason::kLive:
      return "is called '" + stored + "'" + by + "; what else bore that name was deleted, and is still used";
    case NameReason::kShownVersion:
      return "is the latest version of '" + stored + "', written" + by;
    case NameReason::kLowerClaim:
      return "was called '" + stored + "'" + by + ", and by somebody else later";
    case NameReason::kBehindDirectory:
      return "was called '" + stored + "'" + by + "; a directory has that name";
    case NameReason::kBroughtBack:
      return "was called '" + stored + "' and deleted while it was still used" + by + "; something else has that name";
    case NameReason::kOtherVersion:
      return "is a version of '" + stored + "' that was written" + by +
             " at the same time as the one that has the name";
    case NameReason::kKeptVersion:
      return "is a version of '" + stored + "' written" + by + " that was left when the file was deleted";
  }
  return {};
}

}  // namespace

std::string Volume::State::ShownPathOf(NodeId directory) const {
  std::string path;
  for (NodeId at = directory; at != crdt::kRoot;) {
    const auto place = projection->ShownAt(at);
    if (!place) break;
    path = place->name + (path.empty() ? "" : "/") + path;
    at = place->directory;
  }
  return path;
}

std::vector<Volume::ConflictGroup> Volume::ListConflicts() {
  const State::TreeReadLock lock(state_->tree_mutex);
  std::vector<ConflictGroup> groups;
  for (const Conflict& conflict : state_->projection->Conflicts()) {
    std::string above = state_->ShownPathOf(conflict.directory);
    if (!above.empty()) above += '/';
    ConflictGroup& group = groups.emplace_back();
    group.path = above + conflict.stored_name;
    for (const Rival& rival : conflict.rivals) {
      const ShownEntry& entry = rival.parts.entry;
      group.entries.push_back({above + entry.name, entry.target, state_->KindOf(entry), rival.claim, rival.author,
                               rival.label, rival.reason, Explain(conflict, rival)});
    }
  }
  std::sort(groups.begin(), groups.end(),
            [](const ConflictGroup& a, const ConflictGroup& b) { return a.path < b.path; });
  return groups;
}

std::string Volume::State::WhyConflicting(const Subject& subject) const {
  std::vector<NodeId> shown_by = {subject.key};
  if (subject.kind != Kind::kDirectory && !subject.is_sibling()) shown_by = projection->NamesOf(subject.inode);
  std::string text;
  for (const NodeId node : shown_by) {
    const auto place = projection->ShownAt(node);
    const auto conflict = place ? projection->ConflictOf(place->directory, place->name) : std::nullopt;
    if (!conflict) continue;
    for (const Rival& rival : conflict->rivals) {
      if (rival.parts.entry.name == place->name) text += place->name + " " + Explain(*conflict, rival) + "\n";
    }
  }
  return text;
}

}  // namespace copse::fs
