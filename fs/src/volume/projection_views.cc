// What is shown as one directory, where that is not simply what the tree has: unions, and directories in which several
// claim one name. Both are found from above: the claimants of one name in a directory decide which directories below it
// are one, and that decides who claims what in there.
#include <algorithm>
#include <utility>

#include "volume/tree_projection.h"

namespace copse::fs {

RareParts& TreeProjection::RareOf(Directory& table) {
  if (table.rare == nullptr) table.rare = std::make_unique<RareParts>();
  return *table.rare;
}

// Who claims `name` in `directory` is about to change, or has.
void TreeProjection::MarkChanged(NodeId directory, const Directory& table, std::string_view name, bool has_rivals) {
  NoteName(directory, table, name);
  if (has_rivals || table.rare != nullptr) changed_names_[directory].emplace(name);
}

void TreeProjection::UpdateViews() {
  // What is decided in one directory touches those below it; so this ends.
  while (!changed_names_.empty() || !anew_.empty()) {
    UpdateView(changed_names_.empty() ? *anew_.begin() : changed_names_.begin()->first);
  }
}

std::shared_ptr<View> TreeProjection::ViewFor(NodeId directory) {
  RareParts& rare = RareOf(directories_.at(directory));
  if (rare.view == nullptr) {
    rare.view = std::make_shared<View>();
    rare.view->members = {directory};
    with_views_.insert(directory);
  }
  return rare.view;
}

void TreeProjection::UpdateView(NodeId directory) {
  const std::shared_ptr<View> view = ViewFor(directory);
  std::set<std::string> changed;
  bool is_anew = false;
  for (const NodeId member : view->members) {
    if (auto names = changed_names_.extract(member)) changed.merge(names.mapped());
    is_anew = anew_.erase(member) > 0 || is_anew;
  }
  const auto matters = [&](const std::string& name) {
    return view->contested.contains(name) || view->by_name.contains(name) || view->tried_in_vain.contains(name) ||
           IsContested(view->members, name);
  };
  if (is_anew || std::any_of(changed.begin(), changed.end(), matters)) NameAnew(*view, changed, is_anew);
  for (const NodeId member : view->members) {
    const NameTable& names = directories_.at(member).names;
    if (is_anew) {
      names.ForEach(tree_,
                    [&](std::string_view name, const NameTable::Group& group) { StandAlone(*view, name, group); });
      continue;
    }
    for (const std::string& name : changed) {
      if (const NameTable::Group group = names.Find(tree_, name); !group.empty()) StandAlone(*view, name, group);
    }
  }
  if (!view->is_union() && view->contested.empty()) DropView(directory);
}

// Gives every contested name, of which some of `changed` may be, to whom it belongs, and unites what is one.
void TreeProjection::NameAnew(View& view, const std::set<std::string>& changed, bool is_anew) {
  View next;
  next.members = view.members;
  next.contested = view.contested;
  next.counted_folded = view.counted_folded;
  next.counted_folded_names = view.counted_folded_names;
  if (is_anew) FindContested(next);
  for (const std::string& name : changed) {
    if (IsContested(next.members, name)) {
      next.contested.insert(name);
    } else {
      next.contested.erase(name);
    }
  }
  Groups groups;
  for (const std::string& name : next.contested) groups.emplace(name, Resolve(next.members, name));
  NameEntries(next, groups);
  NoteDifferences(view, next);
  view = std::move(next);
  Count(view);
  for (const auto& [name, group] : groups) {
    for (const Shown& one : group) {
      if (one.is_directory()) Unite(one.nodes);
    }
  }
}

// A directory without rivals is united with none.
void TreeProjection::StandAlone(const View& view, std::string_view name, const NameTable::Group& group) {
  if (group.front().is_directory() && view.contested.find(name) == view.contested.end()) Unite({group.front().node});
}

void TreeProjection::DropView(NodeId directory) {
  Directory& table = directories_.at(directory);
  with_views_.erase(directory);
  table.rare->view.reset();
  if (table.rare->siblings.empty() && table.rare->foreign.empty()) table.rare.reset();
}

void TreeProjection::FindContested(View& view) const {
  view.contested.clear();
  for (const NodeId member : view.members) {
    const Directory& table = directories_.at(member);
    table.names.ForEach(tree_, [&](std::string_view name, const NameTable::Group& group) {
      if (!view.is_union() && group.size() == 1) return;
      std::string stored(name);
      if (IsContested(view.members, stored)) view.contested.insert(std::move(stored));
    });
    if (table.rare == nullptr) continue;
    for (const auto& [name, siblings] : table.rare->siblings) view.contested.insert(name);
  }
}

// How many claimants show as part of another.
void TreeProjection::Count(View& view) {
  CountFolded(view, -1);
  view.counted_folded = 0;
  view.counted_folded_names.clear();
  const bool is_reachable = directories_.at(view.members.front()).is_reachable;
  for (const auto& [name, entry] : view.by_name) {
    const auto others = static_cast<std::uint32_t>(entry.shown.nodes.size() - 1);
    if (others == 0) continue;
    if (entry.shown.is_directory()) view.folded_subdirectories += others;
    if (!is_reachable) continue;
    view.counted_folded += others;
    if (!entry.shown.is_directory()) view.counted_folded_names.emplace_back(entry.shown.target, others);
  }
  CountFolded(view, 1);
}

// Adds (1) what was counted in a view to the totals, or takes it away (-1).
void TreeProjection::CountFolded(const View& view, int change) {
  folded_entries_ += static_cast<std::uint64_t>(change) * view.counted_folded;
  for (const auto& [inode, others] : view.counted_folded_names) {
    further_names_.at(inode).shown -= static_cast<std::uint32_t>(change) * others;  // Several names, so there is one.
  }
}

void TreeProjection::NoteDifferences(const View& before, const View& after) {
  if (!announces_) return;
  for (const auto& [one, other] : {std::pair(&before, &after), std::pair(&after, &before)}) {
    for (const auto& [name, entry] : one->by_name) {
      const auto found = other->by_name.find(name);
      if (found != other->by_name.end() && found->second.shown.node == entry.shown.node &&
          found->second.shown.target == entry.shown.target) {
        continue;
      }
      NoteTarget(entry.shown.target);
      for (const NodeId member : after.members) {
        changed_.names.push_back({member, name});
        changed_.targets.push_back(member);
      }
    }
  }
}

void TreeProjection::NoteAllNames(const View& view) {
  if (!announces_) return;
  for (const NodeId member : view.members) {
    NoteTarget(member);
    const Directory& table = directories_.at(member);
    table.names.ForEach(tree_, [&](std::string_view name, const auto&) { NoteName(member, table, name); });
    for (const auto& [name, entry] : view.by_name) changed_.names.push_back({member, name});
  }
  for (const auto& [name, entry] : view.by_name) NoteTarget(entry.shown.target);
}

void TreeProjection::Unite(const std::vector<NodeId>& members) {
  const auto view_of = [&](NodeId member) {
    const auto& rare = directories_.at(member).rare;
    return rare == nullptr ? nullptr : rare->view;
  };
  const std::shared_ptr<View> present = view_of(members.front());
  if (members.size() == 1) {
    if (present != nullptr && present->is_union()) Dissolve(present);
    return;
  }
  if (present != nullptr && present->members == members) return;
  for (const NodeId member : members) {
    if (const std::shared_ptr<View> view = view_of(member)) Dissolve(view);
  }
  const auto view = std::make_shared<View>();
  view->members = members;
  for (const NodeId member : members) {
    RareOf(directories_.at(member)).view = view;
    with_views_.insert(member);
    anew_.erase(member);
  }
  anew_.insert(members.front());
  NoteAllNames(*view);
}

void TreeProjection::LeaveUnion(NodeId directory) {
  const auto found = directories_.find(directory);
  if (found == directories_.end() || found->second.rare == nullptr) return;
  const std::shared_ptr<View> view = found->second.rare->view;
  if (view != nullptr && view->is_union()) Dissolve(view);
}

void TreeProjection::Dissolve(const std::shared_ptr<View>& view) {
  NoteAllNames(*view);
  CountFolded(*view, -1);
  for (const NodeId member : view->members) {
    directories_.at(member).rare->view.reset();
    with_views_.erase(member);
    anew_.insert(member);
  }
}

}  // namespace copse::fs
