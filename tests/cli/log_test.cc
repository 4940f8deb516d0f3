#include "cli/log.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "support/files.h"
#include "support/temporary_directory.h"

namespace copse::cli {
namespace {

class LogTest : public testing::Test {
 protected:
  std::unique_ptr<Log> Open(LogLevel level, std::uint64_t bytes_max = Log::kBytesMax) {
    Log::Options options;
    options.level = level;
    options.bytes_max = bytes_max;
    absl::StatusOr<std::unique_ptr<Log>> log = Log::Open(path, clock, options);
    EXPECT_TRUE(log.ok()) << log.status();
    return std::move(*log);
  }

  base::ManualClock clock{1'700'000'000'123'456'789};
  const test::TemporaryDirectory temporary;
  const std::filesystem::path& directory = temporary.path();
  std::string path = directory / "log";
};

TEST_F(LogTest, ALineHasTimeLevelAndMessage) {
  Open(LogLevel::kInfo)->Info("mounted\nhere");
  EXPECT_EQ(test::ReadFile(path), "2023-11-14T22:13:20.123Z info mounted here\n");
}

TEST_F(LogTest, LinesAboveTheLevelAreDropped) {
  const std::unique_ptr<Log> log = Open(LogLevel::kError);
  log->Error("bad");
  log->Info("what happens");
  log->Debug("in detail");
  EXPECT_EQ(test::ReadFile(path), "2023-11-14T22:13:20.123Z error bad\n");
}

TEST_F(LogTest, TheFileIsForItsOwnerAloneThoughItWasNotBefore) {
  test::WriteFile(path, "");
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  Open(LogLevel::kInfo);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

TEST_F(LogTest, ALaterLogContinuesTheFile) {
  Open(LogLevel::kInfo)->Info("one");
  Open(LogLevel::kInfo)->Info("two");
  EXPECT_EQ(test::ReadFile(path), "2023-11-14T22:13:20.123Z info one\n2023-11-14T22:13:20.123Z info two\n");
}

TEST_F(LogTest, ThreeFilesAreKeptAndNoneIsLongerThanTheBound) {
  const std::unique_ptr<Log> log = Open(LogLevel::kInfo, 100);
  for (int i = 10; i < 30; ++i) log->Info("message " + std::to_string(i));
  for (const char* suffix : {"", ".1", ".2"}) {
    EXPECT_LE(test::ReadFile(path + suffix).size(), 100u);
    struct stat found {};
    ASSERT_EQ(::stat((path + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 07777, 0600u);
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".3"));
  EXPECT_NE((test::ReadFile(path + ".1") + test::ReadFile(path)).find("message 28"), std::string::npos);
  EXPECT_NE(test::ReadFile(path).find("message 29"), std::string::npos);
  EXPECT_EQ(test::ReadFile(path).find("message 28") == std::string::npos,
            test::ReadFile(path + ".1").find("message 28") != std::string::npos);
}

TEST_F(LogTest, ALogThatCannotBeWrittenIsAnError) {
  path = directory / "missing" / "log";
  EXPECT_FALSE(Log::Open(path, clock, {}).ok());
}

}  // namespace
}  // namespace copse::cli
