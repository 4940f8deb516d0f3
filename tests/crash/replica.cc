#include "crash/replica.h"

#include <copse/base/status_macros.h>
#include <copse/crdt/tree_replica.h>
#include <copse/fs/named_content.h>
#include <copse/replica/identity.h>

#include <optional>
#include <utility>

#include "cli/snapshots.h"

namespace copse::crash {
namespace {

/// Small, so that a short session fills several segments and packs.
constexpr std::uint64_t kSegmentBytesMax = 2500;
constexpr std::uint64_t kPackBytesMax = 150'000;
/// Often enough for some that are replaced.
constexpr std::uint64_t kSnapshotDueOps = 12;
constexpr std::chrono::seconds kSnapshotPause{1};
const fs::Caller kUser;

/// Passes on to the store once it is open, and notes what was asked and granted.
class RecordingJournal final : public crdt::Journal {
 public:
  explicit RecordingJournal(Record& record) : record_(record) {}
  absl::Status Append(std::span<const crdt::Op> batch) override {
    COPSE_RETURN_IF_ERROR(store->Append(batch));
    record_.Appended(batch);
    return absl::OkStatus();
  }
  absl::Status Sync() override {
    const std::size_t ops = record_.own().size();
    COPSE_RETURN_IF_ERROR(store->Sync());
    record_.Synced(ops);
    return absl::OkStatus();
  }
  replica::Store* store = nullptr;

 private:
  Record& record_;
};

absl::Status Walk(fs::Volume& volume, crdt::NodeId directory, const std::string& path, Names& names) {
  struct Listed {
    std::string name;
    fs::Kind kind;
  };
  std::vector<Listed> entries;
  COPSE_RETURN_IF_ERROR(volume.List(directory, 0, [&](std::uint64_t, const fs::ShownEntry& entry, const fs::Kind kind) {
    entries.push_back({entry.name, kind});
    return true;
  }));
  for (const Listed& listed : entries) {
    COPSE_ASSIGN_OR_RETURN(const fs::Volume::Entry entry, volume.Lookup(directory, listed.name));
    const std::string below = path.empty() ? listed.name : path + "/" + listed.name;
    names[below] = std::to_string(static_cast<int>(listed.kind)) + " " + std::to_string(entry.node.value) + " " +
                   std::to_string(entry.attributes.links);
    if (listed.kind == fs::Kind::kDirectory) COPSE_RETURN_IF_ERROR(Walk(volume, entry.node, below, names));
    volume.Forget(entry.node, 1);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Names> WalkNames(fs::Volume& volume) {
  Names names;
  COPSE_RETURN_IF_ERROR(Walk(volume, crdt::kRoot, "", names));
  return names;
}

absl::StatusOr<std::string> ReadAll(fs::Volume& volume, crdt::NodeId file) {
  COPSE_ASSIGN_OR_RETURN(const fs::Attributes attributes, volume.GetAttributes(file));
  std::string content(attributes.size, '\0');
  COPSE_ASSIGN_OR_RETURN(const std::size_t count, volume.Read(file, nullptr, 0, std::span<char>(content)));
  if (count != content.size()) return absl::InternalError("a read came back short");
  return content;
}

/// Members are destroyed from the last to the first.
struct Replica::Process {
  Process(base::Clock& clock, Record& record)
      : now([&clock] { return clock.Monotonic(); }), executor(now), journal(record) {}
  ~Process() {
    snapshots.reset();
    if (store != nullptr) store->set_receiver(nullptr);
  }

  const std::function<std::chrono::nanoseconds()> now;
  base::ManualExecutor executor;
  RecordingJournal journal;
  std::unique_ptr<replica::Store> store;
  std::optional<crdt::TreeReplica> tree;
  std::unique_ptr<fs::Volume> volume;
  std::unique_ptr<cli::Snapshots> snapshots;
  base::ManualExecutor* snapshot_executor = nullptr;
};

Replica::Replica(std::unique_ptr<base::MemoryStorage> disk, std::uint64_t seed, Record record)
    : disk_(std::move(disk)), random_(seed), record_(std::move(record)) {}

Replica::~Replica() { Kill(); }

absl::Status Replica::Create(const std::string& label) {
  base::ManualExecutor executor([this] { return clock_.Monotonic(); });
  COPSE_RETURN_IF_ERROR(replica::Store::Create({*disk_, clock_, random_, executor}, kStore, label));
  record_.Made();
  return absl::OkStatus();
}

absl::Status Replica::OpenStore(Process& process, bool joining) {
  replayed_.clear();
  replayed_runs_.clear();
  const std::unique_ptr<base::MemoryStorage> before = disk_->Copy();
  replica::Store::Options options;
  options.segment_bytes_max = kSegmentBytesMax;
  options.pack_bytes_max = kPackBytesMax;
  options.namer = {fs::ContentNamedBy, fs::ContentNamedByPage};
  options.allow_joining = joining;
  const auto make_tree = [&]() -> absl::Status {
    COPSE_ASSIGN_OR_RETURN(const replica::Identity identity,
                           replica::ReadIdentity(*disk_, std::string(kStore) + "/identity"));
    process.tree.emplace(identity.actor, process.journal, fs::ValidateFileSystemOp);
    return absl::OkStatus();
  };
  options.restorer = [&](std::vector<crdt::ImageBuffer> parts) -> absl::Status {
    COPSE_RETURN_IF_ERROR(make_tree());
    return cli::LoadSnapshot(std::move(parts), *process.tree);
  };
  const auto replay = [&](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) -> absl::Status {
    if (!process.tree) COPSE_RETURN_IF_ERROR(make_tree());
    replayed_runs_.push_back({actor, first, {ops.begin(), ops.end()}});
    return process.tree->Ingest(actor, first, ops).status();
  };
  COPSE_ASSIGN_OR_RETURN(process.store,
                         replica::Store::Open({*disk_, clock_, random_, process.executor}, kStore, options, replay));
  process.journal.store = process.store.get();
  const crdt::ActorId self = process.store->identity().actor;
  if (!process.tree) process.tree.emplace(self, process.journal, fs::ValidateFileSystemOp);
  // What a crash leaves of writing one is never taken for one, and never costs the one before.
  if (!process.store->notes().empty()) return absl::DataLossError(process.store->notes().front());
  if (record_.has_snapshot() && process.store->snapshot_ops() == 0) return absl::DataLossError("the snapshot is gone");
  if (process.store->snapshot_ops() > 0) COPSE_RETURN_IF_ERROR(CheckRestored(process, *before));
  for (const test::OpRun& run : replayed_runs_) {
    Record::Ops& feed = replayed_[run.actor];
    if (run.first != feed.size()) return absl::DataLossError("ops are replayed with a gap");
    feed.insert(feed.end(), run.ops.begin(), run.ops.end());
  }
  COPSE_RETURN_IF_ERROR(record_.CheckOwn(replayed_[self]));
  for (const auto& [actor, count] : record_.shown()) {
    if (replayed_[actor].size() < count) return absl::DataLossError("ops of another were shown, and are gone");
  }
  record_.ReopenedWith(self, replayed_);
  return absl::OkStatus();
}

absl::Status Replica::CheckRestored(Process& process, base::MemoryStorage& disk) {
  COPSE_ASSIGN_OR_RETURN(test::Replayed replayed, test::ReplayAll(disk, kStore));
  if (!(process.tree->version() == replayed.version)) return absl::DataLossError("snapshot and tail are not all ops");
  if (process.store->StableTime() != replayed.stable_time) return absl::DataLossError("a snapshot has other clocks");
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<test::VolumeToLookAt> shown, test::VolumeToLookAt::Open(*process.tree));
  if (shown->volume().Dump() != replayed.dump) return absl::DataLossError("snapshot and tail are another volume");
  replayed_runs_ = std::move(replayed.runs);
  return absl::OkStatus();
}

absl::Status Replica::OpenVolume(Process& process, bool joining) {
  fs::Volume::Options options;
  options.staging_directory = std::string(kStore) + "/staging";
  options.volume_key = process.store->identity().volume_key;
  options.label = process.store->identity().label;
  options.read_only = joining;
  std::vector<std::string> notes;
  COPSE_ASSIGN_OR_RETURN(process.volume,
                         fs::Volume::Open({*disk_, clock_, process.executor, *process.store, process.journal},
                                          *process.tree, options, notes));
  if (!notes.empty()) return absl::DataLossError("staged contents were not recovered: " + notes.front());
  process.store->set_receiver(
      [this, shown = process.volume.get()](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> ops) {
        COPSE_RETURN_IF_ERROR(shown->Ingest(actor, first, ops));
        record_.Shown(actor, ops.size());
        return absl::OkStatus();
      });
  if (joining) return absl::OkStatus();
  cli::Snapshots::Options snapshots;
  snapshots.pause = kSnapshotPause;
  snapshots.due_ops_min = snapshots.worth_at_end = kSnapshotDueOps;
  snapshots.on_attempt = [this](const absl::Status& written) {
    if (written.ok()) record_.HasSnapshot();
  };
  auto executor = std::make_unique<base::ManualExecutor>(process.now);
  process.snapshot_executor = executor.get();
  process.snapshots =
      std::make_unique<cli::Snapshots>(*process.store, *process.volume, std::move(executor), std::move(snapshots));
  return absl::OkStatus();
}

absl::Status Replica::Open(bool joining) {
  auto process = std::make_unique<Process>(clock_, record_);
  COPSE_RETURN_IF_ERROR(OpenStore(*process, joining));
  COPSE_RETURN_IF_ERROR(OpenVolume(*process, joining));
  process_ = std::move(process);
  return absl::OkStatus();
}

void Replica::CutPowerAfter(std::uint64_t changes) {
  cut_at_ = this->changes() + changes;
  disk_->CutPowerAfter(changes);
}

void Replica::Kill() {
  if (process_ == nullptr) return;
  // What destructors would still write must not reach the disk; what was written before stays, synced or not.
  std::unique_ptr<base::MemoryStorage> left = disk_->Copy();
  changes_before_ = changes();
  disk_->CutPowerAfter(0);
  process_.reset();
  disk_ = std::move(left);
  if (cut_at_) disk_->CutPowerAfter(*cut_at_ - changes_before_);
}

absl::Status Replica::Close() {
  COPSE_RETURN_IF_ERROR(Flush());
  process_.reset();
  return absl::OkStatus();
}

void Replica::Pass(std::chrono::milliseconds time) {
  clock_.Advance(time);
  process_->executor.RunDue();
  if (process_->snapshot_executor != nullptr) process_->snapshot_executor->RunDue();
}

replica::Store& Replica::store() { return *process_->store; }
fs::Volume& Replica::volume() { return *process_->volume; }

absl::StatusOr<Names> Replica::NamesOfReplayed() const {
  crdt::NullJournal journal;
  crdt::TreeReplica tree(process_->store->identity().actor, journal, fs::ValidateFileSystemOp);
  for (const test::OpRun& run : replayed_runs_) {
    COPSE_RETURN_IF_ERROR(tree.Ingest(run.actor, run.first, run.ops).status());
  }
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<test::VolumeToLookAt> shown, test::VolumeToLookAt::Open(tree));
  return WalkNames(shown->volume());
}

absl::StatusOr<Replica::At> Replica::Place(const std::string& path) {
  At at{crdt::kRoot, path};
  for (std::size_t slash = 0; (slash = at.name.find('/')) != at.name.npos; at.name.erase(0, slash + 1)) {
    COPSE_ASSIGN_OR_RETURN(const fs::Volume::Entry entry, volume().Lookup(at.directory, at.name.substr(0, slash)));
    volume().Forget(entry.node, 1);
    at.directory = entry.node;
  }
  return at;
}

absl::StatusOr<crdt::NodeId> Replica::Find(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const At at, Place(path));
  COPSE_ASSIGN_OR_RETURN(const fs::Volume::Entry entry, volume().Lookup(at.directory, at.name));
  volume().Forget(entry.node, 1);
  return entry.node;
}

absl::Status Replica::MakeDirectory(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const At at, Place(path));
  COPSE_ASSIGN_OR_RETURN(const fs::Volume::Entry entry, volume().MakeDirectory(kUser, at.directory, at.name, 0755));
  volume().Forget(entry.node, 1);
  return absl::OkStatus();
}

absl::Status Replica::MakeSymlink(const std::string& path, const std::string& target) {
  COPSE_ASSIGN_OR_RETURN(const At at, Place(path));
  COPSE_ASSIGN_OR_RETURN(const fs::Volume::Entry entry, volume().MakeSymlink(kUser, at.directory, at.name, target));
  volume().Forget(entry.node, 1);
  return absl::OkStatus();
}

absl::Status Replica::Write(const std::string& path, std::uint64_t offset, std::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(const At at, Place(path));
  crdt::NodeId file;
  fs::Volume::Handle* handle = nullptr;
  if (const auto found = Find(path); found.ok()) {
    file = *found;
    COPSE_ASSIGN_OR_RETURN(handle, volume().Open(file, {.write = true}));
  } else {
    COPSE_ASSIGN_OR_RETURN(const fs::Volume::Created created,
                           volume().Create(kUser, at.directory, at.name, 0644, {.write = true}));
    handle = created.handle;
    file = created.entry.node;
    volume().Forget(file, 1);
  }
  absl::Status status;
  if (const auto before = ReadAll(volume(), file); before.ok()) {
    record_.WritesTo(file, *before);
    std::string now = *before;
    if (now.size() < offset + bytes.size()) now.resize(offset + bytes.size(), '\0');
    now.replace(offset, bytes.size(), bytes);
    record_.Holds(file, std::move(now));
    status = volume().Write(file, handle, offset, bytes).status();
  } else {
    status = before.status();
  }
  volume().Release(handle);
  return status;
}

absl::Status Replica::Append(const std::string& path, std::string_view bytes) {
  COPSE_ASSIGN_OR_RETURN(const crdt::NodeId file, Find(path));
  COPSE_ASSIGN_OR_RETURN(const fs::Attributes attributes, volume().GetAttributes(file));
  return Write(path, attributes.size, bytes);
}

absl::Status Replica::Truncate(const std::string& path, std::uint64_t size) {
  COPSE_ASSIGN_OR_RETURN(const crdt::NodeId file, Find(path));
  COPSE_ASSIGN_OR_RETURN(std::string now, ReadAll(volume(), file));
  record_.WritesTo(file, now);
  now.resize(size, '\0');
  record_.Holds(file, std::move(now));
  fs::AttributeChanges changes;
  changes.size = size;
  return volume().SetAttributes(kUser, file, changes).status();
}

absl::Status Replica::Fsync(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const crdt::NodeId file, Find(path));
  COPSE_RETURN_IF_ERROR(volume().Fsync(file));
  record_.ContentIsDurable(file);
  return absl::OkStatus();
}

absl::Status Replica::FsyncDirectory(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const crdt::NodeId directory, Find(path));
  return volume().FsyncDirectory(directory);
}

absl::Status Replica::Link(const std::string& path, const std::string& to) {
  COPSE_ASSIGN_OR_RETURN(const crdt::NodeId file, Find(path));
  COPSE_ASSIGN_OR_RETURN(const At at, Place(to));
  COPSE_ASSIGN_OR_RETURN(const fs::Volume::Entry entry, volume().Link(kUser, file, at.directory, at.name));
  volume().Forget(entry.node, 1);
  return absl::OkStatus();
}

absl::Status Replica::Rename(const std::string& path, const std::string& to) {
  COPSE_ASSIGN_OR_RETURN(const At from, Place(path));
  COPSE_ASSIGN_OR_RETURN(const At at, Place(to));
  return volume().Rename(kUser, from.directory, from.name, at.directory, at.name, fs::Volume::kRenamePlain);
}

absl::Status Replica::Unlink(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const At at, Place(path));
  return volume().Unlink(kUser, at.directory, at.name);
}

absl::Status Replica::RemoveDirectory(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const At at, Place(path));
  return volume().RemoveDirectory(kUser, at.directory, at.name);
}

absl::Status Replica::SetAttribute(const std::string& path, const std::string& name, const std::string& value) {
  COPSE_ASSIGN_OR_RETURN(const crdt::NodeId node, Find(path));
  return volume().SetXattr(kUser, node, name, value, fs::Volume::XattrMode::kSet);
}

absl::StatusOr<crdt::NodeId> Replica::InTrash(const std::string& path) {
  for (const fs::Volume::TrashEntry& entry : volume().ListTrash()) {
    if (entry.path == path) return entry.node;
  }
  return absl::NotFoundError(path + " is not in the trash");
}

absl::Status Replica::RestoreFromTrash(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const crdt::NodeId node, InTrash(path));
  return volume().RestoreFromTrash(node).status();
}

absl::Status Replica::PurgeFromTrash(const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const crdt::NodeId node, InTrash(path));
  return volume().PurgeFromTrash(node);
}

absl::Status Replica::Flush() {
  COPSE_RETURN_IF_ERROR(volume().Flush());
  record_.AllContentIsDurable();
  return absl::OkStatus();
}

}  // namespace copse::crash
