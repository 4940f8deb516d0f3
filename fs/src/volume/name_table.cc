#include "volume/name_table.h"

#include <absl/hash/hash.h>

#include <algorithm>

namespace copse::fs {

std::uint32_t NameTable::HashName(std::string_view name) {
  return static_cast<std::uint32_t>(absl::Hash<std::string_view>()(name));
}

const NameTable::Group* NameTable::FindWhole(std::string_view name) const {
  if (whole_ == nullptr) return nullptr;
  const auto group = whole_->find(name);
  return group == whole_->end() ? nullptr : &group->second;
}

NameTable::Group NameTable::Find(const crdt::Tree& tree, std::string_view name) const {
  if (const Group* group = FindWhole(name)) return *group;
  const auto single = singles_.find(ByName{HashName(name), name, &tree});
  return single == singles_.end() ? Group() : Group{ClaimantOf(tree, *single)};
}

bool NameTable::Contains(const crdt::Tree& tree, std::string_view name) const {
  return FindWhole(name) != nullptr || singles_.contains(ByName{HashName(name), name, &tree});
}

std::optional<Claimant> NameTable::Find(const crdt::Tree& tree, std::string_view name, NodeId node) const {
  if (const Group* group = FindWhole(name)) {
    const auto found =
        std::find_if(group->begin(), group->end(), [&](const Claimant& one) { return one.node == node; });
    return found == group->end() ? std::nullopt : std::optional(*found);
  }
  const auto single = singles_.find(ByNode{HashName(name), node});
  return single == singles_.end() ? std::nullopt : std::optional(ClaimantOf(tree, *single));
}

std::size_t NameTable::Add(const crdt::Tree& tree, std::string_view name, const Claimant& claimant, bool is_ghost) {
  const std::uint32_t hash = HashName(name);
  if (FindWhole(name) == nullptr) {
    const auto single = singles_.find(ByName{hash, name, &tree});
    if (single == singles_.end() && !is_ghost) {
      singles_.insert(Single(hash, claimant));
      return 1;
    }
    if (whole_ == nullptr) whole_ = std::make_unique<Whole>();
    Group& group = (*whole_)[std::string(name)];
    if (single != singles_.end()) {
      group.push_back(ClaimantOf(tree, *single));
      singles_.erase(single);
    }
  }
  Group& group = whole_->find(name)->second;
  group.push_back(claimant);
  return group.size();
}

std::optional<NameTable::Removed> NameTable::Remove(const crdt::Tree& tree, std::string_view name, NodeId node) {
  const auto whole = whole_ == nullptr ? Whole::iterator() : whole_->find(name);
  if (whole_ == nullptr || whole == whole_->end()) {
    const auto single = singles_.find(ByNode{HashName(name), node});
    if (single == singles_.end()) return std::nullopt;
    const Removed removed{ClaimantOf(tree, *single), false};
    singles_.erase(single);
    return removed;
  }
  Group& group = whole->second;
  const auto found = std::find_if(group.begin(), group.end(), [&](const Claimant& one) { return one.node == node; });
  if (found == group.end()) return std::nullopt;
  const Removed removed{*found, group.size() > 1};
  group.erase(found);
  if (group.empty()) whole_->erase(whole);
  if (whole_->empty()) whole_.reset();
  return removed;
}

}  // namespace copse::fs
