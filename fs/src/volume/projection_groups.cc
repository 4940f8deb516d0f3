// Several who claim one stored name: who of them show as one, who has the name, and what the others are called. A pure
// function of the claims, computed anew with each change to the directory, so that every replica says the same.
// docs/semantics.md, "Names" and "United directories".
#include <algorithm>
#include <utility>

#include "volume/generated_name.h"
#include "volume/schema.h"
#include "volume/tree_projection.h"

namespace copse::fs {
namespace {

using crdt::Timestamp;

// Who has the stored name: live before brought back, directories before the rest, then the highest claim; no sibling.
bool HasNameBefore(const Shown& a, const Shown& b) {
  if (a.is_sibling() || b.is_sibling()) return b.is_sibling() && !a.is_sibling();
  if (a.is_ghost != b.is_ghost) return b.is_ghost;
  if (a.is_directory() != b.is_directory()) return a.is_directory();
  return a.claim > b.claim;
}

}  // namespace

Timestamp TreeProjection::ClaimOf(NodeId node) const {
  const auto ghost = ghosts_.find(node);
  return ghost == ghosts_.end() ? tree_.PlacementOf(node)->claim : ghost->second.claim;
}

bool TreeProjection::IsInTrash(NodeId node) const { return tree_.PlacementOf(node)->parent == crdt::kTrash; }

bool TreeProjection::IsContested(std::span<const NodeId> members, const std::string& stored) const {
  std::size_t claimants = 0;
  for (const NodeId member : members) {
    const Directory& table = directories_.at(member);
    if (table.rare != nullptr && table.rare->siblings.contains(stored)) return true;
    claimants += table.names.Find(tree_, stored).size();
  }
  return claimants > 1;
}

std::vector<Shown> TreeProjection::Resolve(std::span<const NodeId> members, const std::string& stored) const {
  std::vector<NodeId> directories;
  std::map<NodeId, std::vector<NodeId>> dentries;  // By inode.
  std::vector<Shown> shown;
  for (const NodeId member : members) {
    const Directory& table = directories_.at(member);
    for (const Claimant& claimant : table.names.Find(tree_, stored)) {
      (claimant.is_directory() ? directories : dentries[claimant.target]).push_back(claimant.node);
    }
    if (table.rare == nullptr) continue;
    if (const auto siblings = table.rare->siblings.find(stored); siblings != table.rare->siblings.end()) {
      for (const NodeId id : siblings->second) shown.push_back(ShowSibling(id));
    }
  }
  ResolveDirectories(std::move(directories), shown);
  for (auto& [inode, names] : dentries) shown.push_back(ShowFile(inode, std::move(names)));
  auto first_loser = shown.begin();
  const auto winner = std::min_element(shown.begin(), shown.end(), HasNameBefore);
  if (winner != shown.end() && !winner->is_sibling()) std::swap(*first_loser++, *winner);
  std::sort(first_loser, shown.end(), [](const Shown& a, const Shown& b) {
    return std::pair(a.claim, a.listed_as()) < std::pair(b.claim, b.listed_as());
  });
  return shown;
}

// Directories of one place are one if each was made there, or if one system call put them there: it moved what was one
// before. A directory that somebody moved to where there is another is never mixed with it.
void TreeProjection::ResolveDirectories(std::vector<NodeId> directories, std::vector<Shown>& shown) const {
  const auto author_then_claim = [&](NodeId node) { return std::pair(ClaimOf(node).actor(), ClaimOf(node)); };
  std::sort(directories.begin(), directories.end(),
            [&](NodeId a, NodeId b) { return author_then_claim(a) < author_then_claim(b); });
  std::vector<NodeId> made_here;
  std::vector<NodeId> batch;
  for (const NodeId node : directories) {
    const Timestamp claim = ClaimOf(node);
    if (claim.node() == node) {
      made_here.push_back(node);
      continue;
    }
    // The ops of a call have consecutive times.
    const bool continues = !batch.empty() && ClaimOf(batch.back()).actor() == claim.actor() &&
                           ClaimOf(batch.back()).counter() + 1 == claim.counter();
    if (!continues && !batch.empty()) shown.push_back(ShowUnited(std::exchange(batch, {})));
    batch.push_back(node);
  }
  if (!batch.empty()) shown.push_back(ShowUnited(std::move(batch)));
  if (!made_here.empty()) shown.push_back(ShowUnited(std::move(made_here)));
}

Shown TreeProjection::ShowUnited(std::vector<NodeId> directories) const {
  std::sort(directories.begin(), directories.end(), [&](NodeId a, NodeId b) { return ClaimOf(a) < ClaimOf(b); });
  Shown shown;
  shown.type = EntryType::kDirectory;
  shown.claim = ClaimOf(directories.back());
  shown.author = shown.claim.actor();
  // What is placed in it goes to a member that is not in trash, so that nothing has to come back first.
  const auto live = std::find_if(directories.begin(), directories.end(), [&](NodeId node) { return !IsInTrash(node); });
  shown.is_ghost = live == directories.end();
  if (!shown.is_ghost) std::rotate(directories.begin(), live, live + 1);
  shown.node = shown.target = directories.front();
  shown.nodes = std::move(directories);
  return shown;
}

Shown TreeProjection::ShowFile(NodeId inode, std::vector<NodeId> dentries) const {
  std::sort(dentries.begin(), dentries.end(), [&](NodeId a, NodeId b) { return ClaimOf(a) > ClaimOf(b); });
  Shown shown;
  shown.node = dentries.front();
  shown.target = inode;
  shown.claim = ClaimOf(shown.node);
  shown.is_ghost = IsInTrash(shown.node);
  // What brings a file back is a version: its author is who wonders where it went.
  shown.author = shown.is_ghost ? presences_.at(inode).versions.file.back().actor() : shown.claim.actor();
  shown.nodes = std::move(dentries);
  return shown;
}

Shown TreeProjection::ShowSibling(NodeId id) const {
  Shown shown;
  shown.type = EntryType::kSibling;
  shown.node = presences_.at(siblings_.at(id)).beside;
  shown.target = id;
  shown.claim = Timestamp::Of(id.counter(), id.actor());
  shown.is_ghost = IsInTrash(shown.node);
  shown.author = id.actor();
  shown.nodes = {shown.node};
  return shown;
}

// Every stored name first gets who has it, so that a name which a person chose beats every generated one; then the
// others are named, in an order that all replicas agree on.
void TreeProjection::NameEntries(View& view, const Groups& groups) const {
  const auto add = [&](const std::string& name, const Shown& shown, bool is_generated) {
    if (!view.by_name.try_emplace(name, View::Entry{shown, is_generated}).second) return false;
    if (shown.is_sibling()) {
      view.name_of.emplace(shown.target, name);
    } else {
      for (const NodeId node : shown.nodes) view.name_of.emplace(node, name);
    }
    return true;
  };
  const auto is_stored_elsewhere = [&](const std::string& name) {
    return std::any_of(view.members.begin(), view.members.end(),
                       [&](NodeId member) { return directories_.at(member).names.Contains(tree_, name); });
  };
  for (const auto& [stored, shown] : groups) {
    if (!shown.front().is_sibling()) add(stored, shown.front(), false);
  }
  for (const auto& [stored, shown] : groups) {
    for (const Shown& loser : shown) {
      if (&loser == &shown.front() && !loser.is_sibling()) continue;
      const std::string label = schema::LabelOf(tree_, loser.author);
      for (unsigned attempt = 1;; ++attempt) {
        const std::string name = GeneratedName(stored, loser.is_directory(), label, loser.claim, attempt);
        if (!is_stored_elsewhere(name) && add(name, loser, true)) break;
        view.tried_in_vain.insert(name);
      }
    }
  }
}

}  // namespace copse::fs
