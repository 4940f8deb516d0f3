// What can be wrong with a store or a mount point: always one line that says what to do, and nothing lost.

#include <copse/base/posix_storage.h>
#include <copse/fs/frontend.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "cli/program_test.h"

namespace copse::cli {
namespace {

class BadInputTest : public MountedTest {
 protected:
  /// A store with a few frames, and the contents to look for afterwards.
  void MakeHistory() const {
    Mount();
    for (int i = 0; i < 5; ++i) {
      WriteFile(in_mount("file" + std::to_string(i)), std::string(2000, static_cast<char>('a' + i)));
      RunWell({"flush", mount_point()});
    }
    RunWell({"umount", mount_point()});
  }
  /// Every file of the store, by path, but for the lock and the log.
  std::map<std::string, std::string> Contents() const {
    std::map<std::string, std::string> contents;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store())) {
      if (!entry.is_regular_file() || entry.path().filename() == "lock" || entry.path().filename() == "log") continue;
      contents[entry.path()] = ReadFile(entry.path());
    }
    return contents;
  }
  /// The file with ops: the longest below feeds/.
  std::filesystem::path Segment() const {
    std::filesystem::path longest;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store() + "/feeds")) {
      if (!entry.is_regular_file()) continue;
      if (longest.empty() || entry.file_size() > std::filesystem::file_size(longest)) longest = entry.path();
    }
    return longest;
  }
  /// Every command refuses the store in one line, and leaves each byte of it as it was.
  void ExpectRefused(const std::string& reason) const {
    const std::map<std::string, std::string> before = Contents();
    for (const std::vector<std::string>& arguments :
         std::vector<std::vector<std::string>>{{"status", store()},
                                               {"flush", store()},
                                               {"verify", store()},
                                               {"dump", store()},
                                               {"trash", store(), "list"},
                                               {"mount", store(), mount_point()}}) {
      EXPECT_NE(RunBadly(arguments).find(reason), std::string::npos) << arguments.front();
    }
    EXPECT_FALSE(IsMounted());
    EXPECT_TRUE(Contents() == before);
  }
};

TEST_F(BadInputTest, AMountedStoreIsNotMountedElsewhere) {
  Mount();
  WriteFile(in_mount("file"), "contents");
  EXPECT_NE(RunBadly({"mount", store(), MakeDirectory("second")}).find(mount_point()), std::string::npos);
  EXPECT_EQ(ReadFile(in_mount("file")), "contents");
}

TEST_F(BadInputTest, AStoreAndItsMountPointMustNotLieInEachOtherByWhateverPath) {
  const std::string inner = MakeDirectory("place") + "/store";
  RunWell({"init", inner, "--label", "inner"});
  std::filesystem::create_directory_symlink(directory / "place", directory / "alias");
  for (const auto& place : {directory / "place", directory / "alias", directory / "place/.", directory,
                            std::filesystem::path(inner), directory / "place/store/staging"}) {
    EXPECT_NE(RunBadly({"mount", inner, place}).find("must not lie in each other"), std::string::npos) << place;
  }
  EXPECT_NE(RunBadly({"mount", directory / "alias/store", directory / "place"}).find("must not lie in each other"),
            std::string::npos);
  EXPECT_FALSE(IsMounted());
}

TEST_F(BadInputTest, AMountOptionThatMakesNoSenseIsNamed) {
  for (const char* option : {"nonsense", "squash_uid=ann", "map_uid=1"}) {
    EXPECT_EQ(RunBadly({"mount", store(), mount_point(), "-o", option}).find("copse: -o " + std::string(option) + ": "),
              0u);
  }
  EXPECT_FALSE(IsMounted());
}

TEST_F(BadInputTest, AStoreHeldByAProcessThatDoesNotAnswerIsSaidToBe) {
  base::PosixStorage storage;
  const auto lock = storage.Lock(store() + "/lock");
  ASSERT_TRUE(lock.ok()) << lock.status();
  ExpectRefused("another process");
}

TEST_F(BadInputTest, AStoreOfAnotherFormatIsRefused) {
  MakeHistory();
  std::string format = ReadFile(store() + "/format");
  const std::size_t digit = format.find_first_of("0123456789");
  ASSERT_NE(digit, std::string::npos);
  format.replace(digit, 1, "987");
  WriteFile(store() + "/format", format);
  ExpectRefused("format");
}

TEST_F(BadInputTest, AStoreDamagedInTheMiddleIsRefusedWithItsFile) {
  MakeHistory();
  const std::filesystem::path segment = Segment();
  std::string bytes = ReadFile(segment);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  WriteFile(segment, bytes);
  ExpectRefused(segment.filename());
}

TEST_F(BadInputTest, AStoreTornAtTheEndKeepsAllButTheTornTail) {
  MakeHistory();
  const std::filesystem::path segment = Segment();
  WriteFile(segment, ReadFile(segment) + "the beginning of a record");
  EXPECT_TRUE(RunJson({"verify", store()}).at("problems").empty());
  Mount();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ReadFile(in_mount("file" + std::to_string(i))), std::string(2000, static_cast<char>('a' + i)));
  }
  WriteFile(in_mount("after"), "contents");
  RunWell({"umount", mount_point()});
  EXPECT_TRUE(RunJson({"verify", store()}).at("problems").empty());
}

TEST_F(BadInputTest, AStoreWhoseLastFrameWasCutKeepsTheOthers) {
  MakeHistory();
  const std::filesystem::path segment = Segment();
  std::filesystem::resize_file(segment, std::filesystem::file_size(segment) - 3);
  Mount();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(ReadFile(in_mount("file" + std::to_string(i))), std::string(2000, static_cast<char>('a' + i)));
  }
}

TEST_F(BadInputTest, AStoreOfAnotherUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "giving files away takes root";
  MakeHistory();
  constexpr uid_t kSomebodyElse = 12345;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store())) {
    ASSERT_EQ(::lchown(entry.path().c_str(), kSomebodyElse, kSomebodyElse), 0);
  }
  ASSERT_EQ(::lchown(store().c_str(), kSomebodyElse, kSomebodyElse), 0);
  ExpectRefused("own");
}

TEST_F(BadInputTest, AnIdentityThatOthersMayReadIsRefused) {
  std::filesystem::permissions(store() + "/identity", std::filesystem::perms(0644));
  ExpectRefused("identity");
}

TEST_F(BadInputTest, AMountPointThatIsMissingIsSaidToBe) {
  EXPECT_NE(RunBadly({"mount", store(), directory / "missing"}).find("mkdir"), std::string::npos);
}

TEST_F(BadInputTest, AMountPointThatIsAFileIsRefused) {
  WriteFile(directory / "file", "mine");
  RunBadly({"mount", store(), directory / "file"});
  EXPECT_EQ(ReadFile(directory / "file"), "mine");
}

TEST_F(BadInputTest, AMountPointThatIsNotEmptyIsRefused) {
  WriteFile(directory / "mount" / "mine", "mine");
  EXPECT_NE(RunBadly({"mount", store(), mount_point()}).find("not empty"), std::string::npos);
  EXPECT_EQ(ReadFile(directory / "mount" / "mine"), "mine");
}

TEST_F(BadInputTest, AMountPointOfAnotherStoreIsRefused) {
  Mount();
  RunWell({"init", directory / "second"});
  EXPECT_NE(RunBadly({"mount", directory / "second", mount_point()}).find(store()), std::string::npos);
  EXPECT_EQ(RunJson({"status", mount_point()}).at("store"), store());
}

TEST_F(BadInputTest, StoreAndMountPointMayNotLieInEachOther) {
  RunBadly({"mount", store(), store()});
  RunBadly({"mount", store(), MakeDirectory("store/inside")});
  RunWell({"init", MakeDirectory("outer") + "/store"});
  RunBadly({"mount", directory / "outer" / "store", directory / "outer"});
}

TEST_F(BadInputTest, WhatIsNoStoreIsNotMounted) {
  EXPECT_NE(RunBadly({"mount", directory / "missing", mount_point()}).find("copse init"), std::string::npos);
  EXPECT_NE(RunBadly({"mount", MakeDirectory("plain"), mount_point()}).find("copse init"), std::string::npos);
}

}  // namespace
}  // namespace copse::cli
