// The program on mounted volumes: every command, and every way in which a mount begins and ends.

#include <copse/base/hash.h>
#include <copse/base/posix_storage.h>
#include <copse/fs/frontend.h>
#include <copse/replica/identity.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <thread>

#include "cli/program_test.h"

namespace copse::cli {
namespace {

TEST_F(MountedTest, MountSaysWhereAndHowToUnmount) {
  const std::string out = RunWell({"mount", store(), mount_point()});
  EXPECT_NE(out.find("mounted " + store() + " at " + mount_point()), std::string::npos);
  EXPECT_NE(out.find("copse umount " + mount_point()), std::string::npos);
  EXPECT_TRUE(IsMounted());
}

TEST_F(MountedTest, AMountCanBeUnmountedAsSoonAsMountReturns) {
  for (int i = 0; i < 5; ++i) {
    Mount();
    const absl::Status unmounted = fs::Unmount(mount_point(), false);
    EXPECT_TRUE(unmounted.ok()) << unmounted;
    WaitForTheProcessToEnd();
  }
}

TEST_F(MountedTest, WhatIsWrittenIsThereAfterUnmountingAndMountingAgain) {
  Mount();
  WriteFile(in_mount("file"), "contents");
  std::filesystem::create_directories(in_mount("a/b"));
  WriteFile(in_mount("a/b/big"), std::string(3'000'000, 'x'));
  const auto inode = [&](const std::string& name) {
    struct stat found {};
    EXPECT_EQ(::stat(in_mount(name).c_str(), &found), 0);
    return found.st_ino;
  };
  const auto file = inode("file");
  EXPECT_NE(RunWell({"umount", mount_point()}).find("on the disk"), std::string::npos);
  EXPECT_FALSE(IsMounted());
  Mount();
  EXPECT_EQ(ReadFile(in_mount("file")), "contents");
  EXPECT_TRUE(ReadFile(in_mount("a/b/big")) == std::string(3'000'000, 'x'));
  EXPECT_EQ(inode("file"), file);
}

TEST_F(MountedTest, EveryCommandTakesTheMountTheStoreAndAnythingInside) {
  Mount();
  std::filesystem::create_directory(in_mount("d"));
  WriteFile(in_mount("d/file"), "contents");
  for (const std::string& path : {mount_point(), store(), in_mount("d").string(), in_mount("d/file").string()}) {
    const Json status = RunJson({"status", path});
    EXPECT_EQ(status.at("store"), store());
    EXPECT_EQ(status.at("mounted_at"), mount_point());
    EXPECT_EQ(status.at("entries"), 2);
    EXPECT_EQ(RunJson({"flush", path}).at("store"), store());
    EXPECT_TRUE(RunJson({"verify", path}).at("problems").empty());
    EXPECT_TRUE(RunJson({"trash", path, "list"}).at("entries").empty());
    EXPECT_NE(RunWell({"dump", path}).find("\"file\""), std::string::npos);
    RunJson({"dump", path});
  }
  EXPECT_NE(RunWell({"status", mount_point()}).find("mounted at: " + mount_point()), std::string::npos);
}

/// How often each thread of `process` has gone to sleep, as the kernel counts it. Threads that end meanwhile are not in
/// it, so that two looks are equal only if no thread woke up, began or ended between them.
std::map<std::string, std::uint64_t> TimesAsleep(pid_t process) {
  std::map<std::string, std::uint64_t> times;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task")) {
    std::ifstream status(thread.path() / "status");
    for (std::string key; status >> key;) {
      if (key == "voluntary_ctxt_switches:") status >> times[thread.path().filename()];
    }
  }
  return times;
}

TEST_F(MountedTest, AMountThatNobodyUsesDoesNotWakeUp) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "ThreadSanitizer has a thread of its own in every process, which wakes up ten times a second";
#endif
  Mount({"--listen", "127.0.0.1:0"});
  WriteFile(in_mount("file"), "contents");
  const pid_t process = ProcessOfMount();
  // What is written rests for two seconds before the last of it is done. Whatever woke up once a second would do so in
  // each of the looks.
  constexpr int kLooksMax = 10;
  bool slept = false;
  for (int look = 0; look < kLooksMax && !slept; ++look) {
    const auto before = TimesAsleep(process);
    ASSERT_FALSE(before.empty());
    std::this_thread::sleep_for(std::chrono::milliseconds(2500));
    slept = TimesAsleep(process) == before;
  }
  EXPECT_TRUE(slept);
}

TEST_F(MountedTest, FlushLeavesNothingWaiting) {
  Mount();
  WriteFile(in_mount("file"), "contents");
  RunWell({"flush", mount_point()});
  const Json status = RunJson({"status", mount_point()});
  EXPECT_EQ(status.at("waiting_ops"), 0);
  EXPECT_EQ(status.at("dirty_files"), 0);
}

TEST_F(MountedTest, TheDumpIsEqualMountedUnmountedAndMountedAgain) {
  Mount();
  for (int i = 0; i < 50; ++i) WriteFile(in_mount("file" + std::to_string(i)), std::to_string(i));
  for (int i = 0; i < 50; i += 3) std::filesystem::remove(in_mount("file" + std::to_string(i)));
  std::filesystem::rename(in_mount("file1"), in_mount("file2"));
  RunWell({"flush", mount_point()});
  const std::string mounted = RunWell({"dump", mount_point()});
  RunWell({"umount", mount_point()});
  EXPECT_EQ(RunWell({"dump", store()}), mounted);
  Mount();
  EXPECT_EQ(RunWell({"dump", mount_point()}), mounted);
}

TEST_F(MountedTest, WhatWasDeletedIsListedRestoredAndPurged) {
  Mount();
  std::filesystem::create_directory(in_mount("d"));
  for (const char* name : {"d/one", "d/two", "d/three"}) WriteFile(in_mount(name), name);
  for (const char* name : {"d/one", "d/two", "d/three"}) std::filesystem::remove(in_mount(name));
  const Json listed = RunJson({"trash", mount_point(), "list"}).at("entries");
  ASSERT_EQ(listed.size(), 3u);
  std::string two;
  for (const Json& entry : listed) {
    EXPECT_EQ(entry.at("kind"), "file");
    if (entry.at("path") == "d/two") two = ToText(entry.at("node"));
  }
  ASSERT_FALSE(two.empty());
  EXPECT_EQ(RunWell({"trash", mount_point(), "restore", "d/one"}), "restored d/one\n");
  EXPECT_EQ(ReadFile(in_mount("d/one")), "d/one");
  RunBadly({"trash", mount_point(), "restore", "d/one"});
  EXPECT_EQ(RunJson({"trash", mount_point(), "restore", two}).at("restored").at(0).at("path"), "d/two");
  EXPECT_EQ(ReadFile(in_mount("d/two")), "d/two");
  EXPECT_EQ(RunWell({"trash", mount_point(), "purge", "d/three"}), "purged d/three\n");
  EXPECT_EQ(RunWell({"trash", mount_point(), "list"}), "the trash is empty\n");
}

TEST_F(MountedTest, TheTrashWorksTheSameWayOnTheUnmountedStore) {
  Mount();
  WriteFile(in_mount("kept"), "precious");
  WriteFile(in_mount("doomed"), "nothing");
  std::filesystem::remove(in_mount("kept"));
  std::filesystem::remove(in_mount("doomed"));
  RunWell({"umount", mount_point()});
  EXPECT_NE(RunWell({"trash", store(), "list"}).find("doomed"), std::string::npos);
  RunWell({"trash", store(), "restore", "/kept"});
  EXPECT_EQ(RunJson({"trash", store(), "purge", "--all"}).at("purged").size(), 1u);
  Mount();
  EXPECT_EQ(ReadFile(in_mount("kept")), "precious");
  EXPECT_FALSE(std::filesystem::exists(in_mount("doomed")));
}

TEST_F(MountedTest, IfOneTargetIsNotInTheTrashNoneIsTouched) {
  Mount();
  WriteFile(in_mount("file"), "contents");
  std::filesystem::remove(in_mount("file"));
  RunBadly({"trash", mount_point(), "restore", "file", "other"});
  EXPECT_EQ(RunJson({"trash", mount_point(), "list"}).at("entries").size(), 1u);
}

TEST_F(MountedTest, MountingWhatIsMountedThereSaysSoAndSucceeds) {
  Mount();
  const pid_t process = ProcessOfMount();
  EXPECT_NE(RunWell({"mount", store(), mount_point()}).find("already mounted"), std::string::npos);
  EXPECT_EQ(RunJson({"mount", store(), mount_point()}).at("already_mounted"), true);
  EXPECT_EQ(ProcessOfMount(), process);
}

TEST_F(MountedTest, AKilledMountIsTakenOverByTheNextWithAllThatWasFlushed) {
  Mount();
  WriteFile(in_mount("file"), "contents");
  RunWell({"flush", mount_point()});
  EndProcess(SIGKILL);
  EXPECT_TRUE(IsMounted());
  EXPECT_TRUE(fs::IsDeadMount(mount_point()));
  for (const std::string& path : {mount_point(), in_mount("file").string()}) {
    EXPECT_NE(RunBadly({"status", path}).find("copse mount"), std::string::npos);
  }
  EXPECT_EQ(RunJson({"status", store()}).at("entries"), 1);
  EXPECT_EQ(RunJson({"mount", store(), mount_point()}).at("took_over"), true);
  EXPECT_EQ(ReadFile(in_mount("file")), "contents");
  EXPECT_TRUE(RunJson({"verify", mount_point()}).at("problems").empty());
}

TEST_F(MountedTest, WhatWasSyncedBeforeAKillIsWholeThoughTheFileWasStillOpen) {
  Mount();
  const std::string contents(300'000, 's');
  const int file = ::open(in_mount("synced").c_str(), O_WRONLY | O_CREAT, 0644);
  ASSERT_GE(file, 0);
  ASSERT_EQ(::write(file, contents.data(), contents.size()), static_cast<ssize_t>(contents.size()));
  ASSERT_EQ(::fsync(file), 0);
  EndProcess(SIGKILL);
  ::close(file);
  Mount();
  EXPECT_TRUE(ReadFile(in_mount("synced")) == contents);
}

TEST_F(MountedTest, AProgramThatGoesOnWritingALargeFileAfterAKillIsHeardByTheNextMount) {
  RunWell({"mount", "-o", "passthrough", store(), mount_point()});
  WriteFile(in_mount("file"), std::string(3'000'000, 'x'));
  {
    const int created = open(in_mount("file").c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(fsync(created), 0);
    close(created);
  }
  const int file = open(in_mount("file").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(file, 0);
  ASSERT_EQ(pwrite(file, "before", 6, 0), 6);
  ASSERT_EQ(fsync(file), 0);
  EndProcess(SIGKILL);
  // Where the kernel does not let it pass through, the program is told that its file is gone.
  const bool goes_on = pwrite(file, "after!", 6, 100) == 6;
  Mount();
  EXPECT_EQ(ReadFile(in_mount("file")).substr(0, 6), "before");
  EXPECT_EQ(ReadFile(in_mount("file")).substr(100, 6), goes_on ? "after!" : "xxxxxx");
  if (goes_on) {
    ASSERT_EQ(pwrite(file, "beside", 6, 200), 6);
    EXPECT_EQ(ReadFile(in_mount("file")).substr(200, 6), "beside");
  }
  close(file);
  RunWell({"umount", mount_point()});
  RunWell({"verify", store()});
  Mount();
  EXPECT_EQ(ReadFile(in_mount("file")).substr(200, 6), goes_on ? "beside" : "xxxxxx");
}

TEST_F(MountedTest, UnmountRemovesTheMountOfAKilledProcess) {
  Mount();
  EndProcess(SIGKILL);
  EXPECT_NE(RunWell({"umount", mount_point()}).find("gone"), std::string::npos);
  EXPECT_FALSE(IsMounted());
  Mount();
}

TEST_F(MountedTest, SigtermUnmountsWithEverythingDurable) {
  Mount();
  WriteFile(in_mount("file"), "written, never synced");
  EndProcess(SIGTERM);
  EXPECT_FALSE(IsMounted());
  EXPECT_FALSE(std::filesystem::exists(store() + "/control"));
  EXPECT_EQ(RunJson({"status", store()}).at("entries"), 1);
  Mount();
  EXPECT_EQ(ReadFile(in_mount("file")), "written, never synced");
}

class ForegroundTest : public MountedTest {
 protected:
  pid_t MountInTheForeground(bool by_nohup = false) const {
    const pid_t process = Spawn({"mount", store(), mount_point(), "--foreground", "-v"}, by_nohup);
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (Run({"status", mount_point()}).exit_code != 0 && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_EQ(ProcessOfMount(), process);
    return process;
  }
  void ExpectEndInOrder(pid_t process, int signal) const {
    WriteFile(in_mount("file"), "contents");
    ASSERT_EQ(::kill(process, signal), 0);
    EXPECT_EQ(WaitFor(process), 0) << "signal " << signal;
    EXPECT_FALSE(IsMounted());
    EXPECT_NE(ReadFile(directory / "spawned-err").find("unmounted " + mount_point()), std::string::npos);
    EXPECT_EQ(RunJson({"status", store()}).at("entries"), 1);
  }
};

TEST_F(ForegroundTest, EndsInOrderByCtrlCAndWithItsTerminal) {
  for (const int signal : {SIGINT, SIGHUP}) ExpectEndInOrder(MountInTheForeground(), signal);
}

TEST_F(ForegroundTest, OutlivesItsTerminalWhereNohupAsksForIt) {
  const pid_t process = MountInTheForeground(/*by_nohup=*/true);
  ASSERT_EQ(::kill(process, SIGHUP), 0);
  EXPECT_EQ(ProcessOfMount(), process);
  ExpectEndInOrder(process, SIGTERM);
}

TEST_F(ForegroundTest, OutlivesWhoeverReadsItsMessages) {
  const pid_t process = MountInTheForeground();
  ASSERT_EQ(::kill(process, SIGPIPE), 0);  // What a write to stderr sends when its reader is gone.
  EXPECT_EQ(ProcessOfMount(), process);
  ExpectEndInOrder(process, SIGTERM);
}

TEST_F(MountedTest, AMountInUseIsNotUnmountedAndGoesOnWorking) {
  Mount();
  WriteFile(in_mount("file"), "contents");
  const int file = ::open(in_mount("file").c_str(), O_RDONLY);
  ASSERT_GE(file, 0);
  RunBadly({"umount", mount_point()});
  EXPECT_TRUE(IsMounted());
  EXPECT_EQ(ReadFile(in_mount("file")), "contents");
  ::close(file);
  RunWell({"umount", mount_point()});
}

TEST_F(MountedTest, UnmountNamesTheMountPointWhereItWasGivenSomethingInside) {
  Mount();
  std::filesystem::create_directory(in_mount("d"));
  EXPECT_NE(RunBadly({"umount", in_mount("d")}).find("copse umount " + mount_point()), std::string::npos);
  EXPECT_TRUE(IsMounted());
}

TEST_F(MountedTest, AReadOnlyMountTakesNoChange) {
  Mount();
  WriteFile(in_mount("file"), "contents");
  RunWell({"umount", mount_point()});
  Mount({"--read-only"});
  EXPECT_EQ(ReadFile(in_mount("file")), "contents");
  EXPECT_EQ(RunJson({"status", mount_point()}).at("read_only"), true);
  EXPECT_LT(::open(in_mount("new").c_str(), O_WRONLY | O_CREAT, 0644), 0);
  EXPECT_EQ(errno, EROFS);
}

TEST_F(MountedTest, TheLogIsPrivateAndHoldsNoKeyAndNoContents) {
  Mount({"-v", "-v"});
  WriteFile(in_mount("file"), "the contents of a file");
  RunJson({"status", mount_point()});
  RunWell({"umount", mount_point()});
  const std::string log = ReadFile(store() + "/log");
  EXPECT_NE(log.find(" info mounted " + store()), std::string::npos) << log;
  EXPECT_NE(log.find(" debug asked for status"), std::string::npos) << log;
  struct stat found {};
  ASSERT_EQ(::stat((store() + "/log").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
  base::PosixStorage storage;
  const auto identity = replica::ReadIdentity(storage, store() + "/identity");
  ASSERT_TRUE(identity.ok()) << identity.status();
  std::vector<std::string> secrets = {identity->signing_secret.substr(0, 32), identity->volume_key};
  for (const auto& [epoch, key] : identity->epoch_keys) secrets.push_back(key);
  for (const std::string& secret : secrets) {
    EXPECT_EQ(log.find(secret), std::string::npos);
    EXPECT_EQ(log.find(base::Hex(secret)), std::string::npos);
  }
  EXPECT_EQ(log.find("the contents of a file"), std::string::npos);
}

TEST_F(MountedTest, ByDefaultAMountInOrderLogsNothing) {
  Mount();
  WriteFile(in_mount("file"), "contents");
  RunWell({"umount", mount_point()});
  EXPECT_EQ(ReadFile(store() + "/log"), "");
}

TEST_F(MountedTest, AnUnfamiliarMountOptionIsReportedToTheCallerThoughTheMountIsDetached) {
  RunBadly({"mount", store(), mount_point(), "-o", "no_such_option"});
  EXPECT_FALSE(IsMounted());
  Mount();
}

}  // namespace
}  // namespace copse::cli
