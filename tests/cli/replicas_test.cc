// Two replicas through the program, each with a store and a mount of its own, on loopback.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "cli/program_test.h"

namespace copse::cli {
namespace {

/// Repeats `condition` until it holds, for at most a minute; returns whether it did.
bool Eventually(const std::function<bool()>& condition) {
  for (int attempt = 0; attempt < 6000; ++attempt) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class ReplicasTest : public MountedTest {
 protected:
  std::string other_store() const { return directory / "other-store"; }
  std::string other_mount_point() const { return directory / "other-mount"; }
  std::filesystem::path in_other(const std::string& name) const { return directory / "other-mount" / name; }

  std::string Invitation(std::vector<std::string> options = {}) const {
    options.insert(options.begin(), {"invite", store()});
    return RunJson(options).at("invitation").get<std::string>();
  }
  std::string Address() const { return RunJson({"status", store()}).at("listening").at(0).get<std::string>(); }

  /// Mounts the first, which listens: at an address of loopback from which nobody connects, so that its port is still
  /// free when it listens there again.
  void MountFirst() const { Mount({"--listen", "127.0.0.77:0"}); }
  /// Lets the second join the first, which is mounted, and mounts it.
  void MountBoth() const {
    MountFirst();
    RunWell({"join", other_store(), Invitation(), "--label", "other"});
    MakeDirectory("other-mount");
    RunWell({"mount", other_store(), other_mount_point()});
    ASSERT_TRUE(Eventually([this] { return AreConnected(); }));
  }
  bool AreConnected() const {
    const Json peers = RunJson({"status", store()}).at("peers");
    return !peers.empty() && peers.at(0).at("connected") == true;
  }
  /// Whether both show the same tree.
  bool AreEqual() const { return RunWell({"dump", store()}) == RunWell({"dump", other_store()}); }

  static bool Exists(const std::filesystem::path& path) { return std::filesystem::exists(path); }
  static bool Holds(const std::filesystem::path& path, const std::string& contents) {
    return Exists(path) && ReadFile(path) == contents;
  }
  static ino_t InodeOf(const std::filesystem::path& path) {
    struct stat shown {};
    EXPECT_EQ(lstat(path.c_str(), &shown), 0) << path;
    return shown.st_ino;
  }
  static void InvertBit(const std::string& path, std::streamoff offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(offset);
    const int byte = file.get();
    file.seekp(offset);
    file.put(static_cast<char>(byte ^ 1));
    ASSERT_TRUE(file.good());
  }
  static void Kill(pid_t process) {
    kill(process, SIGKILL);
    int status = 0;
    waitpid(process, &status, 0);
  }
};

TEST_F(ReplicasTest, WhatOneChangesAppearsInTheMountOfTheOther) {
  MountBoth();
  // Seen as absent before, so that the kernel has something to forget.
  EXPECT_FALSE(Exists(in_other("file")));
  WriteFile(in_mount("file"), "first");
  EXPECT_TRUE(Eventually([this] { return Holds(in_other("file"), "first"); }));
  EXPECT_EQ(InodeOf(in_mount("file")), InodeOf(in_other("file")));
  WriteFile(in_other("file"), "and longer than before");
  EXPECT_TRUE(Eventually([this] { return Holds(in_mount("file"), "and longer than before"); }));
  std::filesystem::create_directory(in_mount("directory"));
  EXPECT_TRUE(Eventually([this] { return Exists(in_other("directory")); }));
  std::filesystem::rename(in_other("file"), in_other("directory/renamed"));
  EXPECT_TRUE(Eventually([this] { return Exists(in_mount("directory/renamed")) && !Exists(in_mount("file")); }));
  std::filesystem::remove_all(in_mount("directory"));
  EXPECT_TRUE(Eventually([this] { return !Exists(in_other("directory")); }));
}

TEST_F(ReplicasTest, AnOpenFileWorksOnWhileTheOtherReplicaEditsReplacesAndDeletesIt) {
  MountBoth();
  WriteFile(in_mount("file"), "0123456789");
  ASSERT_TRUE(Eventually([this] { return Holds(in_other("file"), "0123456789"); }));
  const int open_file = open(in_mount("file").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(open_file, 0);
  const auto read_first = [open_file] {
    char byte = '?';
    return pread(open_file, &byte, 1, 0) == 1 ? byte : '!';
  };
  EXPECT_EQ(read_first(), '0');
  WriteFile(in_other("file"), "edited");
  EXPECT_TRUE(Eventually([&] { return read_first() == 'e'; }));
  WriteFile(in_other("new"), "replaced");
  std::filesystem::rename(in_other("new"), in_other("file"));
  EXPECT_TRUE(Eventually([this] { return Holds(in_mount("file"), "replaced"); }));
  EXPECT_EQ(read_first(), 'e');
  std::filesystem::remove(in_other("file"));
  EXPECT_TRUE(Eventually([this] { return !Exists(in_mount("file")); }));
  EXPECT_EQ(read_first(), 'e');
  EXPECT_EQ(pwrite(open_file, "E", 1, 0), 1);
  EXPECT_EQ(read_first(), 'E');
  EXPECT_EQ(close(open_file), 0);
}

TEST_F(ReplicasTest, ChangesMadeApartAreBothThereWhenTheyMeetAgain) {
  MountBoth();
  RunWell({"umount", other_mount_point()});
  RunWell({"mount", other_store(), other_mount_point(), "--offline"});
  WriteFile(in_mount("new"), "here");
  WriteFile(in_other("new"), "there");
  RunWell({"umount", other_mount_point()});
  RunWell({"mount", other_store(), other_mount_point()});
  ASSERT_TRUE(
      Eventually([this] { return AreEqual() && Exists(in_mount("new-other")) != Exists(in_mount("new-tester")); }));
  std::set<std::string> contents;
  for (const auto& entry : std::filesystem::directory_iterator(mount_point())) contents.insert(ReadFile(entry.path()));
  EXPECT_EQ(contents, (std::set<std::string>{"here", "there"}));
  const Json conflicts = RunJson({"conflicts", other_mount_point()}).at("conflicts");
  ASSERT_EQ(conflicts.size(), 1U);
  EXPECT_EQ(conflicts.at(0).at("path"), "new");
  EXPECT_EQ(conflicts.at(0).at("entries").size(), 2U);
  EXPECT_EQ(RunJson({"status", store()}).at("conflicts"), 1);
}

TEST_F(ReplicasTest, AChunkThatTheDiskHasDamagedIsFoundAndFetchedAgain) {
  MountBoth();
  std::string contents(300'000, '\0');
  std::mt19937 random(7);
  std::generate(contents.begin(), contents.end(), [&] { return static_cast<char>(random()); });
  WriteFile(in_mount("file"), contents);
  ASSERT_TRUE(Eventually([&] { return Holds(in_other("file"), contents); }));
  RunWell({"umount", other_mount_point()});  // The kernel forgets what it has read.
  InvertBit(other_store() + "/chunks/00000000.pack", 1000);
  RunWell({"mount", other_store(), other_mount_point()});
  const Outcome found = Run({"verify", other_store()});
  EXPECT_EQ(found.exit_code, 1);
  EXPECT_NE(found.out.find("is damaged"), std::string::npos) << found.out;
  EXPECT_TRUE(Eventually([this] { return Run({"verify", other_store()}).exit_code == 0; }));
  EXPECT_TRUE(Holds(in_other("file"), contents));
}

TEST_F(ReplicasTest, WhatTheDiskHasLostOfTheLogIsFetchedAgainByRepair) {
  MountBoth();
  for (const char* name : {"one", "two", "three"}) {
    WriteFile(in_mount(name), name);
    ASSERT_TRUE(Eventually([&] { return Holds(in_other(name), name); }));
  }
  const auto segment = [](const std::string& of) { return of + "/feeds/0001/0000000000000000.segment"; };
  const auto lose = [&](const std::string& of) {
    std::filesystem::remove_all(of + "/snapshots");  // Or what they cover is not looked at.
    InvertBit(segment(of), 100);
  };

  RunWell({"umount", other_mount_point()});
  lose(other_store());
  const std::string refused = RunBadly({"mount", other_store(), other_mount_point()});
  EXPECT_NE(refused.find(segment(other_store())), std::string::npos) << refused;
  EXPECT_NE(refused.find("run: copse repair " + other_store()), std::string::npos) << refused;
  EXPECT_EQ(RunJson({"repair", other_store()}).at("mended").size(), 1U);
  EXPECT_EQ(RunWell({"repair", other_store()}), "the log is sound\n");
  RunWell({"mount", other_store(), other_mount_point()});
  EXPECT_NE(RunBadly({"repair", other_store()}).find("another process"), std::string::npos);

  // The own feed of who is dialled.
  RunWell({"umount", mount_point()});
  lose(store());
  const std::string lost = RunBadly({"repair", store(), "--timeout", "0"});
  EXPECT_NE(lost.find("frame 0 of actor 1"), std::string::npos) << lost;
  const std::string mended = RunWell({"repair", store()});
  EXPECT_EQ(mended.find("mended: " + segment(store()) + " offset 42: "), 0U) << mended;
  EXPECT_NE(mended.find("frame 0 of actor 1"), std::string::npos) << mended;
  Mount({});
  for (const std::string& of : {store(), other_store()}) EXPECT_TRUE(RunJson({"verify", of}).at("problems").empty());
  EXPECT_TRUE(Eventually([this] { return AreConnected() && AreEqual(); }));
  for (const char* name : {"one", "two", "three"}) EXPECT_TRUE(Holds(in_mount(name), name));
}

TEST_F(ReplicasTest, WhatCameWhenItJoinedIsFetchedAgainThoughNothingFollowsIt) {
  MountFirst();
  for (int i = 0; i < 50; ++i) WriteFile(in_mount("file" + std::to_string(i)), std::to_string(i));
  RunWell({"join", other_store(), Invitation(), "--label", "other"});
  MakeDirectory("other-mount");
  RunWell({"mount", other_store(), other_mount_point()});
  WriteFile(in_other("own"), "built on it");
  ASSERT_TRUE(Eventually([this] { return Holds(in_mount("own"), "built on it"); }));
  RunWell({"umount", other_mount_point()});
  std::filesystem::remove_all(other_store() + "/snapshots");
  InvertBit(other_store() + "/feeds/0001/0000000000000000.segment", 500);
  const std::string refused = RunBadly({"mount", other_store(), other_mount_point()});
  EXPECT_NE(refused.find("run: copse repair " + other_store()), std::string::npos) << refused;
  EXPECT_NE(RunWell({"repair", other_store()}).find("mended: "), std::string::npos);
  RunWell({"mount", other_store(), other_mount_point()});
  EXPECT_TRUE(RunJson({"verify", other_store()}).at("problems").empty());
  EXPECT_TRUE(Eventually([this] { return AreConnected() && AreEqual(); }));
  EXPECT_TRUE(Holds(in_other("file49"), "49") && Holds(in_other("own"), "built on it"));
}

TEST_F(ReplicasTest, MembersAreListedWithTheSameFingerprintsOnBoth) {
  MountBoth();
  const auto fingerprints = [](const Json& members) {
    std::map<std::string, std::string> result;
    for (const Json& member : members.at("members")) result[member.at("label")] = member.at("fingerprint");
    return result;
  };
  const auto here = fingerprints(RunJson({"members", store()}));
  EXPECT_EQ(here.size(), 2U);
  EXPECT_EQ(here, fingerprints(RunJson({"members", other_store()})));
  EXPECT_EQ(RunJson({"invite", store()}).at("fingerprint"), here.at("tester"));
}

TEST_F(ReplicasTest, AWrongAUsedAndAnExpiredInvitationAreEachRefusedAndTheMountWorksOn) {
  MountFirst();
  const std::string invitation = Invitation();
  std::string mistyped = invitation;
  mistyped[20] = mistyped[20] == 'A' ? 'B' : 'A';
  EXPECT_NE(RunBadly({"join", other_store(), mistyped}).find("mistyped"), std::string::npos);
  RunWell({"join", other_store(), invitation, "--label", "other"});
  const std::string third = directory / "third";
  EXPECT_NE(RunBadly({"join", third, invitation, "--label", "third"}).find("used"), std::string::npos);
  const std::string late = directory / "late";
  const std::string expired = Invitation({"--lifetime", "0"});
  EXPECT_NE(RunBadly({"join", late, expired, "--label", "late"}).find("expired"), std::string::npos);
  const std::string taken = directory / "taken";
  EXPECT_NE(RunBadly({"join", taken, Invitation(), "--label", "other"}).find("label"), std::string::npos);
  WriteFile(in_mount("file"), "still works");
  EXPECT_EQ(RunJson({"members", store()}).at("members").size(), 2U);
}

TEST_F(ReplicasTest, JoiningThatIsKilledGoesOnWhereItWas) {
  MountFirst();
  for (int i = 0; i < 300; ++i)
    WriteFile(in_mount("file" + std::to_string(i)), std::string(3000, static_cast<char>(i)));
  // What rests in the mount yet would be in its dump and not in what was joined.
  RunWell({"flush", mount_point()});
  const std::string invitation = Invitation();
  std::mt19937 random(7);
  for (int round = 0; round < 8; ++round) {
    const pid_t joining = Spawn({"join", other_store(), invitation, "--label", "other"});
    std::this_thread::sleep_for(std::chrono::microseconds(5000 * round + random() % 5000));
    Kill(joining);
    if (std::filesystem::exists(other_store() + "/joining")) {
      EXPECT_EQ(Run({"status", other_store()}).exit_code, 1);
    }
  }
  if (!std::filesystem::exists(other_store() + "/format") || std::filesystem::exists(other_store() + "/joining")) {
    RunWell({"join", other_store(), invitation, "--label", "other"});
  }
  EXPECT_TRUE(AreEqual());
  EXPECT_EQ(RunJson({"members", store()}).at("members").size(), 2U);
  RunWell({"verify", other_store()});
}

TEST_F(ReplicasTest, KillingEitherSideAtAnyMomentOfTheExchangeEndsTheSame) {
  MountFirst();
  RunWell({"join", other_store(), Invitation(), "--label", "other"});
  MakeDirectory("other-mount");
  RunWell({"umount", mount_point()});
  std::mt19937 random(11);
  for (int round = 0; round < 5; ++round) {
    for (const auto& [from, at] : {std::pair(store(), mount_point()), std::pair(other_store(), other_mount_point())}) {
      RunWell({"mount", from, at, "--offline"});
      for (int i = 0; i < 60; ++i) {
        const std::string name = at + "/" + std::to_string(random() % 40);
        WriteFile(name, std::to_string(round) + from + std::string(random() % 4000, 'x'));
        if (random() % 4 == 0) std::filesystem::rename(name, at + "/" + std::to_string(random() % 40));
      }
      RunWell({"umount", at});
    }
    const pid_t serving = Spawn({"serve", store()});
    const pid_t syncing = Spawn({"sync", other_store()});
    std::this_thread::sleep_for(std::chrono::milliseconds(20 + random() % 150));
    Kill(round % 2 == 0 ? serving : syncing);
    Kill(round % 2 == 0 ? syncing : serving);
    RunWell({"verify", store()});
    RunWell({"verify", other_store()});
  }
  const pid_t serving = Spawn({"serve", store()});
  EXPECT_TRUE(Eventually([this] { return Run({"sync", other_store()}).exit_code == 0; }));
  kill(serving, SIGTERM);
  waitpid(serving, nullptr, 0);
  EXPECT_TRUE(AreEqual());
}

TEST_F(ReplicasTest, ServingEndsWithItsTerminalInOrder) {
  const pid_t serving = Spawn({"serve", store(), "--listen", "127.0.0.1:0"});
  EXPECT_TRUE(Eventually([this] { return ReadFile(directory / "spawned-out").starts_with("listening at "); }));
  ASSERT_EQ(kill(serving, SIGHUP), 0);
  EXPECT_EQ(WaitFor(serving), 0);
}

TEST_F(ReplicasTest, AnAddressInUseIsSaidInOneLineAndNothingIsMounted) {
  MountFirst();
  const std::string second = directory / "second";
  RunWell({"init", second, "--label", "second"});
  MakeDirectory("second-mount");
  const std::string line = RunBadly({"mount", second, directory / "second-mount", "--listen", Address()});
  EXPECT_NE(line.find("in use"), std::string::npos) << line;
  RunWell({"mount", second, directory / "second-mount"});
}

TEST_F(ReplicasTest, AReplicaOfAnotherVolumeIsRefusedInOneLine) {
  MountFirst();
  const std::string stranger = directory / "stranger";
  RunWell({"init", stranger, "--label", "stranger"});
  const std::string line = RunBadly({"sync", stranger, "--peer", Address()});
  EXPECT_NE(line.find("member"), std::string::npos) << line;
  const std::string nobody = RunBadly({"sync", stranger, "--peer", "127.0.0.1:1"});
  EXPECT_NE(nobody.find("127.0.0.1:1"), std::string::npos) << nobody;
  WriteFile(in_mount("file"), "still works");
}

TEST_F(ReplicasTest, WhoSpeaksRubbishOrStopsInTheMiddleDisturbsNobody) {
  MountBoth();
  const std::string address = Address();
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  ASSERT_EQ(inet_pton(AF_INET, address.substr(0, address.rfind(':')).c_str(), &to.sin_addr), 1);
  std::mt19937 random(3);
  std::vector<int> connections;
  for (int i = 0; i < 8; ++i) {
    const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(connect(connection, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    std::string rubbish(random() % 10'000, '\0');
    for (char& byte : rubbish) byte = static_cast<char>(random());
    if (i % 2 == 0) rubbish = std::string("\x16\x03\x01\x02\x00\x01", 6) + rubbish;  // As TLS would begin.
    send(connection, rubbish.data(), rubbish.size(), MSG_NOSIGNAL);
    connections.push_back(connection);
  }
  WriteFile(in_mount("file"), "still works");
  EXPECT_TRUE(Eventually([this] { return Holds(in_other("file"), "still works"); }));
  for (const int connection : connections) close(connection);
}

TEST_F(ReplicasTest, AStoreThatWasCopiedAndUsedTwiceIsDetectedAndNothingIsLost) {
  MountBoth();
  RunWell({"umount", other_mount_point()});
  const std::string clone = directory / "clone";
  std::filesystem::copy(other_store(), clone, std::filesystem::copy_options::recursive);
  MakeDirectory("clone-mount");
  RunWell({"mount", clone, directory / "clone-mount", "--offline"});
  WriteFile(directory / "clone-mount" / "from-clone", "clone");
  RunWell({"umount", directory / "clone-mount"});
  RunWell({"mount", other_store(), other_mount_point(), "--offline"});
  WriteFile(in_other("from-original"), "original");
  RunWell({"umount", other_mount_point()});
  RunWell({"sync", other_store()});
  const std::string line = RunBadly({"sync", clone});
  EXPECT_NE(line.find("copied or rolled back"), std::string::npos) << line;
  RunWell({"mount", clone, directory / "clone-mount", "--offline"});
  EXPECT_TRUE(Holds(directory / "clone-mount" / "from-clone", "clone"));
  EXPECT_TRUE(Holds(in_mount("from-original"), "original"));
}

}  // namespace
}  // namespace copse::cli
