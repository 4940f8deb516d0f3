#include "simulation/simulation.h"

#include <copse/base/hash.h>

#include <random>
#include <vector>

#include "simulation/history.h"
#include "simulation/simulated_replica.h"

namespace copse::simulation {
namespace {

using fs::NodeId;
using Keep = base::MemoryStorage::Keep;

/// One run. Names come from a small alphabet, so that everything collides.
class Run {
 public:
  explicit Run(std::uint64_t seed) : random_(seed), replica_(seed) {}

  Outcome Execute() {
    outcome_.status = Lives();
    outcome_.digest = base::Hex(base::AsBytes(base::Sha256(seen_)));
    return outcome_;
  }

 private:
  std::uint64_t Draw(std::uint64_t below) { return random_() % below; }
  std::string DrawName() { return std::string(1, static_cast<char>('a' + Draw(5))); }

  absl::Status Lives() {
    if (absl::Status status = replica_.Create(); !status.ok()) return status;
    if (absl::Status status = replica_.Start(); !status.ok()) return status;
    history_.RestartFrom({});
    const std::uint64_t lives = 2 + Draw(3);
    for (std::uint64_t life = 0; life < lives; ++life) {
      if (absl::Status status = Live(); !status.ok()) return status;
      if (absl::Status status = StartAgain(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  /// Calls until the life's end is drawn or the disk has failed.
  absl::Status Live() {
    PlanFault();
    const std::uint64_t calls = 10 + Draw(50);
    for (std::uint64_t i = 0; i < calls && !replica_.disk().power_is_cut(); ++i) {
      ++outcome_.calls;
      Call();
      if (Draw(8) == 0) replica_.Pass(std::chrono::milliseconds(Draw(3000)));
      // Also after the call that lost the disk: what it did may have reached it.
      absl::StatusOr<Names> names = WalkNames(replica_.volume());
      if (!names.ok()) return names.status();
      for (const auto& [path, what] : *names) seen_ += path + what;
      history_.NamesAre(*std::move(names));
      if (synced_) history_.NamesAreDurable();
      synced_ = false;
    }
    return absl::OkStatus();
  }

  void PlanFault() {
    switch (Draw(4)) {
      case 0:
        ++outcome_.faults["power cut between two writes"];
        replica_.disk().CutPowerAfter(Draw(60));
        break;
      case 1:
        ++outcome_.faults["sync fails"];
        replica_.disk().FailSync(1 + Draw(10));
        break;
      case 2:
        ++outcome_.faults["write fails"];
        replica_.disk().FailWrite(1 + Draw(20));
        break;
      default:
        break;
    }
  }

  absl::Status StartAgain() {
    ++outcome_.crashes;
    const std::uint64_t kind = Draw(3);
    const Keep keep = kind == 0 ? Keep::kNothing : kind == 1 ? Keep::kEverything : Keep::kRandom;
    ++outcome_.faults[kind == 0   ? "crash keeps what was synced"
                      : kind == 1 ? "crash keeps everything"
                                  : "crash keeps random sectors"];
    replica_.Crash(keep, random_());
    if (absl::Status status = replica_.Start(); !status.ok()) {
      return absl::DataLossError("the store does not open after a crash: " + status.ToString());
    }
    absl::StatusOr<Names> names = WalkNames(replica_.volume());
    if (!names.ok()) return names.status();
    if (absl::Status status = history_.CheckNames(*names); !status.ok()) return status;
    auto verification = replica_.store().Verify();
    if (!verification.ok()) return verification.status();
    if (!verification->problems.empty()) return absl::DataLossError("verify: " + verification->problems.front());
    return GoOnFrom(*std::move(names));
  }

  /// Checks every file's contents, and makes what was found the beginning of the next life's story.
  absl::Status GoOnFrom(Names names) {
    std::vector<std::pair<NodeId, std::string>> found;
    for (const auto& [path, what] : names) {
      unsigned kind = 0;
      NodeId node;
      if (std::sscanf(what.c_str(), "%u %lu", &kind, &node.value) != 2) return absl::InternalError(what);
      if (static_cast<fs::Kind>(kind) != fs::Kind::kRegular) continue;
      absl::StatusOr<std::string> content = ReadAll(node);
      if (!content.ok()) return content.status();
      if (absl::Status status = history_.CheckContent(node, *content); !status.ok()) return status;
      seen_ += *content;
      found.emplace_back(node, *std::move(content));
    }
    history_.RestartFrom(std::move(names));
    for (auto& [node, content] : found) history_.RestartContent(node, std::move(content));
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReadAll(NodeId node) {
    const auto handle = replica_.volume().Open(node, {});
    if (!handle.ok()) return handle.status();
    std::string content(1 << 20, '\0');
    const auto count = replica_.volume().Read(node, *handle, 0, std::span<char>(content));
    replica_.volume().Release(*handle);
    if (!count.ok()) return count.status();
    content.resize(*count);
    return content;
  }

  /// A directory: the root, or one drawn below it.
  NodeId DrawDirectory() {
    if (Draw(2) == 0) return crdt::kRoot;
    const auto entry = replica_.volume().Lookup(crdt::kRoot, DrawName());
    if (!entry.ok()) return crdt::kRoot;
    replica_.volume().Forget(entry->node, 1);
    return entry->attributes.kind == fs::Kind::kDirectory ? entry->node : crdt::kRoot;
  }

  std::optional<NodeId> DrawFile() {
    const auto entry = replica_.volume().Lookup(DrawDirectory(), DrawName());
    if (!entry.ok()) return std::nullopt;
    replica_.volume().Forget(entry->node, 1);
    if (entry->attributes.kind != fs::Kind::kRegular) return std::nullopt;
    return entry->node;
  }

  void Call() {
    fs::Volume& volume = replica_.volume();
    const fs::Caller caller;
    switch (Draw(10)) {
      case 0: {
        const auto created = volume.Create(caller, DrawDirectory(), DrawName(), 0644, {.write = true});
        if (!created.ok()) break;
        WriteSomething(created->entry.node, created->handle);
        volume.Release(created->handle);
        volume.Forget(created->entry.node, 1);
        break;
      }
      case 1:
        Forget(volume.MakeDirectory(caller, DrawDirectory(), DrawName(), 0755));
        break;
      case 2:
        (void)volume.Unlink(caller, DrawDirectory(), DrawName());
        break;
      case 3:
        (void)volume.RemoveDirectory(caller, DrawDirectory(), DrawName());
        break;
      case 4:
        (void)volume.Rename(caller, DrawDirectory(), DrawName(), DrawDirectory(), DrawName(),
                            static_cast<unsigned>(Draw(3)));
        break;
      case 5:
        if (const auto file = DrawFile()) Forget(volume.Link(caller, *file, DrawDirectory(), DrawName()));
        break;
      case 6:
        Forget(volume.MakeSymlink(caller, DrawDirectory(), DrawName(), "target"));
        break;
      case 7:
      case 8:
        if (const auto file = DrawFile()) {
          const auto handle = volume.Open(*file, {.write = true});
          if (!handle.ok()) break;
          WriteSomething(*file, *handle);
          volume.Release(*handle);
        }
        break;
      default:
        SyncSomething();
        break;
    }
  }

  void Forget(const absl::StatusOr<fs::Volume::Entry>& entry) {
    if (entry.ok()) replica_.volume().Forget(entry->node, 1);
  }

  void WriteSomething(NodeId node, fs::Volume::Handle* handle) {
    std::string content(history_.LatestContent(node));
    const std::uint64_t writes = 1 + Draw(3);
    for (std::uint64_t i = 0; i < writes; ++i) {
      const std::uint64_t offset = Draw(content.size() + 2);
      const std::string bytes(1 + Draw(Draw(10) == 0 ? 65536 : 700), static_cast<char>('A' + Draw(26)));
      const auto written = replica_.volume().Write(node, handle, offset, bytes, false);
      // A write that failed may have left any part of itself.
      if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size(), '\0');
      content.replace(offset, bytes.size(), bytes);
      history_.ContentIs(node, content);
      if (!written.ok()) {
        if (const auto now = ReadAll(node); now.ok()) history_.ContentIs(node, *now);
        return;
      }
      if (Draw(4) == 0) Fsync(node);
    }
  }

  void Fsync(NodeId node) {
    if (!replica_.volume().Fsync(node).ok()) return;
    history_.ContentIsDurable(node);
    synced_ = true;
  }

  void SyncSomething() {
    if (Draw(2) == 0) {
      if (const auto file = DrawFile()) Fsync(*file);
      return;
    }
    if (!replica_.volume().Flush().ok()) return;
    history_.AllContentIsDurable();
    synced_ = true;
  }

  std::mt19937_64 random_;
  SimulatedReplica replica_;
  History history_;
  Outcome outcome_;
  std::string seen_;
  bool synced_ = false;
};

}  // namespace

Outcome Simulate(std::uint64_t seed) { return Run(seed).Execute(); }

}  // namespace copse::simulation
