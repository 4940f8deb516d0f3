// Stored names that some entry bears only in a generated form: who claims them, and why each is called what it is
// called.
#include "volume/schema.h"
#include "volume/tree_projection.h"

namespace copse::fs {
namespace {

// Why the entry at `index` is called what it is called, in a group in the order of Resolve.
NameReason ReasonOf(const std::vector<Shown>& group, std::size_t index, bool file_is_shown) {
  const Shown& shown = group[index];
  if (shown.is_sibling()) return file_is_shown ? NameReason::kOtherVersion : NameReason::kKeptVersion;
  const Shown& winner = group.front();
  if (index > 0) {
    if (shown.is_ghost && !winner.is_ghost) return NameReason::kBroughtBack;
    if (winner.is_directory() && !shown.is_directory()) return NameReason::kBehindDirectory;
    return NameReason::kLowerClaim;
  }
  bool has_rivals = false;
  bool has_equal_rivals = false;  // Neither all ghosts where it is live.
  bool has_like_rivals = false;   // Nor all files where it is a directory.
  for (std::size_t i = 1; i < group.size(); ++i) {
    if (group[i].is_sibling()) continue;
    const bool is_equal = group[i].is_ghost == winner.is_ghost;
    has_rivals = true;
    has_equal_rivals = has_equal_rivals || is_equal;
    has_like_rivals = has_like_rivals || (is_equal && group[i].is_directory() == winner.is_directory());
  }
  if (!has_rivals) return NameReason::kShownVersion;
  if (!has_equal_rivals) return NameReason::kLive;
  return has_like_rivals ? NameReason::kHighestClaim : NameReason::kDirectory;
}

}  // namespace

std::optional<Conflict> TreeProjection::ConflictAbout(const View& view, const std::string& stored) const {
  const std::vector<Shown> group = Resolve(view.members, stored);
  if (group.size() == 1 && !group.front().is_sibling()) return std::nullopt;  // All of them show as one.
  Conflict conflict;
  conflict.directory = view.members.front();
  conflict.stored_name = stored;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Shown& shown = group[i];
    Rival& rival = conflict.rivals.emplace_back();
    rival.parts = *PartsOf(conflict.directory, view.name_of.at(shown.listed_as()));
    const bool file_is_shown = shown.is_sibling() && (!shown.is_ghost || ghosts_.contains(shown.node));
    rival.reason = ReasonOf(group, i, file_is_shown);
    const std::vector<crdt::Timestamp>& heads = rival.parts.heads;
    // Where versions alone compete, who named the file has no part in it.
    const bool is_version = rival.reason == NameReason::kShownVersion && !heads.empty();
    rival.claim = is_version ? heads.back() : shown.claim;
    rival.author = is_version ? rival.claim.actor() : shown.author;
    rival.label = schema::LabelOf(tree_, rival.author);
  }
  return conflict;
}

std::vector<Conflict> TreeProjection::Conflicts() const {
  std::vector<Conflict> conflicts;
  for (const NodeId directory : with_views_) {
    const Directory* table = ShownTable(directory);
    if (table == nullptr || ViewOf(*table)->members.front() != directory) continue;
    for (const std::string& stored : ViewOf(*table)->contested) {
      if (auto conflict = ConflictAbout(*ViewOf(*table), stored)) conflicts.push_back(*std::move(conflict));
    }
  }
  return conflicts;
}

std::optional<Conflict> TreeProjection::ConflictOf(NodeId directory, std::string_view name) const {
  const Directory* table = ShownTable(directory);
  const View* view = table == nullptr ? nullptr : ViewOf(*table);
  if (view == nullptr) return std::nullopt;
  const auto entry = view->by_name.find(name);
  return entry == view->by_name.end() ? std::nullopt : ConflictAbout(*view, StoredNameOf(entry->second.shown));
}

std::string TreeProjection::StoredNameOf(const Shown& shown) const {
  return shown.is_sibling() ? presences_.at(siblings_.at(shown.target)).place.name
                            : std::string(ClaimedPlaceOf(shown.node)->name);
}

}  // namespace copse::fs
