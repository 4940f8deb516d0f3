#pragma once

#include <copse/crdt/net_event.h>
#include <copse/crdt/tree.h>
#include <copse/fs/attributes.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::fs {

/// What a shown name leads to.
enum class EntryType : std::uint8_t {
  kDirectory,  ///< One directory, or several that are united.
  kFile,       ///< An inode of any kind but a directory.
  kSibling,    ///< A further version of a file, shown beside it as an inode of its own.
};

/// One name that people see in a directory.
struct ShownEntry {
  std::string name;
  /// The node whose place gives the name: the representative of a directory; of the dentries that show as this one, the
  /// one with the highest claim. Of a sibling, the dentry that it is shown beside.
  NodeId node;
  /// What it leads to, its st_ino: the representative of a directory, the inode of a file, the id of a sibling.
  NodeId target;
  EntryType type = EntryType::kFile;
  bool is_generated = false;  ///< The name is not the stored one: somebody else has that.
  bool is_ghost = false;      ///< All of it is in trash, and shown because somebody else still used it.

  friend bool operator==(const ShownEntry&, const ShownEntry&) = default;
};

/// All that one shown entry stands for; who acts on the entry acts on all of it.
struct EntryParts {
  ShownEntry entry;
  /// Of a directory its members, the representative first, then ascending by claim. Of a file every dentry that shows
  /// as this entry, descending by claim. Of a sibling the dentry that it is shown beside.
  std::vector<NodeId> nodes;
  NodeId inode;  ///< Whose registers hold attributes and versions; of a directory the representative.
  std::vector<crdt::Timestamp> heads;  ///< Of files and siblings: the versions shown under this name, ascending.
};

/// A further version of a file, and its equals.
struct Sibling {
  NodeId id;                           ///< Of the op that wrote its highest head. No node has this id.
  NodeId inode;                        ///< The file.
  NodeId beside;                       ///< The dentry that it is shown beside.
  std::vector<crdt::Timestamp> heads;  ///< Ascending; never empty.

  friend bool operator==(const Sibling&, const Sibling&) = default;
};

/// What is shown of the versions of a file. Each live head is in one of the three.
struct FileVersions {
  /// The version that the inode shows, and its equals, ascending: what a save replaces. Empty where there is none.
  std::vector<crdt::Timestamp> file;
  std::vector<Sibling> siblings;  ///< Ascending by id.
  /// Live heads that are not shown because the file has no live name and a deletion dropped them, ascending. Who gives
  /// the file a live name again must replace them by none in the same batch, or they come back.
  std::vector<crdt::Timestamp> dropped;

  friend bool operator==(const FileVersions&, const FileVersions&) = default;
};

/// Where something is shown.
struct ShownPlace {
  NodeId directory;  ///< The representative.
  std::string name;

  friend bool operator==(const ShownPlace&, const ShownPlace&) = default;
};

/// Why an entry is called what it is called, where several claim one stored name.
enum class NameReason : std::uint8_t {
  kHighestClaim,     ///< Has the stored name: of its rivals it has the highest claim.
  kDirectory,        ///< Has the stored name: a directory takes it from files.
  kLive,             ///< Has the stored name: its rivals were deleted, and are only brought back.
  kShownVersion,     ///< Has the stored name: its rivals are other versions of it.
  kLowerClaim,       ///< Has a generated name: a rival has a higher claim.
  kBehindDirectory,  ///< Has a generated name: a directory has the stored one.
  kBroughtBack,      ///< Has a generated name: it was deleted, and takes no name from what is live.
  kOtherVersion,     ///< Has a generated name: another version is the file.
  kKeptVersion,      ///< Has a generated name: the file was deleted by someone who did not see it under that name.
};

/// One of those who claim a stored name.
struct Rival {
  EntryParts parts;
  /// Of an entry its highest claim (of a ghost, before it was deleted); of a sibling, and of a file that has none but
  /// its siblings beside it, the head shown.
  crdt::Timestamp claim;
  crdt::ActorId author = 0;  ///< Whose label the generated name bears, or would bear.
  std::string label;
  NameReason reason = NameReason::kHighestClaim;
};

/// A stored name of a directory that some entry bears only in a generated form.
struct Conflict {
  NodeId directory;  ///< The representative.
  std::string stored_name;
  std::vector<Rival>
      rivals;  ///< Who has the stored name first, if anybody; then in the order in which names are given.
};

/// What the kernel may have cached and that means something else now.
struct Invalidations {
  struct Name {
    NodeId directory;
    std::string name;
    friend auto operator<=>(const Name&, const Name&) = default;
  };
  /// Entries and negative entries, ascending, each once; those of united directories under the id of each member.
  std::vector<Name> names;
  /// Inodes (members of united directories and siblings among them) whose attributes, link count, content or listing
  /// changed, ascending.
  std::vector<NodeId> targets;
  /// Which change by another replica this is, ascending from 1; 0 of this replica's own. The volume gives it.
  std::uint64_t change = 0;
};

/// What people see: a pure function of the tree, kept up to date by net events. The only place that decides which
/// names are shown for the nodes of the tree; everything that reads or acts on a name goes through it.
///
/// Directories that are *united* show as one: one of them, the *representative*, gives id and attributes; the children
/// of all are shown together. Wherever a directory is asked for, the id of any member will do, and answers name the
/// representative. A *ghost* is an entry in trash that is shown at its old place. docs/semantics.md has the rules.
///
/// Costs are those of a lookup in a hash table where nothing else is said. Not thread-safe; readers at one time while
/// nobody updates.
class Projection {
 public:
  virtual ~Projection() = default;

  /// Takes in what a batch changed in the tree; returns whose meaning changed for those who look.
  /// Cost: O(events), and for each directory where several claim one name O(those).
  virtual Invalidations Update(std::span<const crdt::NetEvent> events) = 0;

  /// Nothing in a directory that is not shown.
  virtual std::optional<ShownEntry> Lookup(NodeId directory, std::string_view name) const = 0;

  /// As Lookup, with all that the entry stands for.
  virtual std::optional<EntryParts> PartsOf(NodeId directory, std::string_view name) const = 0;

  /// Calls `visit` for each shown entry whose position is above `after`, in ascending position, until it returns
  /// false. Positions are stable under any change and below 2^63: a listing neither skips nor repeats what stays.
  virtual void List(NodeId directory, std::uint64_t after,
                    const std::function<bool(std::uint64_t position, const ShownEntry& entry)>& visit) const = 0;

  /// Whether nothing is shown in any member of `directory`.
  virtual bool IsEmpty(NodeId directory) const = 0;

  /// Shown names of an inode, ghosts among them; 1 of a sibling; of a directory, 2 + its shown directories while it is
  /// shown itself. Else 0.
  virtual std::uint32_t LinksOf(NodeId target) const = 0;

  /// Shown names of an inode, ascending by node; of dentries shown as one, the one that gives the name. None for
  /// directories and siblings. Cost: O(n log n) of n names, those in trash included.
  virtual std::vector<NodeId> NamesOf(NodeId inode) const = 0;

  /// The name by which a deleted file is brought back, where that is shown; nothing for all else. A file has one such
  /// name at most, and then no other.
  virtual std::optional<NodeId> GhostNameOf(NodeId inode) const = 0;

  /// When the last of the names that an inode has in trash came there; nothing if none is there, or all were purged.
  virtual std::optional<crdt::Timestamp> DeletedAt(NodeId inode) const = 0;

  /// The directory that shows `directory`; kRoot for kRoot; nothing if it is not shown.
  virtual std::optional<NodeId> ParentOf(NodeId directory) const = 0;

  /// Where a directory, a dentry or (by its id) a sibling is shown, also one that shows as part of another; nothing if
  /// it is not, and for kRoot.
  virtual std::optional<ShownPlace> ShownAt(NodeId node) const = 0;

  /// The directories united with `directory`, itself among them: the representative first, then ascending by claim.
  /// Only itself where there are no others, and if it is not shown. They stay united where consecutive ops of one batch
  /// move all of them to one place.
  virtual std::vector<NodeId> MembersOf(NodeId directory) const = 0;

  /// The member that is shown, and that new children are placed in: of those that are not in trash (if all are, of
  /// all) the one with the lowest claim.
  virtual NodeId RepresentativeOf(NodeId directory) const = 0;

  /// For a directory or a dentry in trash that is shown: the directory and stored name of its old place, and its claim
  /// before it was deleted. Moving it there makes it ordinary again. Nothing for all else.
  virtual std::optional<crdt::Placement> GhostPlaceOf(NodeId node) const = 0;

  /// Which of the live versions of an inode are shown, and how. Cost: O(heads), and decoding their manifests.
  virtual FileVersions VersionsOf(NodeId inode) const = 0;

  /// The sibling that is shown with this id.
  virtual std::optional<Sibling> SiblingOf(NodeId id) const = 0;

  /// Every stored name that somebody bears in a generated form only, ascending by directory and name.
  /// Cost: O(directories that are united or have such a name).
  virtual std::vector<Conflict> Conflicts() const = 0;

  /// The one that the entry shown as `name` takes part in; nothing if it has no rivals.
  virtual std::optional<Conflict> ConflictOf(NodeId directory, std::string_view name) const = 0;

  /// Shown entries in all: for statfs.
  virtual std::uint64_t EntryCount() const = 0;
};

/// The projection of `tree`, which must outlive it. docs/semantics.md.
std::unique_ptr<Projection> MakeProjection(const crdt::Tree& tree);

}  // namespace copse::fs
