// A seed becomes a trace: the weather, who dials whom, then calls and faults in the order of time. Names are so few
// that everything collides; a third of all paths name what happens to be listed.
#include <algorithm>
#include <random>

#include "simulation/simulation.h"

namespace copse::simulation {
namespace {

constexpr std::uint64_t kRealCryptoEvery = 20;
constexpr std::uint64_t kShortBytesMax = 65'536;
constexpr std::uint64_t kWeek = 7 * 24 * 3'600'000;  // Milliseconds.

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {
    trace_.seed = seed;
    trace_.has_real_crypto = seed % kRealCryptoEvery == 1;
    if (seed % 4 != 0) trace_.snapshots = 200 + seed * 7919 % 3000;
  }

  Trace Make(Form form) {
    if (form == Form::kShort) return MakeShort();
    trace_.replicas = Draw(4) == 0 ? 2 + static_cast<int>(Draw(7)) : 2 + static_cast<int>(Draw(2));
    const char* topologies[] = {"mesh", "mesh", "star", "ring"};
    trace_.topology = topologies[Draw(4)];
    DrawWeather();
    const std::uint64_t calls = 30 + Draw(60);
    const std::uint64_t length = 2000 + Draw(Draw(4) == 0 ? 60'000 : 10'000);
    for (std::uint64_t i = 0; i < calls; ++i) {
      at_ = Draw(length);
      Call();
    }
    const std::uint64_t faults = Draw(7);
    for (std::uint64_t i = 0; i < faults; ++i) {
      at_ = Draw(length);
      Fault();
    }
    if (Draw(12) == 0) Damage(length);
    if (trace_.snapshots != 0 && Draw(8) == 0) SpoilSnapshot(length);
    if (Draw(3) == 0) DamageChunks(length);
    if (Draw(4) == 0) LoseFrames(length);
    return Take();
  }

 private:
  /// One crash and one partition among sixty calls.
  Trace MakeShort() {
    constexpr std::uint64_t kCalls = 60;
    constexpr std::uint64_t kLength = 8000;
    trace_.replicas = 3;
    if (trace_.seed % 4 != 1) trace_.snapshots = 0;
    synced_bytes_max_ = kShortBytesMax;
    DrawWeather();
    for (std::uint64_t i = 0; i < kCalls; ++i) {
      at_ = Draw(kLength);
      Call();
    }
    at_ = Draw(kLength);
    DrawReplica();
    Crash();
    at_ = Draw(kLength);
    DrawReplica();
    Partition();
    return Take();
  }

  Trace Take() {
    std::stable_sort(trace_.steps.begin(), trace_.steps.end(),
                     [](const Step& a, const Step& b) { return a.at < b.at; });
    return std::move(trace_);
  }

  void DrawReplica() { replica_ = static_cast<int>(Draw(static_cast<std::uint64_t>(trace_.replicas))); }

  std::uint64_t Draw(std::uint64_t below) { return random_() % below; }
  std::string Number(std::uint64_t below) { return std::to_string(Draw(below)); }

  void DrawWeather() {
    if (Draw(3) == 0) return;
    trace_.drop = Draw(2) == 0 ? 0 : Draw(300);
    trace_.duplicate = Draw(2) == 0 ? 0 : Draw(500);
    trace_.flip = Draw(6) == 0 ? Draw(10) : 0;
    trace_.delay_min = Draw(20);
    trace_.delay_max = trace_.delay_min + Draw(Draw(8) == 0 ? 150'000 : 300);
  }

  void Add(const std::string& verb, std::vector<std::string> arguments) {
    trace_.steps.push_back({at_, replica_, verb, std::move(arguments)});
  }

  std::string Name() {
    static const char* names[] = {"a", "b", "c", "d.txt", "e.tar.gz"};
    return Draw(3) == 0 ? "#" + Number(6) : names[Draw(5)];
  }
  std::string Path() {
    std::string path;
    do {
      path += "/" + Name();
    } while (Draw(5) < 2 && path.size() < 12);
    return path;
  }
  std::string Length() {
    const std::uint64_t kind = Draw(10);
    return Number(kind == 0 ? 65'536 : kind < 4 ? 4096 : 400);
  }

  void Call() {
    DrawReplica();
    CallHere();
  }

  void CallHere() {
    const std::string slot = Number(3);
    switch (Draw(40)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return Add("mkdir", {Path()});
      case 4:
      case 5:
      case 6:
      case 7:
        return Add("save", {Path(), Length()});
      case 8:
      case 9:
        return Add("replace", {Path(), Length(), Draw(2) == 0 ? "sync" : "nosync"});
      case 10:
      case 11:
        return Add("create", {slot, Path()});
      case 12:
      case 13: {
        const char* how[] = {"w", "w", "a", "t", "r"};
        return Add("open", {slot, Path(), how[Draw(5)]});
      }
      case 14:
      case 15:
      case 16:
        return Add("write", {slot, Number(5000), Length()});
      case 17:
        return Add("fsync", {slot});
      case 18:
        return Add(Draw(2) == 0 ? "fsync" : "punch", {slot, Number(3000), Number(9000)});
      case 19:
      case 20:
        return Add("release", {slot});
      case 21:
        return Add("truncate", {Path(), Number(3000)});
      case 22:
      case 23:
      case 24:
        return Add("unlink", {Path()});
      case 25:
      case 26:
        return Add("rmdir", {Path()});
      case 27:
      case 28:
      case 29:
      case 30:
        return Add("rename", {Path(), Path()});
      case 31:
        return Add(Draw(2) == 0 ? "noreplace" : "exchange", {Path(), Path()});
      case 32:
      case 33:
        return Add("link", {Path(), Path()});
      case 34:
        return Add(Draw(2) == 0 ? "symlink" : "mknod", {Path()});
      case 35:
        return Draw(2) == 0 ? Add("chmod", {Path(), Number(512)}) : Add("utimens", {Path(), Number(1'000'000)});
      case 36:
        return Draw(3) == 0 ? Add("unxattr", {Path(), "x"})
                            : Add("xattr", {Path(), Draw(2) == 0 ? "x" : "y", Number(40)});
      case 37:
        return Add(Draw(2) == 0 ? "list" : "fsyncdir", {Draw(2) == 0 ? "/" : Path()});
      case 38:
        return Add(Draw(3) == 0 ? "flush" : Draw(2) == 0 ? "forget" : "look", {Path()});
      default:
        return Add(Draw(3) == 0 ? "purge" : "restore", {Number(8)});
    }
  }

  std::string Keep() {
    const char* keeps[] = {"nothing", "everything", "random", "prefix"};
    return keeps[Draw(4)];
  }
  void StartLater() {
    at_ += Draw(8000);
    Add("start", {});
  }

  /// What is made durable at the last moment: a store that only says so is found out by a crash that follows at once,
  /// before anything else makes it true.
  void LastWords() {
    if (Draw(3) == 0) CallHere();
    switch (Draw(4)) {
      case 0:
        return;
      case 1:
        Add("save", {Path(), Length()});
        return Add("flush", {Path()});
      case 2:
        Add("mkdir", {Path()});
        if (Draw(2) == 0) CallHere();
        return Add("fsyncdir", {"/"});
      default: {
        // Once synced, and once more within a second: the first is published, the second stays in staging.
        const std::string slot = Number(3);
        Add("create", {slot, Path()});
        for (std::uint64_t i = 0; i < 1 + Draw(3); ++i) {
          Add("write", {slot, Number(5000), Draw(4) == 0 ? Number(synced_bytes_max_) : Length()});
          Add("fsync", {slot});
        }
      }
    }
  }

  void Crash() {
    switch (Draw(6)) {
      case 0:
      case 1:
        LastWords();
        Add("crash", {Keep(), Number(1000)});
        break;
      case 2:
        LastWords();
        Add("kill", {});
        break;
      default:
        // Planned before the calls, so that it comes in one of them.
        Add("cut", {Number(Draw(2) == 0 ? 10 : 60), Keep(), Number(1000)});
        LastWords();
    }
    StartLater();
  }

  void Partition() {
    Add("partition", {Number(static_cast<std::uint64_t>(trace_.replicas)), Number(Draw(4) == 0 ? 120'000 : 30'000),
                      Draw(3) == 0 ? "oneway" : "both"});
  }

  /// What makes one replica's past another than the others know.
  void Damage(std::uint64_t length) {
    const auto replicas = static_cast<std::uint64_t>(trace_.replicas);
    DrawReplica();
    at_ = Draw(length);
    switch (Draw(3)) {
      case 0:
        Add("image", {});
        at_ += Draw(length);
        Add("rollback", {});
        return StartLater();
      case 1:
        Add("clone", {Number(replicas)});
        return StartLater();
      default:
        Add("rot", {Number(1'000'000)});
        at_ += Draw(length);
        Add("crash", {"nothing", "0"});
        return StartLater();
    }
  }

  /// Bits of chunks that others have are inverted, late enough for some to be there.
  void DamageChunks(std::uint64_t length) {
    for (std::uint64_t i = 0; i < 1 + Draw(4); ++i) {
      DrawReplica();
      at_ = length / 4 + Draw(length);
      Add("decay", {Number(1'000'000'000)});
    }
  }

  /// Somebody's process ends, its disk loses frames that others have, and it starts later.
  void LoseFrames(std::uint64_t length) {
    DrawReplica();
    at_ = length / 4 + Draw(length);
    Add("lose", {Number(1'000'000'000)});
    StartLater();
  }

  /// A bit of a snapshot is inverted, at once or in a while found out by a start, and another one written.
  void SpoilSnapshot(std::uint64_t length) {
    DrawReplica();
    at_ = Draw(length);
    Add("spoil", {Number(1'000'000'000)});
    if (Draw(2) == 0) at_ += Draw(1000);
    Add(Draw(2) == 0 ? "stop" : "kill", {});
    StartLater();
  }

  /// Of weeks, the others sleep through all but the last minutes: idle for weeks, they would take a second of ours.
  void Pause() {
    if (Draw(4) != 0) return Add("pause", {Number(10'000)});
    if (Draw(2) != 0) return Add("pause", {Number(600'000)});
    const std::uint64_t slept = kWeek + Draw(5 * kWeek);
    Add("pause", {std::to_string(slept + 1 + Draw(600'000))});
    Add("sleep", {std::to_string(slept)});
  }

  void Fault() {
    DrawReplica();
    switch (Draw(17)) {
      case 15:
        return Add("rubbish", {Draw(3) == 0 ? "stranger" : "member", Number(100'000)});
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return Crash();
      case 6:
        Add("stop", {});
        return StartLater();
      case 7:
        return Add("failsync", {Number(8)});
      case 8:
        return Add("failwrite", {Number(12)});
      case 9:
        Add("space", {Number(20'000)});
        at_ += Draw(8000);
        return Add("space", {"all"});
      case 10:
      case 11:
      case 12:
        return Partition();
      case 13:
        return Pause();
      case 14:
        return Add("jump", {Number(100'000'000'000), Draw(2) == 0 ? "back" : "forward"});
      default:
        if (Draw(2) == 0) return Add("stick", {Draw(3) == 0 ? "off" : "on"});
        return Add("sleep", {std::to_string(1'000'000 + Draw(3'000'000'000))});
    }
  }

  std::mt19937_64 random_;
  Trace trace_;
  std::uint64_t synced_bytes_max_ = 200'000;  ///< More than staging keeps in memory.
  std::uint64_t at_ = 0;
  int replica_ = 0;
};

}  // namespace

Trace Generate(std::uint64_t seed, Form form) { return Generator(seed).Make(form); }

}  // namespace copse::simulation
