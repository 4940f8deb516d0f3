// The program on stores that are not mounted.

#include <sys/stat.h>

#include "cli/program_test.h"

namespace copse::cli {
namespace {

class StoreTest : public ProgramTest {
 protected:
  static unsigned ModeOf(const std::string& path) {
    struct stat found {};
    EXPECT_EQ(::stat(path.c_str(), &found), 0) << path;
    return found.st_mode & 07777;
  }
};

TEST_F(StoreTest, InitMakesAPrivateStoreAndSaysWhatToDoNext) {
  const std::string out = RunWell({"init", store(), "--label", "laptop"});
  EXPECT_NE(out.find(store()), std::string::npos);
  EXPECT_NE(out.find("label laptop"), std::string::npos);
  EXPECT_NE(out.find("copse mount " + store()), std::string::npos);
  EXPECT_EQ(ModeOf(store()), 0700u);
  EXPECT_EQ(ModeOf(store() + "/identity"), 0600u);
}

TEST_F(StoreTest, InitWithoutALabelTakesTheNameOfTheHost) {
  const std::string label = RunJson({"init", store()}).at("label");
  EXPECT_FALSE(label.empty());
  EXPECT_EQ(RunJson({"status", store()}).at("label"), label);
}

TEST_F(StoreTest, InitTakesARelativePathAndATrailingSlash) {
  const std::string made = RunJson({"init", store() + "/../other/"}).at("store");
  EXPECT_EQ(made, directory / "other");
}

TEST_F(StoreTest, InitRefusesABadLabelAndMakesNothing) {
  RunBadly({"init", store(), "--label", "No Such Label"});
  EXPECT_FALSE(std::filesystem::exists(store() + "/identity"));
}

TEST_F(StoreTest, InitLeavesWhatIsThereAlone) {
  RunWell({"init", store()});
  const std::string identity = ReadFile(store() + "/identity");
  RunBadly({"init", store()});
  EXPECT_EQ(ReadFile(store() + "/identity"), identity);
  WriteFile(MakeDirectory("full") + "/file", "mine");
  RunBadly({"init", directory / "full"});
  EXPECT_EQ(ReadFile(directory / "full" / "file"), "mine");
}

TEST_F(StoreTest, StatusShowsAnEmptyUnmountedVolume) {
  RunWell({"init", store(), "--label", "laptop"});
  const Json status = RunJson({"status", store()});
  EXPECT_EQ(status.at("store"), store());
  EXPECT_EQ(status.at("volume").get<std::string>().size(), 32u);
  EXPECT_EQ(status.at("label"), "laptop");
  EXPECT_GE(status.at("actor"), 1);
  EXPECT_TRUE(status.at("mounted_at").is_null());
  EXPECT_EQ(status.at("entries"), 0);
  EXPECT_EQ(status.at("trash_entries"), 0);
  EXPECT_EQ(status.at("waiting_ops"), 0);
  EXPECT_EQ(status.at("read_only"), false);
  EXPECT_EQ(status.at("last_error"), "");
  EXPECT_NE(RunWell({"status", store()}).find("not mounted"), std::string::npos);
}

TEST_F(StoreTest, TheRootDirectoryBelongsToWhoMadeTheVolume) {
  RunWell({"init", store()});
  EXPECT_GE(RunJson({"status", store()}).at("own_ops"), 1);
}

TEST_F(StoreTest, EveryCommandWorksOnAStoreThatIsNotMounted) {
  RunWell({"init", store()});
  EXPECT_EQ(RunJson({"flush", store()}).at("store"), store());
  EXPECT_NE(RunWell({"flush", store()}).find("on the disk"), std::string::npos);
  const Json verified = RunJson({"verify", store()});
  EXPECT_TRUE(verified.at("problems").empty());
  EXPECT_EQ(verified.at("chunks_missing"), 0);
  EXPECT_GE(verified.at("frames"), 1);
  EXPECT_NE(RunWell({"verify", store()}).find("sound"), std::string::npos);
  EXPECT_TRUE(RunJson({"trash", store(), "list"}).at("entries").empty());
  EXPECT_EQ(RunWell({"trash", store(), "list"}), "the trash is empty\n");
  EXPECT_TRUE(RunJson({"trash", store(), "purge", "--all"}).at("purged").empty());
}

TEST_F(StoreTest, TheDumpIsATreeFromTheForestDownInBothForms) {
  RunWell({"init", store()});
  EXPECT_EQ(RunWell({"dump", store()}).rfind("- null => forest\n  - 1 => {", 0), 0u);
  const Json dump = RunJson({"dump", store()});
  EXPECT_TRUE(dump.at("id").is_null());
  EXPECT_EQ(dump.at("children").at(0).at("id"), 1);
}

TEST_F(StoreTest, WhatIsNotInTheTrashIsNeitherRestoredNorPurged) {
  RunWell({"init", store()});
  EXPECT_NE(RunBadly({"trash", store(), "restore", "gone"}).find("gone"), std::string::npos);
  RunBadly({"trash", store(), "purge", "4711"});
}

TEST_F(StoreTest, ADirectoryThatIsNoStoreIsSaidToBeNone) {
  MakeDirectory("plain");
  for (const char* command : {"status", "flush", "verify", "dump"}) {
    EXPECT_NE(RunBadly({command, directory / "plain"}).find("copse init"), std::string::npos);
    RunBadly({command, directory / "missing"});
  }
  RunBadly({"umount", directory / "plain"});
}

TEST_F(StoreTest, ACommandLineThatMakesNoSenseEndsWithCodeTwo) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"frobnicate"},
           {"status"},
           {"status", "/a", "/b"},
           {"status", "/a", "--frobnicate"},
           {"trash", "/a"},
           {"trash", "/a", "burn"},
           {"trash", "/a", "restore"},
           {"trash", "/a", "purge"},
           {"trash", "/a", "list", "x"},
           {"trash", "/a", "restore", "x", "--all"},
           {"trash", "/a", "purge", "x", "--all"},
       }) {
    RunBadly(arguments, 2);
  }
}

TEST_F(StoreTest, EveryCommandExplainsItself) {
  const std::string help = RunWell({"--help"});
  for (const char* command : {"init", "mount", "umount", "dump", "status", "verify", "flush", "trash"}) {
    EXPECT_NE(help.find(command), std::string::npos) << command;
    EXPECT_NE(RunWell({command, "--help"}).find("--json"), std::string::npos) << command;
  }
}

TEST_F(StoreTest, TheVersionNamesCommitFormatAndLibraries) {
  const std::string version = RunWell({"--version"});
  for (const char* part :
       {"copse ", "commit ", "store format ", "libfuse 3.", "OpenSSL ", "libsodium ", "zstd ", "Abseil ", "Boost 1_"}) {
    EXPECT_NE(version.find(part), std::string::npos) << part << " in\n" << version;
  }
}

}  // namespace
}  // namespace copse::cli
