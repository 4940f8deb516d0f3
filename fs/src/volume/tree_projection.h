#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>
#include <absl/container/node_hash_map.h>
#include <copse/fs/projection.h>

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "volume/name_table.h"

namespace copse::fs {

/// What is shown under one name: claimants that show as one, or a sibling.
struct Shown {
  EntryType type = EntryType::kFile;
  bool is_ghost = false;
  NodeId node;
  NodeId target;
  crdt::Timestamp claim;
  crdt::ActorId author = 0;
  std::vector<NodeId> nodes;  ///< As in EntryParts.

  bool is_directory() const { return type == EntryType::kDirectory; }
  bool is_sibling() const { return type == EntryType::kSibling; }
  /// What its position in a listing is made of.
  NodeId listed_as() const { return is_sibling() ? target : node; }
};

/// A directory as people see it, where that is not simply what the tree has: several directories united, or names that
/// several claim. Kept for those names only; all others are looked up in the tables of the members.
struct View {
  struct Entry {
    Shown shown;
    bool is_generated = false;
  };

  std::vector<NodeId> members;                        ///< The representative first, then ascending by claim.
  std::set<std::string, std::less<>> contested;       ///< Stored names with several claimants, or siblings.
  std::map<std::string, Entry, std::less<>> by_name;  ///< Every entry of a contested name.
  absl::flat_hash_map<NodeId, std::string> name_of;   ///< Of every node and sibling that is part of one of them.
  std::set<std::string, std::less<>> tried_in_vain;   ///< Generated names that somebody else had already.
  std::uint32_t folded_subdirectories = 0;            ///< Directories that show as part of another.
  /// All that show so, if the directory is reachable: its part of the total; and of each inode's names.
  std::size_t counted_folded = 0;
  std::vector<std::pair<NodeId, std::uint32_t>> counted_folded_names;

  bool is_union() const { return members.size() > 1; }
};

/// What few directories have.
struct RareParts {
  std::shared_ptr<View> view;  ///< Shared by the members of a union. Null: as in the tree.
  std::map<std::string, std::vector<NodeId>, std::less<>> siblings;  ///< By stored name.
  std::set<NodeId> foreign;  ///< Ghosts and siblings: listed here, though they are no children in the tree.
  std::size_t ghost_directories = 0;
};

/// The table of one directory node: who claims which stored name in it.
struct Directory {
  NameTable names;
  std::unique_ptr<RareParts> rare;  // Nearly always absent.
  std::size_t entries = 0;          // Claimants and siblings.
  std::uint32_t subdirectories = 0;
  bool is_directory = false;  // As far as is known; the tables of other nodes show nothing.
  bool is_reachable = false;  // From the root, through directories only.
  bool is_in_trash = false;
};

/// Of an inode that has other names than the one it was made with. There may be very many: what most calls ask for is
/// counted as names enter and leave the tables, so that none of them has to look at all.
struct FurtherNames {
  absl::InlinedVector<NodeId, 2> dentries;  ///< Wherever they lie; without the one made right behind the inode.
  std::uint32_t shown = 0;                  ///< Names that are shown.
  std::uint32_t live = 0;                   ///< Names in directories, reachable or not, that are no ghosts.
};

/// How a file shows that does not simply show by its live names: it has siblings, or is brought back.
struct FilePresence {
  bool is_ghost = false;  ///< `beside` is in trash and shows the file.
  bool is_lost = false;   ///< The old place is no directory, as far as is known.
  NodeId beside;          ///< The dentry that is brought back, or that siblings are shown beside.
  crdt::Placement place;  ///< Of `beside`.
  FileVersions versions;

  bool is_ordinary() const { return !is_ghost && versions.siblings.empty(); }
  friend bool operator==(const FilePresence&, const FilePresence&) = default;
};

/// The projection, in layers, each a function of those before it:
///   tables      for each directory node, who claims which name: as the tree has it (projection_tables.cc)
///   files       siblings, and files that are brought back, enter the tables (projection_files.cc)
///   ghosts      deleted directories that are still used enter the tables (projection_ghosts.cc)
///   reachable   a flag for each directory, carried down from the root (projection_tables.cc)
///   views       unions, and who of several claimants gets which name (projection_views.cc, projection_groups.cc)
/// An update takes in the events, and goes through the layers with what they touched. No state survives that the tree
/// does not give, so a projection kept by events equals one built anew.
class TreeProjection final : public Projection {
 public:
  explicit TreeProjection(const crdt::Tree& tree);

  Invalidations Update(std::span<const crdt::NetEvent> events) override;
  std::optional<ShownEntry> Lookup(NodeId directory, std::string_view name) const override;
  std::optional<EntryParts> PartsOf(NodeId directory, std::string_view name) const override;
  void List(NodeId directory, std::uint64_t after,
            const std::function<bool(std::uint64_t, const ShownEntry&)>& visit) const override;
  bool IsEmpty(NodeId directory) const override;
  std::uint32_t LinksOf(NodeId target) const override;
  std::vector<NodeId> NamesOf(NodeId inode) const override;
  std::optional<NodeId> GhostNameOf(NodeId inode) const override;
  std::optional<crdt::Timestamp> DeletedAt(NodeId inode) const override;
  std::optional<NodeId> ParentOf(NodeId directory) const override;
  std::optional<ShownPlace> ShownAt(NodeId node) const override;
  std::vector<NodeId> MembersOf(NodeId directory) const override;
  NodeId RepresentativeOf(NodeId directory) const override;
  std::optional<crdt::Placement> GhostPlaceOf(NodeId node) const override;
  FileVersions VersionsOf(NodeId inode) const override;
  std::optional<Sibling> SiblingOf(NodeId id) const override;
  std::vector<Conflict> Conflicts() const override;
  std::optional<Conflict> ConflictOf(NodeId directory, std::string_view name) const override;
  std::uint64_t EntryCount() const override { return reachable_entries_ - folded_entries_; }

 private:
  // projection.cc: reading.
  bool IsDirectory(NodeId node) const;
  const Directory* TableOf(NodeId node) const;  ///< Null if it has none.
  /// The table of a directory that is shown; null for all else.
  const Directory* ShownTable(NodeId node) const;
  static const View* ViewOf(const Directory& table) { return table.rare == nullptr ? nullptr : table.rare->view.get(); }
  /// Where `node` claims a name: as the tree has it, or as a ghost. Null if it claims none.
  std::optional<crdt::PlacementView> ClaimedPlaceOf(NodeId node) const;
  /// `directory`, or those that it is united with. Valid as long as both arguments.
  static std::span<const NodeId> MembersOf(const NodeId& directory, const Directory& table);
  std::optional<ShownEntry> EntryAt(const Directory& table, NodeId id) const;
  bool ShowsAsPartOfAnother(const Directory& table, NodeId node) const;
  template <typename Visit>
  void ForEachName(NodeId inode, const Visit& visit) const;

  // projection_tables.cc: events, what stands where, and what can be reached.
  void TakeIn(const crdt::NetEvent& event);
  void TakeOut(std::span<const crdt::NetEvent> events);
  void TakeInDirectory(NodeId node, bool is_typed);
  void Settle();
  void RememberName(NodeId dentry);
  /// Null for directories, and for inodes that have none.
  FurtherNames* FurtherNamesOf(const Claimant& claimant);
  void BecomeDirectory(Directory& table);
  void TouchFile(NodeId inode);
  /// What `node` leads to wherever it is shown; nothing if it breaks the types of nodes.
  std::optional<NodeId> TargetOf(NodeId node) const;
  void AddStanding(NodeId node);
  /// Whether the batch that is taken in has moved it.
  bool HasMoved(NodeId node) const;
  void Reindex(NodeId node);
  void DropGhost(NodeId node);
  void AddClaimant(NodeId parent, std::string_view name, Claimant claimant, bool is_ghost);
  void RemoveClaimant(NodeId parent, std::string_view name, NodeId node, bool is_ghost);
  void AddEntries(NodeId directory, Directory& table, std::ptrdiff_t count);
  void NoteUse(NodeId directory, const Directory& table);
  void UpdateReachable(NodeId directory);
  void NoteAttributes(NodeId node);
  void NoteName(NodeId directory, const Directory& table, std::string_view name);
  void NoteTarget(NodeId target);

  // projection_files.cc: versions of files, and files that are brought back.
  bool IsPlain(NodeId inode) const;
  bool HasLiveName(NodeId inode) const;
  /// Every dentry that names the inode, wherever it lies, in no order.
  absl::InlinedVector<NodeId, 2> NamesEverOf(NodeId inode) const;
  /// The dentry that an inode which was made with a name has: its op comes right behind that of the inode.
  static NodeId NameMadeWith(NodeId inode) { return NodeId{inode.value + 1}; }
  FilePresence PresenceOf(NodeId inode) const;
  void PresentByLiveName(NodeId inode, FilePresence& presence) const;
  void PresentAfterDeletion(NodeId inode, FilePresence& presence) const;
  std::optional<NodeId> OldestLiveName(NodeId inode) const;
  std::optional<NodeId> LatestDeletedName(NodeId inode) const;
  crdt::Placement OldPlaceOf(NodeId node, bool& is_lost) const;
  void UpdateFile(NodeId inode);
  void Attach(NodeId inode, const FilePresence& presence);
  void Detach(const FilePresence& presence);

  // projection_ghosts.cc: deleted directories that are still used.
  std::optional<NodeId> TrashedAbove(NodeId directory) const;
  std::map<NodeId, crdt::Placement> GhostDirectories() const;
  void UpdateGhostDirectories();

  // projection_groups.cc: the claimants of one name, and the names they get.
  using Groups = std::map<std::string, std::vector<Shown>>;  ///< By stored name.
  /// What is shown of those who claim `stored`: who has it, if anybody, and then the others in the order in which they
  /// are given names.
  std::vector<Shown> Resolve(std::span<const NodeId> members, const std::string& stored) const;
  void ResolveDirectories(std::vector<NodeId> directories, std::vector<Shown>& shown) const;
  Shown ShowUnited(std::vector<NodeId> directories) const;
  Shown ShowFile(NodeId inode, std::vector<NodeId> dentries) const;
  Shown ShowSibling(NodeId id) const;
  crdt::Timestamp ClaimOf(NodeId node) const;
  bool IsInTrash(NodeId node) const;
  bool IsContested(std::span<const NodeId> members, const std::string& stored) const;
  void NameEntries(View& view, const Groups& groups) const;

  // projection_views.cc: what is shown as one directory.
  static RareParts& RareOf(Directory& table);
  void MarkChanged(NodeId directory, const Directory& table, std::string_view name, bool has_rivals);
  void UpdateViews();
  std::shared_ptr<View> ViewFor(NodeId directory);
  void UpdateView(NodeId directory);
  void NameAnew(View& view, const std::set<std::string>& changed, bool is_anew);
  void StandAlone(const View& view, std::string_view name, const NameTable::Group& group);
  void DropView(NodeId directory);
  void FindContested(View& view) const;
  void Count(View& view);
  void CountFolded(const View& view, int change);
  void NoteDifferences(const View& before, const View& after);
  void NoteAllNames(const View& view);
  /// Sees to it that exactly `members` are shown as one.
  void Unite(const std::vector<NodeId>& members);
  void LeaveUnion(NodeId directory);
  void Dissolve(const std::shared_ptr<View>& view);

  // projection_conflicts.cc
  std::optional<Conflict> ConflictAbout(const View& view, const std::string& stored) const;
  std::string StoredNameOf(const Shown& shown) const;

  const crdt::Tree& tree_;
  absl::node_hash_map<NodeId, Directory> directories_;
  /// By inode; of those only that have such names. The one made right behind the inode is found without.
  absl::flat_hash_map<NodeId, FurtherNames> further_names_;
  absl::flat_hash_map<NodeId, FilePresence> presences_;  ///< By inode; only those that are not ordinary.
  absl::flat_hash_map<NodeId, NodeId> siblings_;         ///< Id to inode.
  absl::flat_hash_map<NodeId, crdt::Placement> ghosts_;  ///< What is in trash and shown, and where.
  std::set<NodeId> ghost_directories_;
  std::set<NodeId> used_in_trash_;  ///< Directories in trash with claimants other than ghost directories.
  std::set<NodeId> with_views_;     ///< Directories that have one.
  std::set<NodeId> lost_files_;     ///< Inodes whose presence is_lost.
  std::uint64_t reachable_entries_ = 0;
  std::uint64_t folded_entries_ = 0;

  // What the present update has touched.
  std::span<const crdt::NetEvent> events_;
  bool announces_ = true;  ///< Not while the projection is built: nobody has looked yet.
  Invalidations changed_;
  std::vector<NodeId> touched_files_;
  std::vector<NodeId> moved_directories_;
  bool use_in_trash_changed_ = false;
  std::map<NodeId, std::set<std::string>> changed_names_;  ///< Stored names, of directories that have or get a view.
  std::set<NodeId> anew_;  ///< Directories of which contested names are to be found anew.
};

}  // namespace copse::fs
