#include "cli/log.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace copse::cli {
namespace {

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string name = std::filesystem::temp_directory_path() / "copse-log-XXXXXX";
    directory = ::mkdtemp(name.data());
    path = directory / "log";
  }
  ~LogTest() override { std::filesystem::remove_all(directory); }

  std::unique_ptr<Log> Open(LogLevel level, std::uint64_t bytes_max = Log::kBytesMax) {
    Log::Options options;
    options.level = level;
    options.bytes_max = bytes_max;
    absl::StatusOr<std::unique_ptr<Log>> log = Log::Open(path, clock, options);
    EXPECT_TRUE(log.ok()) << log.status();
    return std::move(*log);
  }
  static std::string Read(const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  base::ManualClock clock{1'700'000'000'123'456'789};
  std::filesystem::path directory;
  std::string path;
};

TEST_F(LogTest, ALineHasTimeLevelAndMessage) {
  Open(LogLevel::kInfo)->Info("mounted\nhere");
  EXPECT_EQ(Read(path), "2023-11-14T22:13:20.123Z info mounted here\n");
}

TEST_F(LogTest, LinesAboveTheLevelAreDropped) {
  const std::unique_ptr<Log> log = Open(LogLevel::kError);
  log->Error("bad");
  log->Info("what happens");
  log->Debug("in detail");
  EXPECT_EQ(Read(path), "2023-11-14T22:13:20.123Z error bad\n");
}

TEST_F(LogTest, TheFileIsForItsOwnerAloneThoughItWasNotBefore) {
  std::ofstream(path) << "";
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  Open(LogLevel::kInfo);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600u);
}

TEST_F(LogTest, ALaterLogContinuesTheFile) {
  Open(LogLevel::kInfo)->Info("one");
  Open(LogLevel::kInfo)->Info("two");
  EXPECT_EQ(Read(path), "2023-11-14T22:13:20.123Z info one\n2023-11-14T22:13:20.123Z info two\n");
}

TEST_F(LogTest, ThreeFilesAreKeptAndNoneIsLongerThanTheBound) {
  const std::unique_ptr<Log> log = Open(LogLevel::kInfo, 100);
  for (int i = 10; i < 30; ++i) log->Info("message " + std::to_string(i));
  for (const char* suffix : {"", ".1", ".2"}) {
    EXPECT_LE(Read(path + suffix).size(), 100u);
    struct stat found {};
    ASSERT_EQ(::stat((path + suffix).c_str(), &found), 0) << suffix;
    EXPECT_EQ(found.st_mode & 07777, 0600u);
  }
  EXPECT_FALSE(std::filesystem::exists(path + ".3"));
  EXPECT_NE((Read(path + ".1") + Read(path)).find("message 28"), std::string::npos);
  EXPECT_NE(Read(path).find("message 29"), std::string::npos);
  EXPECT_EQ(Read(path).find("message 28") == std::string::npos,
            Read(path + ".1").find("message 28") != std::string::npos);
}

TEST_F(LogTest, ALogThatCannotBeWrittenIsAnError) {
  path = directory / "missing" / "log";
  EXPECT_FALSE(Log::Open(path, clock, {}).ok());
}

}  // namespace
}  // namespace copse::cli
