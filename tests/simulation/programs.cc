#include "simulation/programs.h"

#include <copse/base/status_macros.h>
#include <copse/fs/error.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <vector>

#include "volume/schema.h"

namespace copse::simulation {
namespace {

using fs::NodeId;
using fs::Volume;

const fs::Caller kCaller;

const std::set<std::string>& Verbs() {
  static const std::set<std::string> verbs = {
      "mkdir",     "create",   "open",    "write",   "append",  "truncate", "punch",   "read",
      "fsync",     "fsyncdir", "release", "save",    "replace", "unlink",   "rmdir",   "rename",
      "noreplace", "exchange", "link",    "symlink", "mknod",   "chmod",    "utimens", "xattr",
      "unxattr",   "list",     "look",    "flush",   "forget",  "restore",  "purge"};
  return verbs;
}

}  // namespace

bool Programs::Knows(const std::string& verb) { return Verbs().contains(verb); }

absl::Status Programs::Accept(const absl::Status& answer) const {
  if (answer.ok() || machine_.disk().power_is_cut()) return absl::OkStatus();
  switch (static_cast<int>(fs::PosixErrorOf(answer))) {
    case ENOENT:
    case EEXIST:
    case ENOTDIR:
    case EISDIR:
    case ENOTEMPTY:
    case EINVAL:
    case EPERM:
    case ENODATA:
      return absl::OkStatus();
    case ENOSPC:
    case EROFS:
      if (disk_may_fail_) return absl::OkStatus();
      break;
    case EIO:
      if (disk_may_fail_ || machine_.store().usage().chunks_missing > 0) return absl::OkStatus();
      break;
    default:
      break;
  }
  return absl::InternalError("an answer that no program may get: " + answer.ToString());
}

absl::StatusOr<Volume::Entry> Programs::LookUpName(NodeId parent, const std::string& name) {
  auto entry = volume().Lookup(parent, name);
  if (entry.ok()) {
    ++lookups_[entry->node];
    remembered_[{parent, name}] = entry->node;
  } else if (fs::PosixErrorOf(entry.status()) == std::errc::no_such_file_or_directory) {
    remembered_[{parent, name}] = std::nullopt;
  }
  return entry;
}

absl::Status Programs::Made(const Spot& spot, const absl::StatusOr<Volume::Entry>& entry) {
  if (entry.ok()) {
    ++lookups_[entry->node];
    remembered_[{spot.parent, spot.name}] = entry->node;
  }
  return Accept(entry.status());
}

void Programs::HearOfChanges() {
  for (const fs::Invalidations::Name& name : announced_) remembered_.erase({name.directory, name.name});
  announced_.clear();
}

bool Programs::AreUnited(NodeId one, NodeId other) {
  const auto parts = [this](NodeId directory) {
    std::vector<std::pair<std::string, NodeId>> entries;
    const absl::Status listed = volume().List(directory, 0, [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
      entries.emplace_back(entry.name, entry.target);
      return true;
    });
    return listed.ok() ? std::optional(entries) : std::nullopt;
  };
  const auto entries = parts(one);
  return entries && entries == parts(other);
}

absl::Status Programs::CheckRememberedNames() {
  HearOfChanges();
  for (const auto& [name, number] : remembered_) {
    const auto directory = volume().GetAttributes(name.first);
    if (!directory.ok() || directory->links == 0) continue;  // Nothing below it can be named any more.
    const auto now = volume().Lookup(name.first, name.second);
    if (now.ok()) volume().Forget(now->node, 1);
    const std::optional<NodeId> shown = now.ok() ? std::optional(now->node) : std::nullopt;
    if (shown == number || (shown && number && AreUnited(*shown, *number))) continue;
    const auto text = [](std::optional<NodeId> one) { return one ? std::to_string(one->value) : "nothing"; };
    return absl::DataLossError("the kernel was not told that '" + name.second + "' in " +
                               std::to_string(name.first.value) + " is " + text(shown) + " and no longer " +
                               text(number));
  }
  return absl::OkStatus();
}

void Programs::OnProcessBegan() {
  machine_.volume().set_invalidation_sink([this](const fs::Invalidations& changed) {
    announced_.insert(announced_.end(), changed.names.begin(), changed.names.end());
  });
}

std::string Programs::NameIn(NodeId directory, const std::string& word) {
  if (word.empty() || word[0] != '#') return word;
  std::vector<std::string> names;
  const absl::Status listed = volume().List(directory, 0, [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
    names.push_back(entry.name);
    return true;
  });
  if (!listed.ok() || names.empty()) return "a";
  return names[static_cast<std::size_t>(std::strtoull(word.c_str() + 1, nullptr, 10)) % names.size()];
}

std::optional<Programs::Spot> Programs::Find(const std::string& path) {
  Spot spot{crdt::kRoot, ""};
  for (std::size_t begin = 1; begin < path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    spot.name = NameIn(spot.parent, path.substr(begin, end - begin));
    if (end == path.size()) break;
    const auto entry = LookUpName(spot.parent, spot.name);
    // As a user who types a path that is there only in part: the call then goes to where the path ends.
    if (!entry.ok() || entry->attributes.kind != fs::Kind::kDirectory) break;
    spot.parent = entry->node;
    begin = end + 1;
  }
  if (spot.name.empty()) return std::nullopt;
  return spot;
}

std::optional<Volume::Entry> Programs::LookUp(const std::string& path) {
  if (path == "/") return Volume::Entry{crdt::kRoot, volume().GetAttributes(crdt::kRoot).value_or(fs::Attributes())};
  const auto spot = Find(path);
  if (!spot) return std::nullopt;
  const auto entry = LookUpName(spot->parent, spot->name);
  if (!entry.ok()) return std::nullopt;
  return *entry;
}

Programs::OpenFile* Programs::FileOf(const Step& step) {
  const auto found = files_.find(step.Number(0));
  return found == files_.end() ? nullptr : &found->second;
}

absl::StatusOr<std::string> Programs::ReadAll(NodeId node, Volume::Handle* handle) {
  COPSE_ASSIGN_OR_RETURN(const fs::Attributes attributes, volume().GetAttributes(node));
  std::string bytes(attributes.size + 1, '\0');
  COPSE_ASSIGN_OR_RETURN(const std::size_t count, volume().Read(node, handle, 0, std::span<char>(bytes)));
  if (count != attributes.size) {
    return absl::DataLossError("inode " + std::to_string(node.value) + " has " + std::to_string(attributes.size) +
                               " bytes by stat and " + std::to_string(count) + " by read");
  }
  bytes.resize(count);
  return bytes;
}

absl::Status Programs::Execute(const Step& step) {
  ++calls_;
  HearOfChanges();
  absl::Status status = Call(step);
  HearOfChanges();
  return status;
}

absl::Status Programs::Call(const Step& step) {
  const std::string& verb = step.verb;
  if (verb == "create") return Create(step);
  if (verb == "open") return Open(step);
  if (verb == "save") return Save(step);
  if (verb == "replace") return SaveBeside(step);
  if (verb == "release") {
    Release(step.Number(0));
    return absl::OkStatus();
  }
  if (verb == "write" || verb == "punch" || verb == "fsync") {
    const OpenFile* file = FileOf(step);
    if (file == nullptr) return absl::OkStatus();
    if (verb == "write") return Write(*file, step.Number(1), step.Number(2));
    if (verb == "punch") return Punch(*file, step.Number(1), step.Number(2));
    return Fsync(file->node);
  }
  if (verb == "flush") {
    const absl::Status flushed = volume().Flush();
    if (!flushed.ok()) return Accept(flushed);
    ops_.OnSynced(machine_.tree().actor());
    contents_.OnFlushed(machine_.number());
    return absl::OkStatus();
  }
  if (verb == "forget") {
    for (auto entry = lookups_.begin(); entry != lookups_.end();) {
      const bool is_open =
          std::any_of(files_.begin(), files_.end(), [&](const auto& file) { return file.second.node == entry->first; });
      if (!is_open) volume().Forget(entry->first, entry->second);
      entry = is_open ? std::next(entry) : lookups_.erase(entry);
    }
    remembered_.clear();
    return absl::OkStatus();
  }
  if (verb == "restore" || verb == "purge") {
    const std::vector<Volume::TrashEntry> trash = volume().ListTrash();
    if (trash.empty()) return absl::OkStatus();
    const NodeId node = trash[step.Number(0) % trash.size()].node;
    return verb == "restore" ? Accept(volume().RestoreFromTrash(node)) : Accept(volume().PurgeFromTrash(node));
  }
  if (verb == "mkdir" || verb == "unlink" || verb == "rmdir" || verb == "rename" || verb == "noreplace" ||
      verb == "exchange" || verb == "link" || verb == "symlink" || verb == "mknod") {
    return Names(step, verb);
  }
  return Look(step);
}

absl::Status Programs::Names(const Step& step, const std::string& verb) {
  const auto spot = Find(step.Word(0));
  if (!spot) return absl::OkStatus();
  if (verb == "mkdir") {
    return Made(*spot, volume().MakeDirectory(kCaller, spot->parent, spot->name, 0755));
  }
  if (verb == "symlink") {
    return Made(*spot, volume().MakeSymlink(kCaller, spot->parent, spot->name, "to/" + spot->name));
  }
  if (verb == "mknod") {
    return Made(*spot, volume().MakeNode(kCaller, spot->parent, spot->name, fs::Kind::kFifo, 0600, 0));
  }
  if (verb == "unlink" || verb == "rmdir") return Remove(*spot, verb == "rmdir");
  const auto to = Find(step.Word(1));
  if (!to) return absl::OkStatus();
  if (verb == "link") {
    const auto from = LookUpName(spot->parent, spot->name);
    if (!from.ok()) return Accept(from);
    return Made(*to, volume().Link(kCaller, from->node, to->parent, to->name));
  }
  const unsigned flags = verb == "noreplace"  ? Volume::kRenameNoReplace
                         : verb == "exchange" ? Volume::kRenameExchange
                                              : Volume::kRenamePlain;
  return Rename(*spot, *to, flags);
}

void Programs::NoteRemoval(NodeId node) {
  const auto attributes = volume().GetAttributes(node);
  if (!attributes.ok() || attributes->links == 0) contents_.OnRemoved(machine_.number(), node);
}

std::vector<NodeId> Programs::AlsoOpenAs(const absl::StatusOr<Volume::Entry>& entry) {
  std::vector<NodeId> numbers;
  if (!entry.ok() || entry->attributes.kind != fs::Kind::kRegular) return numbers;
  const auto content = ReadAll(entry->node, nullptr);
  if (!content.ok()) return numbers;
  for (const auto& [slot, file] : files_) {
    // What has no name before the call does not lose one in it.
    const auto attributes = volume().GetAttributes(file.node);
    if (file.node == entry->node || !attributes.ok() || attributes->links == 0) continue;
    const auto other = ReadAll(file.node, file.handle);
    // No two files ever hold the same bytes, but for none: of these, those are meant that have no name afterwards.
    if (other.ok() && *other == *content) numbers.push_back(file.node);
  }
  return numbers;
}

std::string Programs::ContentNamed(const absl::StatusOr<Volume::Entry>& entry) {
  if (!entry.ok() || entry->attributes.kind != fs::Kind::kRegular) return {};
  return ReadAll(entry->node, nullptr).value_or(std::string());
}

void Programs::NoteRemovalOf(const std::string& content) {
  if (content.empty()) return;
  for (const auto& [slot, file] : files_) {
    const auto shown = ReadAll(file.node, file.handle);
    if (shown.ok() && *shown == content) NoteRemoval(file.node);
  }
}

void Programs::NoteNamed(const absl::StatusOr<Volume::Entry>& entry) {
  if (!entry.ok() || entry->attributes.kind != fs::Kind::kRegular) return;
  // A version that moves over its file replaces the one there, though nobody has opened either.
  auto content = ReadAll(entry->node, nullptr);
  if (content.ok()) return contents_.OnNamed(machine_.number(), *std::move(content));
  // Its bytes are still to come; whoever names it means that version nevertheless.
  const crdt::Tree& tree = machine_.tree().tree();
  if (const auto shown = fs::schema::ShownHead(tree, entry->node)) {
    contents_.OnNamedUnread(machine_.number(), shown->first);
  } else {
    contents_.OnNamedUnread(machine_.number(), crdt::Timestamp::Of(entry->node.counter(), entry->node.actor()));
  }
}

void Programs::NoteChange(NodeId node, std::string before, std::string after) {
  const auto attributes = volume().GetAttributes(node);
  const bool has_name = attributes.ok() && attributes->links > 0;
  contents_.OnChanged(machine_.number(), node, std::move(before), std::move(after), has_name);
}

absl::Status Programs::Remove(const Spot& spot, bool directory) {
  const auto victim = LookUpName(spot.parent, spot.name);
  const std::vector<NodeId> also = AlsoOpenAs(victim);
  const std::string content = ContentNamed(victim);
  const absl::Status removed = directory ? volume().RemoveDirectory(kCaller, spot.parent, spot.name)
                                         : volume().Unlink(kCaller, spot.parent, spot.name);
  if (removed.ok()) remembered_.erase({spot.parent, spot.name});
  if (removed.ok() && victim.ok()) NoteRemoval(victim->node);
  for (const NodeId node : also) NoteRemoval(node);
  if (removed.ok()) NoteRemovalOf(content);
  return Accept(removed);
}

absl::Status Programs::Rename(const Spot& from, const Spot& to, unsigned flags) {
  const auto source = LookUpName(from.parent, from.name);
  const auto victim = LookUpName(to.parent, to.name);
  // Two names of one inode: the kernel does nothing, and asks nobody.
  if (source.ok() && victim.ok() && source->node == victim->node) return absl::OkStatus();
  NoteNamed(source);
  NoteNamed(victim);
  const std::vector<NodeId> also = AlsoOpenAs(victim);
  const std::string content = ContentNamed(victim);
  const absl::Status renamed = volume().Rename(kCaller, from.parent, from.name, to.parent, to.name, flags);
  if (renamed.ok() && source.ok()) {
    remembered_.erase({from.parent, from.name});
    remembered_[{to.parent, to.name}] = source->node;
    if (flags == Volume::kRenameExchange && victim.ok()) remembered_[{from.parent, from.name}] = victim->node;
  }
  if (renamed.ok() && victim.ok()) NoteRemoval(victim->node);
  for (const NodeId node : also) NoteRemoval(node);
  if (renamed.ok() && flags != Volume::kRenameExchange) NoteRemovalOf(content);
  if (renamed.ok() && source.ok()) {
    // A sibling becomes a file of its own, and its number goes on leading there for whoever has it open.
    // The kernel does not ask where.
    const auto moved = volume().Lookup(to.parent, to.name);
    if (moved.ok() && moved->node != source->node) contents_.OnRenumbered(machine_.number(), source->node, moved->node);
    if (moved.ok()) volume().Forget(moved->node, 1);
    NoteRemoval(source->node);
  }
  return Accept(renamed);
}

std::string Programs::Text(std::uint64_t length) {
  // Nobody else writes this anywhere, ever.
  const std::string mark = "<" + std::to_string(machine_.number()) + "." + std::to_string(++written_) + ">";
  std::string text;
  while (text.size() < length) text += mark;
  text.resize(length);
  return text;
}

absl::Status Programs::Create(const Step& step) {
  const std::uint64_t slot = step.Number(0);
  const auto spot = Find(step.Word(1));
  if (!spot || files_.contains(slot)) return absl::OkStatus();
  const auto created = volume().Create(kCaller, spot->parent, spot->name, 0644, {.write = true});
  if (!created.ok()) return Accept(created);
  COPSE_RETURN_IF_ERROR(Made(*spot, created->entry));
  files_[slot] = {created->entry.node, created->handle, false, true};
  return absl::OkStatus();
}

absl::Status Programs::Open(const Step& step) {
  const std::uint64_t slot = step.Number(0);
  const std::string how = step.Word(2);
  if (files_.contains(slot)) return absl::OkStatus();
  const auto entry = LookUp(step.Word(1));
  if (!entry || entry->attributes.kind != fs::Kind::kRegular) return absl::OkStatus();
  const bool writes = how != "r";
  const auto handle = volume().Open(entry->node, {.write = writes});
  if (!handle.ok()) return Accept(handle);
  files_[slot] = {entry->node, *handle, how == "a", writes};
  return how == "t" ? Truncate(entry->node, *handle, 0) : absl::OkStatus();
}

absl::Status Programs::Save(const Step& step) {
  const auto spot = Find(step.Word(0));
  if (!spot) return absl::OkStatus();
  OpenFile file{{}, nullptr, false, true};
  const auto created = volume().Create(kCaller, spot->parent, spot->name, 0644, {.write = true});
  if (created.ok()) {
    COPSE_RETURN_IF_ERROR(Made(*spot, created->entry));
    file.node = created->entry.node;
    file.handle = created->handle;
  } else {
    COPSE_RETURN_IF_ERROR(Accept(created));
    const auto entry = LookUpName(spot->parent, spot->name);
    if (!entry.ok() || entry->attributes.kind != fs::Kind::kRegular) return absl::OkStatus();
    const auto opened = volume().Open(entry->node, {.write = true});
    if (!opened.ok()) return Accept(opened);
    file.node = entry->node;
    file.handle = *opened;
  }
  absl::Status status = Truncate(file.node, file.handle, 0);
  status.Update(Write(file, 0, step.Number(1)));
  volume().Release(file.handle);
  return status;
}

/// As editors save: a new file is written, synced, and renamed over the old one.
absl::Status Programs::SaveBeside(const Step& step) {
  const auto spot = Find(step.Word(0));
  if (!spot) return absl::OkStatus();
  const std::string beside = "." + spot->name.substr(0, 100) + ".new";
  const auto created = volume().Create(kCaller, spot->parent, beside, 0600, {.write = true});
  if (!created.ok()) return Accept(created);
  COPSE_RETURN_IF_ERROR(Made({spot->parent, beside}, created->entry));
  const OpenFile file{created->entry.node, created->handle, false, true};
  absl::Status status = Write(file, 0, step.Number(1));
  if (step.Word(2) == "sync") status.Update(Fsync(file.node));
  volume().Release(file.handle);
  status.Update(Rename({spot->parent, beside}, *spot, Volume::kRenamePlain));
  return status;
}

absl::Status Programs::Interrupted(NodeId node, Volume::Handle* handle, std::string before, std::string expected,
                                   const absl::Status& answer) {
  if (machine_.disk().power_is_cut()) {
    // The disk may have got all of it, or any part.
    NoteChange(node, std::move(before), std::move(expected));
  } else if (auto after = ReadAll(node, handle); after.ok()) {
    // What failed may have left any part of itself.
    NoteChange(node, std::move(before), *std::move(after));
  }
  return Accept(answer);
}

absl::Status Programs::Write(const OpenFile& file, std::uint64_t offset, std::uint64_t length) {
  if (!file.writes || length == 0) return absl::OkStatus();
  absl::StatusOr<std::string> before = ReadAll(file.node, file.handle);
  if (!before.ok()) return Accept(before);
  const std::string bytes = Text(length);
  absl::StatusOr<std::size_t> written;
  if (file.appends) {
    const auto place = volume().Append(file.node, file.handle, bytes);
    written = place.ok() ? absl::StatusOr<std::size_t>(bytes.size()) : place.status();
  } else {
    written = volume().Write(file.node, file.handle, offset, bytes);
  }
  absl::StatusOr<std::string> after = ReadAll(file.node, file.handle);
  std::string expected = *before;
  const std::uint64_t begin = file.appends ? expected.size() : offset;
  const std::size_t count = written.value_or(bytes.size());
  if (expected.size() < begin + count) expected.resize(begin + count, '\0');
  expected.replace(begin, count, bytes, 0, count);
  if (!after.ok()) return Interrupted(file.node, file.handle, *std::move(before), std::move(expected), after.status());
  // A write that failed may have left any part of itself.
  if (written.ok() && *after != expected) {
    return absl::DataLossError("after a write the file does not hold what was written");
  }
  NoteChange(file.node, *std::move(before), *std::move(after));
  return Accept(written);
}

absl::Status Programs::Truncate(NodeId node, Volume::Handle* handle, std::uint64_t size) {
  absl::StatusOr<std::string> before = ReadAll(node, handle);
  if (!before.ok()) return Accept(before);
  fs::AttributeChanges changes;
  changes.size = size;
  const auto cut = volume().SetAttributes(kCaller, node, changes);
  std::string expected = *before;
  expected.resize(size, '\0');
  if (!cut.ok()) return Interrupted(node, handle, *std::move(before), std::move(expected), cut.status());
  absl::StatusOr<std::string> after = ReadAll(node, handle);
  if (!after.ok()) return Interrupted(node, handle, *std::move(before), std::move(expected), after.status());
  if (*after != expected) return absl::DataLossError("after a truncation the file does not hold what it should");
  NoteChange(node, *std::move(before), *std::move(after));
  return absl::OkStatus();
}

absl::Status Programs::Punch(const OpenFile& file, std::uint64_t offset, std::uint64_t length) {
  if (!file.writes || length == 0) return absl::OkStatus();
  absl::StatusOr<std::string> before = ReadAll(file.node, file.handle);
  if (!before.ok()) return Accept(before);
  const absl::Status punched =
      volume().Fallocate(file.node, file.handle, Volume::kPunchHole | Volume::kKeepSize, offset, length);
  std::string expected = *before;
  for (std::uint64_t i = offset; i < std::min<std::uint64_t>(offset + length, expected.size()); ++i) expected[i] = '\0';
  if (!punched.ok()) return Interrupted(file.node, file.handle, *std::move(before), std::move(expected), punched);
  absl::StatusOr<std::string> after = ReadAll(file.node, file.handle);
  if (!after.ok()) return Interrupted(file.node, file.handle, *std::move(before), std::move(expected), after.status());
  if (*after != expected) return absl::DataLossError("after punching a hole the file does not hold what it should");
  NoteChange(file.node, *std::move(before), *std::move(after));
  return absl::OkStatus();
}

absl::Status Programs::Fsync(NodeId node) {
  const absl::Status synced = volume().Fsync(node);
  if (!synced.ok()) return Accept(synced);
  ops_.OnSynced(machine_.tree().actor());
  contents_.OnFsynced(machine_.number(), node);
  return absl::OkStatus();
}

absl::Status Programs::Look(const Step& step) {
  const auto entry = LookUp(step.Word(0));
  if (!entry) return absl::OkStatus();
  const NodeId node = entry->node;
  const fs::Kind kind = entry->attributes.kind;
  fs::AttributeChanges changes;
  if (step.verb == "chmod") {
    changes.mode = static_cast<std::uint32_t>(step.Number(1)) & 0777u;
    return Accept(volume().SetAttributes(kCaller, node, changes));
  }
  if (step.verb == "utimens") {
    changes.mtime = static_cast<base::UnixNanoseconds>(step.Number(1));
    return Accept(volume().SetAttributes(kCaller, node, changes));
  }
  if (step.verb == "xattr") {
    return Accept(
        volume().SetXattr(kCaller, node, "user." + step.Word(1), Text(step.Number(2)), Volume::XattrMode::kSet));
  }
  if (step.verb == "unxattr") return Accept(volume().RemoveXattr(kCaller, node, "user." + step.Word(1)));
  if (step.verb == "list") return ListDirectory(node);
  if (step.verb == "fsyncdir") {
    const absl::Status synced = volume().FsyncDirectory(node);
    if (synced.ok()) ops_.OnSynced(machine_.tree().actor());
    return Accept(synced);
  }
  if (kind != fs::Kind::kRegular) return absl::OkStatus();
  if (step.verb == "truncate") return Truncate(node, nullptr, step.Number(1));
  const auto content = ReadAll(node, nullptr);
  if (!content.ok()) return Accept(content);
  if (!contents_.IsKnown(*content)) return absl::DataLossError("a file holds what no program ever saw in one");
  return absl::OkStatus();
}

absl::Status Programs::ListDirectory(NodeId directory) {
  std::map<std::string, NodeId> listed;
  bool twice = false;
  const absl::Status status =
      volume().ListPlus(directory, 0, [&](std::uint64_t, const std::string& name, const Volume::Entry& entry) {
        twice = twice || !listed.emplace(name, entry.node).second;
        ++lookups_[entry.node];
        remembered_[{directory, name}] = entry.node;
        return true;
      });
  if (twice) return absl::DataLossError("a directory lists a name twice");
  if (!status.ok()) return Accept(status);
  for (const auto& [name, node] : listed) {
    const auto entry = LookUpName(directory, name);
    if (!entry.ok() || entry->node != node)
      return absl::DataLossError("'" + name + "' is listed and not found as such");
  }
  return CheckRememberedNames();
}

void Programs::Release(std::uint64_t slot) {
  const auto file = files_.find(slot);
  if (file == files_.end()) return;
  volume().Release(file->second.handle);
  files_.erase(file);
}

void Programs::OnProcessEnded() {
  remembered_.clear();
  announced_.clear();
  files_.clear();
  lookups_.clear();
  disk_may_fail_ = false;
}

absl::Status Programs::LetGoOfAll() {
  remembered_.clear();
  while (!files_.empty()) Release(files_.begin()->first);
  for (const auto& [node, count] : lookups_) volume().Forget(node, count);
  lookups_.clear();
  const Volume::Usage usage = volume().GetUsage();
  if (usage.lookups == 0 && usage.open_handles == 0) return absl::OkStatus();
  return absl::InternalError("all is closed and forgotten, and the volume counts " + std::to_string(usage.lookups) +
                             " lookups and " + std::to_string(usage.open_handles) + " handles");
}

}  // namespace copse::simulation
