#include "node_table.h"

#include <algorithm>
#include <span>

#include "status_macros.h"

namespace copse::crdt {
namespace {

/// A directory, but for its children, as an image has it.
struct SavedDirectory {
  std::uint64_t first_named;
  std::uint32_t node;
  std::uint32_t last;
  std::uint32_t children;
  std::uint32_t unused;
};

}  // namespace

void NodeTable::SettleChildren() {
  for (const ChildChanges::Change& change : child_changes_.all()) PrefetchDirectory(change.directory);
  for (const ChildChanges::Change& change : child_changes_.all()) directories_[change.directory].children.PrefetchEnd();
  for (const auto& [directory, child, comes] : child_changes_.all()) {
    ChildSet& children = directories_[directory].children;
    if (comes) {
      children.Insert(child, ids_);
    } else {
      children.Erase(child, ids_);
    }
  }
  child_changes_.Clear();
}

void NodeTable::Save(ImageWriter& image) const {
  image.Number(pages_.size());
  image.Array(ids_.numbers());
  pages_.ForEachBlock([&](std::span<const Page> pages) {
    for (Page page : pages) {
      for (Node& node : page) {
        node.has_array_ = false;
        node.has_changed_ = false;
      }
      image.Raw({reinterpret_cast<const char*>(&page), sizeof page});
    }
  });
  image.Pad();
  std::vector<SavedDirectory> saved;
  std::vector<Slot> children;
  for (DirectoryNumber number = 0; number < directories_.size(); ++number) {
    const Directory& directory = directories_[number];
    const std::vector<Slot> sorted = directory.children.Sorted(child_changes_.Of(number), ids_);
    children.insert(children.end(), sorted.begin(), sorted.end());
    saved.push_back(
        {directory.first_named.value, NodeOf(number), directory.last, static_cast<std::uint32_t>(sorted.size()), 0});
  }
  image.Number(saved.size());
  image.Number(children.size());
  image.Array(saved);
  image.Array(children);
}

absl::Status NodeTable::Load(ImageReader& image) {
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t page_count, image.Number());
  CRDT_ASSIGN_OR_RETURN(const auto numbers, image.Array<std::uint64_t>(page_count));
  CRDT_ASSIGN_OR_RETURN(const auto pages, image.Array<Page>(page_count));
  if (page_count == 0 || page_count >= kNoSlot / kPage || numbers.front() != 0) return image.Error("the first nodes");
  index_ = PageIndex();
  ids_ = SlotIds();
  for (const std::uint64_t number : numbers) {
    if (number > ~std::uint64_t{0} / kPage) return image.Error("a page of ids");
    std::uint32_t& page = index_.Of(number);
    if (page != PageIndex::kNoPage) return image.Error("each page of ids once");
    page = static_cast<std::uint32_t>(ids_.numbers().size());
    ids_.AddPage(number);
  }
  pages_.Adopt(pages, image.owner());

  CRDT_ASSIGN_OR_RETURN(const std::uint64_t directory_count, image.Number());
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t child_count, image.Number());
  CRDT_ASSIGN_OR_RETURN(const auto saved, image.Array<SavedDirectory>(directory_count));
  CRDT_ASSIGN_OR_RETURN(std::span<const Slot> children, image.Array<Slot>(child_count));
  if (directory_count <= kTrash.value || directory_count >= kMovesMax) return image.Error("directories");
  directories_ = {};
  child_changes_.Clear();
  directory_ends_.assign(static_cast<std::size_t>(directory_count), {});
  for (const SavedDirectory& one : saved) {
    if (one.node >= end() || one.children > children.size()) return image.Error("a directory");
    const DirectoryNumber number = directories_.size();
    const Node& node = (*this)[one.node];
    if (!node.has_directory_ || node.link_ != number) return image.Error("the number of a directory");
    if (IsPermanent(number) && one.node != number) return image.Error("a well-known node");
    Directory& directory = directories_.Grow();
    directory_ends_[number].node = one.node;
    directory.last = one.last;
    directory.first_named = Timestamp{one.first_named};
    directory.children.Adopt(children.first(one.children));
    children = children.subspan(one.children);
  }
  return children.empty() ? absl::OkStatus() : image.Error("no further children");
}

}  // namespace copse::crdt
