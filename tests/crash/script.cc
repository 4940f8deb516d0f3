#include "crash/script.h"

#include <random>

namespace copse::crash {
namespace {

using std::chrono::milliseconds;

/// Bytes that do not compress, the same for each seed.
std::string Noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

absl::Status Pass(Replica& replica, milliseconds time) {
  replica.Pass(time);
  return absl::OkStatus();
}

}  // namespace

std::vector<Step> TheScript() {
  std::vector<Step> script;
  const auto step = [&](std::string name, std::function<absl::Status(World&)> run) {
    script.push_back({std::move(name), std::move(run)});
  };
  const auto founder = [&](std::string name, std::function<absl::Status(Replica&)> run) {
    step("founder: " + name, [run](World& world) { return run(world.founder()); });
  };
  const auto guest = [&](std::string name, std::function<absl::Status(Replica&)> run) {
    step("guest: " + name, [run](World& world) { return run(world.guest()); });
  };
  const auto meet = [&] { step("both meet", [](World& world) { return world.Meet(); }); };

  step("a volume is made", [](World& world) { return world.Found(); });
  founder("mkdir docs", [](Replica& r) { return r.MakeDirectory("docs"); });
  founder("write docs/small", [](Replica& r) { return r.Write("docs/small", 0, std::string(300, 's')); });
  founder("fsync docs/small", [](Replica& r) { return r.Fsync("docs/small"); });
  founder("write docs/medium", [](Replica& r) { return r.Write("docs/medium", 0, Noise(5'000, 1)); });
  founder("fsyncdir docs", [](Replica& r) { return r.FsyncDirectory("docs"); });
  founder("a second passes", [](Replica& r) { return Pass(r, milliseconds(1500)); });
  founder("write big", [](Replica& r) { return r.Write("big", 0, Noise(90'000, 2)); });
  founder("fsync big", [](Replica& r) { return r.Fsync("big"); });
  founder("overwrite in big", [](Replica& r) { return r.Write("big", 70'000, std::string(1'000, 'o')); });
  founder("fsync big", [](Replica& r) { return r.Fsync("big"); });
  founder("a while passes", [](Replica& r) { return Pass(r, milliseconds(3000)); });
  step("founder: invite", [](World& world) { return world.Invite(); });
  step("guest: join", [](World& world) { return world.Join(); });

  guest("write notes", [](Replica& r) { return r.Write("notes", 0, Noise(20'000, 3)); });
  guest("flush", [](Replica& r) { return r.Flush(); });
  guest("link notes", [](Replica& r) { return r.Link("notes", "docs/notes too"); });
  guest("symlink", [](Replica& r) { return r.MakeSymlink("link", "docs/small"); });
  meet();
  founder("write both", [](Replica& r) { return r.Write("both", 0, "begun at the founder"); });
  founder("flush", [](Replica& r) { return r.Flush(); });
  meet();
  founder("edit both", [](Replica& r) { return r.Write("both", 0, "edited at the founder, " + Noise(600, 4)); });
  founder("fsync both", [](Replica& r) { return r.Fsync("both"); });
  guest("edit both", [](Replica& r) { return r.Write("both", 0, "edited at the guest, " + Noise(700, 5)); });
  guest("mkdir d", [](Replica& r) { return r.MakeDirectory("d"); });
  founder("mkdir d", [](Replica& r) { return r.MakeDirectory("d"); });
  founder("time passes", [](Replica& r) { return Pass(r, milliseconds(1100)); });
  meet();  // The guest has ops of its own that are not durable yet.
  guest("flush", [](Replica& r) { return r.Flush(); });
  meet();

  founder("write sparse", [](Replica& r) { return r.Write("d/sparse", 0, "begin"); });
  founder("write far into sparse", [](Replica& r) { return r.Write("d/sparse", 200'000, Noise(3'000, 6)); });
  founder("fsync sparse", [](Replica& r) { return r.Fsync("d/sparse"); });
  founder("append to big", [](Replica& r) { return r.Append("big", Noise(4'000, 7)); });
  founder("fsync big", [](Replica& r) { return r.Fsync("big"); });
  founder("append to big", [](Replica& r) { return r.Append("big", Noise(500, 8)); });
  founder("fsync big", [](Replica& r) { return r.Fsync("big"); });
  founder("truncate big", [](Replica& r) { return r.Truncate("big", 80'000); });
  founder("fsync big", [](Replica& r) { return r.Fsync("big"); });
  founder("append to big, unsynced", [](Replica& r) { return r.Append("big", Noise(100, 9)); });
  step("founder: killed, opens again", [](World& world) { return world.RestartFounder(); });
  founder("time passes", [](Replica& r) { return Pass(r, milliseconds(1100)); });

  founder("write doomed", [](Replica& r) { return r.Write("doomed", 0, Noise(70'000, 14)); });
  founder("fsync doomed", [](Replica& r) { return r.Fsync("doomed"); });
  founder("unlink doomed, unsynced", [](Replica& r) { return r.Unlink("doomed"); });
  founder("write replaced", [](Replica& r) { return r.Write("replaced", 0, Noise(70'000, 15)); });
  founder("fsync replaced", [](Replica& r) { return r.Fsync("replaced"); });
  founder("rename over replaced, unsynced", [](Replica& r) { return r.Rename("docs/small", "replaced"); });
  founder("time passes", [](Replica& r) { return Pass(r, milliseconds(1100)); });

  guest("rename over", [](Replica& r) { return r.Rename("docs/medium", "docs/small"); });
  guest("unlink", [](Replica& r) { return r.Unlink("docs/notes too"); });
  guest("write many", [](Replica& r) {
    for (int i = 0; i < 12; ++i) {
      absl::Status status = r.Write("many" + std::to_string(i), 0, Noise(400, 20 + static_cast<unsigned>(i)));
      if (status.ok() && i % 3 == 0) status = r.Fsync("many" + std::to_string(i));
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  });
  guest("write large", [](Replica& r) { return r.Write("large", 0, Noise(300'000, 10)); });
  guest("flush", [](Replica& r) { return r.Flush(); });
  guest("overwrite in large", [](Replica& r) { return r.Write("large", 1'000, Noise(1'000, 11)); });
  guest("fsync large", [](Replica& r) { return r.Fsync("large"); });
  guest("ends and starts in order", [](Replica& r) {
    const absl::Status closed = r.Close();
    return closed.ok() ? r.Open() : closed;
  });
  founder("unlink big", [](Replica& r) { return r.Unlink("big"); });
  founder("flush", [](Replica& r) { return r.Flush(); });
  meet();
  guest("restore big", [](Replica& r) { return r.RestoreFromTrash("big"); });
  guest("unlink many0", [](Replica& r) { return r.Unlink("many0"); });
  guest("purge many0", [](Replica& r) { return r.PurgeFromTrash("many0"); });
  guest("set an attribute", [](Replica& r) { return r.SetAttribute("notes", "user.note", Noise(200, 12)); });
  guest("fsync notes", [](Replica& r) { return r.Fsync("notes"); });
  founder("atomic save, temporary", [](Replica& r) { return r.Write("notes.tmp", 0, Noise(10'000, 13)); });
  founder("atomic save, fsync", [](Replica& r) { return r.Fsync("notes.tmp"); });
  founder("atomic save, rename", [](Replica& r) { return r.Rename("notes.tmp", "notes"); });
  founder("atomic save, fsync", [](Replica& r) { return r.Fsync("notes"); });
  meet();
  guest("rmdir d, not empty", [](Replica& r) {
    const absl::Status removed = r.RemoveDirectory("d");
    return removed.ok() ? absl::InternalError("a directory that is not empty was removed") : absl::OkStatus();
  });
  guest("a second passes", [](Replica& r) { return Pass(r, milliseconds(1100)); });
  founder("ends in order", [](Replica& r) { return r.Close(); });
  guest("ends in order", [](Replica& r) { return r.Close(); });
  return script;
}

}  // namespace copse::crash
