// What two hostile members could write, as ops of the file system that are right, nearly or not at all: two volumes
// that get them in different orders show the same; every name in a listing is one that may be, is there once, and leads
// to what is listed; and programs can go on: everything listed can be looked at, renamed, removed and restored, with or
// without success, and the ops of all that replay to the same.

#include <copse/crdt/op.h>

#include <array>
#include <set>

#include "choices.h"
#include "fs/volume/volume_fixture.h"
#include "fuzz.h"
#include "volume/schema.h"

namespace copse::fuzz {
namespace {

namespace schema = fs::schema;
using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;

constexpr std::size_t kOpsMax = 48;
constexpr std::array<crdt::ActorId, 2> kAuthors = {2, 3};
constexpr unsigned kDepthMax = 8;

struct Batch {
  crdt::ActorId author = 0;
  std::vector<Op> ops;
};

/// Batches in an order in which their authors can have made them: no clock runs ahead.
class Authors {
 public:
  explicit Authors(Choices& choices) : choices_(choices) {}

  std::vector<Batch> Write() {
    std::vector<Batch> batches;
    while (!choices_.is_done() && times_.size() < kOpsMax) {
      Batch& batch = batches.emplace_back();
      const unsigned which = choices_.Below(2);
      batch.author = kAuthors[which];
      for (unsigned left = 1 + choices_.Below(3); left > 0; --left) {
        // The author has seen all of the others' ops, or less.
        const std::uint64_t latest = times_.size() + 1;
        const std::uint64_t counter =
            std::max(latest - std::min<std::uint64_t>(choices_.Below(4), latest - 1), next_[which]);
        if (counter > latest) break;
        next_[which] = counter + 1;
        batch.ops.push_back(AnyOp(Timestamp::Of(counter, batch.author)));
        times_.push_back(batch.ops.back().time);
      }
      if (batch.ops.empty()) {
        batches.pop_back();
        if (next_[0] > times_.size() + 1 && next_[1] > times_.size() + 1) break;
        continue;
      }
      batch.ops.back().ends_batch = true;
    }
    return batches;
  }

 private:
  Timestamp AnyTime() {
    if (times_.empty() || choices_.Below(16) == 0) return Timestamp::Of(choices_.Below(60), kAuthors[0]);
    return times_[times_.size() - 1 - choices_.Below(static_cast<unsigned>(times_.size()))];
  }
  NodeId AnyNode() {
    const unsigned kind = choices_.Below(16);
    return kind < 4 ? NodeId{kind} : AnyTime().node();
  }
  NodeId AnyParent() { return choices_.Below(2) == 0 ? crdt::kRoot : AnyNode(); }
  std::string AnyName() {
    constexpr std::array<const char*, 8> kNames = {"a", "b", "a.txt", "a-0002", "a-0002.txt", "b-0003", "..", ""};
    const unsigned which = choices_.Below(10);
    return which < kNames.size() ? kNames[which] : std::string(247 + choices_.Below(10), 'n');
  }
  std::vector<Timestamp> AnyTimes() {
    std::set<Timestamp> times;
    for (unsigned left = choices_.Below(4); left > 0; --left) times.insert(AnyTime());
    return {times.begin(), times.end()};
  }
  std::string AnyBytes() { return std::string(choices_.Take(choices_.Below(24))); }

  std::string AnyManifest() {
    if (choices_.Below(8) == 0) return AnyBytes();
    fs::Manifest manifest = fs::Manifest();
    manifest.mtime = choices_.Below(4);
    if (choices_.Below(4) != 0) {
      manifest.inline_bytes = std::string(choices_.Below(3), 'x');
      manifest.size = manifest.inline_bytes.size();
    } else {
      fs::ManifestEntry& entry = manifest.entries.emplace_back();
      entry.length = manifest.size = std::uint64_t{1 + choices_.Below(200)} << choices_.Below(40);
      entry.is_hole = choices_.Below(2) == 0;
      if (!entry.is_hole) entry.chunk.plain_length = static_cast<std::uint32_t>(entry.length);
    }
    return fs::EncodeManifest(manifest);
  }

  std::string AnyValue(unsigned number) {
    if (choices_.Below(8) == 0) return AnyBytes();
    switch (number) {
      case schema::kKind:
        return schema::EncodeKind(static_cast<fs::Kind>(choices_.Below(8)));
      case schema::kMode:
      case schema::kUid:
      case schema::kGid:
      case schema::kDevice:
        return schema::EncodeUnsigned(std::uint64_t{choices_.Below(256)} << choices_.Below(40));
      case schema::kMtime:
      case schema::kCtime:
        return schema::EncodeTime(static_cast<std::int64_t>(std::uint64_t{choices_.Below(256)} << choices_.Below(64)));
      case schema::kInode:
        return schema::EncodeNode(AnyNode());
      case schema::kContent:
        return AnyManifest();
      case schema::kUnlinked:
        return schema::EncodeUnlinked({AnyTimes(), AnyTimes()});
      case schema::kPurged:
        return schema::EncodePurged({AnyTime(), AnyTimes()});
      case schema::kLabel:
        return choices_.Below(2) == 0 ? "desk" : "a";
      default:
        return AnyBytes();
    }
  }

  crdt::Field AnyField(Timestamp time, unsigned number) {
    crdt::Field field{{number, ""}, AnyValue(number), std::nullopt};
    if (number == schema::kContent || number == schema::kUnlinked) field.replaces = AnyTimes();
    if (number == schema::kLabel) {
      field.id.key = schema::LabelKey(time.actor());
      field.replaces.emplace();
    }
    if (number == schema::kXattr) field.id.key = choices_.Below(2) == 0 ? "user.a" : AnyBytes();
    return field;
  }

  // Most ops are such as a replica makes; the last kind is anything.
  Op AnyOp(Timestamp time) {
    Op op;
    op.time = time;
    op.ends_batch = false;
    switch (choices_.Below(8)) {
      case 0:
        op.child = time.node();
        op.place = crdt::Place{AnyParent(), AnyName()};
        op.fields = {schema::Set(schema::kKind, schema::EncodeKind(fs::Kind::kDirectory))};
        break;
      case 1:
        op.child = time.node();
        op.place = crdt::Place{crdt::kFileInodes, ""};
        op.fields = {schema::Set(schema::kKind, schema::EncodeKind(static_cast<fs::Kind>(1 + choices_.Below(7))))};
        break;
      case 2:
        op.child = time.node();
        op.place = crdt::Place{AnyParent(), AnyName()};
        op.fields = {schema::Set(schema::kInode, schema::EncodeNode(AnyNode()))};
        break;
      case 3:
        op.child = AnyNode();
        op.place = crdt::Place{AnyParent(), AnyName()};
        break;
      case 4:
        op.child = AnyNode();
        op.place = crdt::Place{crdt::kTrash, AnyName()};
        op.guard = AnyTime();
        break;
      case 5:
        op.child = AnyNode();
        op.fields = {AnyField(time, schema::kContent)};
        break;
      case 6:
        op.child = AnyNode();
        op.fields = {AnyField(time, 1 + choices_.Below(schema::kXattr))};
        break;
      default: {
        op.child = choices_.Below(2) == 0 ? time.node() : AnyNode();
        if (choices_.Below(2) == 0) op.place = crdt::Place{AnyParent(), AnyName()};
        std::map<unsigned, crdt::Field> fields;
        for (unsigned left = choices_.Below(4); left > 0; --left) {
          const unsigned number = choices_.Below(18);
          fields.emplace(number, AnyField(time, number));
        }
        for (auto& [number, field] : fields) op.fields.push_back(std::move(field));
      }
    }
    return op;
  }

  Choices& choices_;
  std::vector<Timestamp> times_;
  std::array<std::uint64_t, 2> next_ = {1, 1};
};

/// A volume that takes the batches of each author in their order.
class Reader {
 public:
  bool Take(const Batch& batch) {
    std::uint64_t& known = known_[batch.author];
    const absl::Status taken = world.volume->Ingest(batch.author, known, batch.ops);
    if (!taken.ok()) return false;
    world.journal.Receive(batch.author, batch.ops);
    known += batch.ops.size();
    return true;
  }

  fs::TestVolume world;

 private:
  std::map<crdt::ActorId, std::uint64_t> known_;
};

void TakeInAnotherOrder(Reader& reader, const std::vector<Batch>& batches) {
  std::vector<const Batch*> left;
  for (const Batch& batch : batches) left.push_back(&batch);
  while (!left.empty()) {
    // The later author's first, as far as what it had seen is here.
    auto next = std::find_if(left.begin(), left.end(), [](const Batch* one) { return one->author == kAuthors[1]; });
    if (next == left.end() || !reader.Take(**next)) {
      next = left.begin();
      Require(reader.Take(**next));
    }
    left.erase(next);
  }
}

class User {
 public:
  User(fs::Volume& volume, Choices& choices) : volume_(volume), choices_(choices) {}

  void LookAtAll() {
    Look(crdt::kRoot, 0);
    for (const auto& group : volume_.ListConflicts()) Require(!group.entries.empty());
    volume_.GetUsage();
  }

  /// Acts on what is listed; each call may fail.
  void Act() {
    for (unsigned left = choices_.Below(8); left > 0 && !listed_.empty(); --left) {
      const auto& [parent, name] = listed_[choices_.Below(static_cast<unsigned>(listed_.size()))];
      const auto& [to, other] = listed_[choices_.Below(static_cast<unsigned>(listed_.size()))];
      switch (choices_.Below(6)) {
        case 0:
          volume_.Unlink(fs::kAlice, parent, name).IgnoreError();
          break;
        case 1:
          volume_.RemoveDirectory(fs::kAlice, parent, name).IgnoreError();
          break;
        case 2:
          volume_.Rename(fs::kAlice, parent, name, to, other, choices_.Below(3)).IgnoreError();
          break;
        case 3:
          volume_.MakeDirectory(fs::kAlice, parent, "new", 0755).status().IgnoreError();
          break;
        case 4:
          if (const auto found = volume_.Lookup(parent, name); found.ok()) {
            fs::AttributeChanges changes;
            changes.mode = 0600;
            volume_.SetAttributes(fs::kAlice, found->node, changes).status().IgnoreError();
            volume_.Link(fs::kAlice, found->node, to, "link").status().IgnoreError();
            volume_.Write(found->node, nullptr, 1, "yz", {.clears = true}).status().IgnoreError();
            volume_.Forget(found->node, 1);
          }
          break;
        default:
          for (const auto& entry : volume_.ListTrash()) {
            if (choices_.Below(4) == 0) volume_.RestoreFromTrash(entry.node).status().IgnoreError();
            if (choices_.Below(4) == 0) volume_.PurgeFromTrash(entry.node).IgnoreError();
          }
      }
    }
  }

 private:
  void Look(NodeId directory, unsigned depth) {
    std::map<std::string, NodeId> entries;
    Require(volume_
                .List(directory, 0,
                      [&](std::uint64_t, const fs::ShownEntry& entry, fs::Kind) {
                        Require(schema::IsEntryName(entry.name) && entries.emplace(entry.name, entry.target).second);
                        return true;
                      })
                .ok());
    for (const auto& [name, target] : entries) {
      listed_.emplace_back(directory, name);
      const auto found = volume_.Lookup(directory, name);
      Require(found.ok() && found->node == target);
      const fs::Attributes shown = found->attributes;
      Require(shown.node == target && shown.links > 0);
      if (shown.kind == fs::Kind::kRegular) {
        std::string bytes(100, '?');
        const auto read = volume_.Read(target, nullptr, 0, bytes);
        Require(!read.ok() || *read == std::min<std::uint64_t>(shown.size, bytes.size()));
      }
      if (shown.kind == fs::Kind::kSymlink) volume_.ReadLink(target).status().IgnoreError();
      const auto names = volume_.ListXattrs(target);
      Require(names.ok());
      volume_.GetXattr(target, "user.copse.conflict").status().IgnoreError();
      if (shown.kind == fs::Kind::kDirectory && depth < kDepthMax) Look(target, depth + 1);
      volume_.Forget(target, 1);
    }
  }

  fs::Volume& volume_;
  Choices& choices_;
  std::vector<std::pair<NodeId, std::string>> listed_;
};

void Run(std::string_view bytes) {
  // Where the fixture expects something, it does so through GoogleTest.
  testing::FLAGS_gtest_throw_on_failure = true;
  Choices choices(bytes);
  const std::vector<Batch> batches = Authors(choices).Write();
  Reader one;
  for (const Batch& batch : batches) Require(one.Take(batch));
  Reader other;
  TakeInAnotherOrder(other, batches);
  Require(one.world.volume->Dump() == other.world.volume->Dump());
  User(*other.world.volume, choices).LookAtAll();
  User user(*one.world.volume, choices);
  user.LookAtAll();
  user.Act();
  Require(one.world.volume->Flush().ok());
  const std::string dump = one.world.volume->Dump();
  one.world.Reopen();
  Require(one.world.volume->Dump() == dump);
  User(*one.world.volume, choices).LookAtAll();
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  copse::fuzz::Run(copse::fuzz::Bytes(data, size));
  return 0;
}
