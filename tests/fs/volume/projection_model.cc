#include "projection_model.h"

#include <algorithm>
#include <optional>
#include <regex>
#include <sstream>

#include "volume/schema.h"

namespace copse::fs_test {
namespace {

using crdt::kFileInodes;
using crdt::kForest;
using crdt::kRoot;
using crdt::kTrash;
using crdt::NodeId;
using crdt::Timestamp;
using crdt_test::World;
using crdt_test::WorldPlace;
using fs::EntryType;
using fs::FileVersions;
using fs::Kind;
using fs::Sibling;
namespace schema = fs::schema;

// A node that is shown somewhere, or would be if that were shown.
struct Claim {
  NodeId node;
  NodeId parent;
  std::string name;
  Timestamp time;
  bool is_ghost = false;
};

class Maker {
 public:
  explicit Maker(const World& world) : world_(world) {}

  Model Make() {
    for (const NodeId node : world_.nodes) {
      if (KindOf(node) == Kind::kRegular) MakeFile(node);
    }
    for (const NodeId node : world_.nodes) {
      const auto place = PlaceOf(node);
      const bool is_entry = node != kRoot && (IsDirectory(node) || TargetOf(node));
      if (is_entry && place && IsDirectory(place->parent))
        claims_.push_back({node, place->parent, place->name, place->claim});
    }
    BringDirectoriesBack();
    model_.parents[kRoot] = kRoot;
    Show({kRoot});
    CountLinks();
    return std::move(model_);
  }

 private:
  std::optional<std::string> ValueOf(NodeId node, std::uint32_t number) const {
    const auto found = world_.values.find({node, {number, ""}});
    return found == world_.values.end() ? std::nullopt : found->second.second;
  }
  std::map<Timestamp, std::string> VersionsOf(NodeId node, std::uint32_t number, const std::string& key = "") const {
    const auto found = world_.versions.find({node, {number, key}});
    return found == world_.versions.end() ? std::map<Timestamp, std::string>() : found->second;
  }
  std::optional<WorldPlace> PlaceOf(NodeId node) const {
    const auto found = world_.places.find(node);
    return found == world_.places.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<Kind> KindOf(NodeId node) const {
    if (node == kRoot) return Kind::kDirectory;
    const auto value = ValueOf(node, schema::kKind);
    return value ? schema::DecodeKind(*value) : std::nullopt;
  }
  bool IsDirectory(NodeId node) const { return KindOf(node) == Kind::kDirectory; }
  // Of a dentry: its inode, if that is one.
  std::optional<NodeId> TargetOf(NodeId dentry) const {
    if (KindOf(dentry)) return std::nullopt;
    const auto value = ValueOf(dentry, schema::kInode);
    const auto inode = value ? schema::DecodeNode(*value) : std::nullopt;
    if (!inode || !KindOf(*inode) || IsDirectory(*inode)) return std::nullopt;
    const auto place = PlaceOf(*inode);
    return place && place->parent == kFileInodes ? inode : std::nullopt;
  }
  std::string LabelOf(crdt::ActorId actor) const {
    char key[8];
    std::snprintf(key, sizeof key, "%04x", actor);
    const auto versions = VersionsOf(kForest, schema::kLabel, key);
    return versions.empty() ? key : versions.begin()->second;
  }

  // Where something in trash was, or under the root.
  Claim OldClaimOf(NodeId node) const {
    const auto before = world_.before_trash.find(node);
    if (before == world_.before_trash.end()) {
      const WorldPlace now = *PlaceOf(node);
      return {node, kRoot, now.name, now.claim, true};
    }
    const WorldPlace& old = before->second;
    if (IsDirectory(old.parent)) return {node, old.parent, old.name, old.claim, true};
    return {node, kRoot, old.name.empty() ? PlaceOf(node)->name : old.name, old.claim, true};
  }

  bool IsPurged(NodeId dentry, const std::map<Timestamp, std::string>& heads) const {
    const auto value = ValueOf(dentry, schema::kPurged);
    if (!value) return false;
    const auto purged = schema::DecodePurged(*value);
    if (purged->claim != PlaceOf(dentry)->claim) return false;
    return std::all_of(heads.begin(), heads.end(), [&](const auto& head) {
      return std::find(purged->heads.begin(), purged->heads.end(), head.first) != purged->heads.end();
    });
  }

  // Rules 13 and 19, and "edit / edit".
  void MakeFile(NodeId inode) {
    const auto heads = VersionsOf(inode, schema::kContent);
    std::optional<Claim> live;
    std::optional<NodeId> deleted;
    for (const NodeId dentry : world_.nodes) {
      if (TargetOf(dentry) != inode || !PlaceOf(dentry)) continue;
      const WorldPlace place = *PlaceOf(dentry);
      if (IsDirectory(place.parent) && (!live || place.claim < live->time)) {
        live = Claim{dentry, place.parent, place.name, place.claim};
      }
      if (place.parent == kTrash && !IsPurged(dentry, heads) && (!deleted || place.claim > PlaceOf(*deleted)->claim)) {
        deleted = dentry;
      }
    }
    std::set<Timestamp> dropped;
    std::set<Timestamp> kept;
    if (!live) {
      for (const auto& [time, value] : VersionsOf(inode, schema::kUnlinked)) {
        const auto unlinked = schema::DecodeUnlinked(value);
        dropped.insert(unlinked->dropped.begin(), unlinked->dropped.end());
        kept.insert(unlinked->kept.begin(), unlinked->kept.end());
      }
    }
    FileVersions versions;
    std::set<std::set<Timestamp>> shown;  // Equal ones together.
    std::set<std::set<Timestamp>> hidden;
    for (const auto& [time, value] : heads) {
      const bool hides = !live && (!deleted || dropped.contains(time));
      std::set<Timestamp> equal;
      for (const auto& [other, other_value] : heads) {
        const bool other_hides = !live && (!deleted || dropped.contains(other));
        const bool same = fs::DecodeManifest(value)->PlainRoot() == fs::DecodeManifest(other_value)->PlainRoot();
        if (same && hides == other_hides) equal.insert(other);
      }
      (hides ? hidden : shown).insert(equal);
    }
    std::optional<std::set<Timestamp>> file;
    Timestamp highest;
    for (const auto& group : shown) {
      for (const Timestamp head : group) {
        if (kept.contains(head) || head < highest) continue;
        highest = head;
        file = group;
      }
    }
    const bool is_ghost = !live && file;
    if (file) {
      shown.erase(*file);
    } else {
      for (const auto& group : hidden) {
        if (*group.rbegin() > highest) highest = *group.rbegin(), file = group;
      }
      if (file) hidden.erase(*file);
    }
    if (file) versions.file.assign(file->begin(), file->end());
    for (const auto& group : hidden) versions.dropped.insert(versions.dropped.end(), group.begin(), group.end());
    std::sort(versions.dropped.begin(), versions.dropped.end());
    if (!shown.empty() || is_ghost) {
      const Claim beside = live ? *live : OldClaimOf(*deleted);
      if (is_ghost) claims_.push_back(beside);
      for (const auto& group : shown) {
        const Timestamp head = *group.rbegin();
        Sibling sibling{head.node(), inode, beside.node, {group.begin(), group.end()}};
        sibling_claims_.push_back({head.node(), beside.parent, beside.name, head, !live});
        siblings_[sibling.id] = sibling;
        versions.siblings.push_back(sibling);
      }
      std::sort(versions.siblings.begin(), versions.siblings.end(),
                [](const Sibling& a, const Sibling& b) { return a.id < b.id; });
    }
    model_.versions[inode] = versions;
  }

  bool IsUsed(NodeId directory) const {
    const auto is_in = [&](const Claim& claim) { return claim.parent == directory; };
    return std::any_of(claims_.begin(), claims_.end(), is_in) ||
           std::any_of(sibling_claims_.begin(), sibling_claims_.end(), is_in);
  }

  // "How a directory returns" and rule 16: the least set, and loops.
  void BringDirectoriesBack() {
    std::map<NodeId, std::size_t> ghosts;  // Into claims_.
    for (bool changed = true; changed;) {
      changed = false;
      for (const NodeId node : world_.nodes) {
        const auto place = PlaceOf(node);
        if (!IsDirectory(node) || !place || place->parent != kTrash || ghosts.contains(node) || !IsUsed(node)) continue;
        ghosts[node] = claims_.size();
        claims_.push_back(OldClaimOf(node));
        changed = true;
      }
    }
    const auto parent_of = [&](NodeId node) {
      const auto ghost = ghosts.find(node);
      if (ghost != ghosts.end()) return claims_[ghost->second].parent;
      const auto place = PlaceOf(node);
      return place ? place->parent : kForest;
    };
    for (const auto& [ghost, index] : ghosts) {  // Ascending: the lowest id of a loop is met first, and ends it.
      std::set<NodeId> seen;
      NodeId at = ghost;
      do {
        at = parent_of(at);
      } while (at != ghost && IsDirectory(at) && at != kRoot && seen.insert(at).second);
      if (at == ghost) claims_[index].parent = kRoot;
    }
  }

  // One shown entry before it has a name.
  struct Candidate {
    ModelEntry entry;
    Timestamp claim;
    crdt::ActorId author = 0;
  };

  // Rule 17.
  static bool AreOne(const Claim& a, const Claim& b) {
    const bool a_made = a.time.node() == a.node;
    const bool b_made = b.time.node() == b.node;
    if (a_made || b_made) return a_made && b_made;
    const std::uint64_t low = std::min(a.time.counter(), b.time.counter());
    const std::uint64_t high = std::max(a.time.counter(), b.time.counter());
    return a.time.actor() == b.time.actor() && high - low == 1;
  }

  static Candidate United(std::vector<Claim> directories) {
    const auto before = [](const Claim& a, const Claim& b) { return a.time < b.time; };
    std::sort(directories.begin(), directories.end(), before);
    Candidate candidate;
    candidate.claim = directories.back().time;
    candidate.author = candidate.claim.actor();
    candidate.entry.type = EntryType::kDirectory;
    auto first =
        std::find_if(directories.begin(), directories.end(), [](const Claim& claim) { return !claim.is_ghost; });
    candidate.entry.is_ghost = first == directories.end();
    if (candidate.entry.is_ghost) first = directories.begin();
    candidate.entry.nodes.push_back(first->node);
    for (const Claim& claim : directories) {
      if (claim.node != first->node) candidate.entry.nodes.push_back(claim.node);
    }
    candidate.entry.node = candidate.entry.target = candidate.entry.inode = first->node;
    return candidate;
  }

  std::vector<Candidate> CandidatesOf(std::vector<Claim> claims) const {
    std::vector<Candidate> candidates;
    while (!claims.empty()) {
      std::vector<Claim> together = {claims.front()};
      claims.erase(claims.begin());
      const bool is_directory = IsDirectory(together.front().node);
      for (bool grew = true; grew;) {
        grew = false;
        for (std::size_t i = 0; i < claims.size(); ++i) {
          if (IsDirectory(claims[i].node) != is_directory) continue;
          const bool joins = std::any_of(together.begin(), together.end(), [&](const Claim& one) {
            return is_directory ? AreOne(one, claims[i]) : TargetOf(one.node) == TargetOf(claims[i].node);
          });
          if (!joins) continue;
          together.push_back(claims[i]);
          claims.erase(claims.begin() + static_cast<std::ptrdiff_t>(i));
          grew = true;
          break;
        }
      }
      if (is_directory) {
        candidates.push_back(United(together));
        continue;
      }
      std::sort(together.begin(), together.end(), [](const Claim& a, const Claim& b) { return a.time > b.time; });
      Candidate candidate;
      candidate.claim = together.front().time;
      candidate.author = candidate.claim.actor();
      candidate.entry.node = together.front().node;
      candidate.entry.target = candidate.entry.inode = *TargetOf(candidate.entry.node);
      candidate.entry.is_ghost = together.front().is_ghost;
      for (const Claim& claim : together) candidate.entry.nodes.push_back(claim.node);
      const auto versions = model_.versions.find(candidate.entry.inode);
      if (versions != model_.versions.end()) candidate.entry.heads = versions->second.file;
      if (candidate.entry.is_ghost) candidate.author = candidate.entry.heads.back().actor();
      candidates.push_back(candidate);
    }
    return candidates;
  }

  Candidate SiblingCandidate(const Claim& claim) const {
    const Sibling& sibling = siblings_.at(claim.node);
    Candidate candidate;
    candidate.claim = claim.time;
    candidate.author = claim.time.actor();
    candidate.entry.type = EntryType::kSibling;
    candidate.entry.node = sibling.beside;
    candidate.entry.target = sibling.id;
    candidate.entry.is_ghost = claim.is_ghost;
    candidate.entry.nodes = {sibling.beside};
    candidate.entry.inode = sibling.inode;
    candidate.entry.heads = sibling.heads;
    return candidate;
  }

  // Names 3 and 4; names of the tests are short, so that Names 6 has tests of its own.
  std::string Suffixed(const std::string& stored, const Candidate& candidate, int attempt) const {
    char number[40];
    std::snprintf(number, sizeof number, "_%04x%llx", candidate.claim.actor(),
                  static_cast<unsigned long long>(candidate.claim.counter()));
    std::string suffix = "-" + LabelOf(candidate.author);
    if (attempt >= 2) suffix += number;
    if (attempt >= 3) suffix += "_" + std::to_string(attempt - 1);
    // Names 5.
    static const std::regex kWithExtension(R"(([^]+?)((\.tar)?\.[A-Za-z0-9]{1,15}))");
    std::smatch parts;
    const bool is_directory = candidate.entry.type == EntryType::kDirectory;
    if (is_directory || !std::regex_match(stored, parts, kWithExtension)) return stored + suffix;
    return parts[1].str() + suffix + parts[2].str();
  }

  void Show(const std::vector<NodeId>& members) {
    std::map<std::string, std::vector<Claim>> stored;
    std::map<std::string, std::vector<Claim>> beside;
    const auto is_here = [&](const Claim& claim) {
      return std::find(members.begin(), members.end(), claim.parent) != members.end();
    };
    for (const Claim& claim : claims_) {
      if (is_here(claim)) stored[claim.name].push_back(claim);
    }
    for (const Claim& claim : sibling_claims_) {
      if (is_here(claim)) beside[claim.name].push_back(claim);
    }
    Model::Entries entries;
    std::vector<std::pair<std::string, Candidate>> losers;
    for (const auto& [name, claims] : stored) {
      std::vector<Candidate> candidates = CandidatesOf(claims);
      const auto rank = [](const Candidate& one) {
        return std::tuple(!one.entry.is_ghost, one.entry.type == EntryType::kDirectory, one.claim);
      };
      std::size_t best = 0;
      for (std::size_t i = 1; i < candidates.size(); ++i) {
        if (rank(candidates[i]) > rank(candidates[best])) best = i;
      }
      for (std::size_t i = 0; i < candidates.size(); ++i) {
        candidates[i].entry.stored = name;
        if (i == best) {
          entries[name] = candidates[i].entry;
        } else {
          losers.emplace_back(name, candidates[i]);
        }
      }
    }
    for (const auto& [name, claims] : beside) {
      for (const Claim& claim : claims) {
        losers.emplace_back(name, SiblingCandidate(claim));
        losers.back().second.entry.stored = name;
      }
    }
    std::sort(losers.begin(), losers.end(), [](const auto& a, const auto& b) {
      return std::tie(a.first, a.second.claim) < std::tie(b.first, b.second.claim);
    });
    for (auto& [name, loser] : losers) {
      loser.entry.is_generated = true;
      int attempt = 1;
      while (entries.contains(Suffixed(name, loser, attempt))) ++attempt;
      entries[Suffixed(name, loser, attempt)] = loser.entry;
    }
    for (const NodeId member : members) {
      model_.directories[member] = entries;
      model_.members[member] = members;
    }
    model_.entries += entries.size();
    for (const auto& [name, entry] : entries) {
      if (entry.type != EntryType::kDirectory) continue;
      for (const NodeId node : entry.nodes) model_.parents[node] = members.front();
      Show(entry.nodes);
    }
  }

  void CountLinks() {
    for (const auto& [directory, entries] : model_.directories) {
      model_.links[directory] += 2;
      for (const auto& [name, entry] : entries) {
        if (entry.type == EntryType::kDirectory) ++model_.links[directory];
        if (model_.members.at(directory).front() != directory) continue;  // Each union once.
        if (entry.type != EntryType::kDirectory) ++model_.links[entry.target];
        if (entry.type == EntryType::kFile) model_.names[entry.target].insert(entry.node);
        if (entry.type == EntryType::kSibling) model_.siblings[entry.target] = siblings_.at(entry.target);
      }
    }
  }

  const World& world_;
  std::vector<Claim> claims_;
  std::vector<Claim> sibling_claims_;  // Their node is the sibling's id.
  std::map<NodeId, Sibling> siblings_;
  Model model_;
};

}  // namespace

Model ModelOf(const World& world) { return Maker(world).Make(); }

std::string Describe(const Model& model) {
  std::ostringstream out;
  const auto id = [](NodeId node) { return std::to_string(node.counter()) + "@" + std::to_string(node.actor()); };
  for (const auto& [directory, entries] : model.directories) {
    out << id(directory) << "\n";
    for (const auto& [name, entry] : entries) {
      out << "  " << name << " -> " << id(entry.target) << " by " << id(entry.node)
          << (entry.is_generated ? " generated" : "") << (entry.is_ghost ? " ghost" : "") << " type "
          << static_cast<int>(entry.type) << " nodes";
      for (const NodeId node : entry.nodes) out << " " << id(node);
      out << " heads";
      for (const crdt::Timestamp head : entry.heads) out << " " << id(head.node());
      out << "\n";
    }
  }
  return out.str();
}

}  // namespace copse::fs_test
