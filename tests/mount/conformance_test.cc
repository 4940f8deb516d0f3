// What ext4 does in corners that programs rely on and that a file system behind FUSE easily misses.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <set>
#include <vector>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using ConformanceTest = MountTest;

constexpr uid_t kNobody = 65534;

/// A file handle (open_by_handle_at(2)) with its bytes.
struct FileHandle {
  alignas(file_handle) char memory[sizeof(file_handle) + MAX_HANDLE_SZ];
  file_handle& get() { return *reinterpret_cast<file_handle*>(memory); }
};

FileHandle HandleOf(const std::string& path) {
  FileHandle handle{};
  handle.get().handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  EXPECT_WORKS(name_to_handle_at(AT_FDCWD, path.c_str(), &handle.get(), &mount_id, 0));
  return handle;
}

TEST_F(ConformanceTest, ARemountReadOnlyRefusesChangesUntilTheNextRemount) {
  COPSE_NEEDS_ROOT();
  WriteFile(At("kept"), "before");
  const auto remount = [&](unsigned long flags) {
    return mount(nullptr, mount_point().c_str(), nullptr, MS_REMOUNT | flags, nullptr);
  };
  {
    const Descriptor writing = OpenFile(At("kept"), O_WRONLY);
    EXPECT_ERRNO(EBUSY, remount(MS_RDONLY));  // Somebody may still write.
  }
  // The kernel counts a writer until its RELEASE has been sent, just after close(2).
  ASSERT_TRUE(Eventually([&] { return remount(MS_RDONLY) == 0; })) << std::strerror(errno);
  EXPECT_EQ("before", ReadFile(At("kept")));
  EXPECT_ERRNO(EROFS, open(At("kept").c_str(), O_WRONLY));
  EXPECT_ERRNO(EROFS, open(At("new").c_str(), O_CREAT | O_RDONLY, 0644));
  EXPECT_ERRNO(EROFS, unlink(At("kept").c_str()));
  EXPECT_ERRNO(EROFS, chmod(At("kept").c_str(), 0600));
  ASSERT_WORKS(remount(0));
  WriteFile(At("kept"), "after");
  EXPECT_EQ("after", ReadFile(At("kept")));
}

TEST_F(ConformanceTest, AFileHandleIsValidAfterARemountAndStaleAfterTheLastNameIsGone) {
  COPSE_NEEDS_ROOT();
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  WriteFile(At("d/f"), "found again");
  FileHandle handle = HandleOf(At("d/f"));
  FileHandle directory = HandleOf(At("d"));
  ASSERT_TRUE(StopServing().ok());
  ASSERT_TRUE(volume().Flush().ok());
  ASSERT_TRUE(Mount(DefaultOptions()).ok());
  const Descriptor mount_descriptor = OpenFile(mount_point(), O_RDONLY | O_DIRECTORY);
  {
    const Descriptor file(open_by_handle_at(mount_descriptor.get(), &handle.get(), O_RDONLY));
    ASSERT_TRUE(file.ok()) << std::strerror(errno);
    char bytes[20] = {};
    EXPECT_EQ(11, read(file.get(), bytes, sizeof bytes));
    EXPECT_STREQ("found again", bytes);
    const Descriptor opened(open_by_handle_at(mount_descriptor.get(), &directory.get(), O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(opened.ok()) << std::strerror(errno);
    struct stat found {};
    EXPECT_WORKS(fstatat(opened.get(), "f", &found, 0));
  }
  ASSERT_WORKS(unlink(At("d/f").c_str()));
  ASSERT_TRUE(Eventually([&] {
    const Descriptor file(open_by_handle_at(mount_descriptor.get(), &handle.get(), O_RDONLY));
    return !file.ok() && errno == ESTALE;
  }));
}

TEST_F(ConformanceTest, DirectWritesAndFallocateOfAStrangerTakeSetidAway) {
  COPSE_NEEDS_ROOT();
  for (const char* name : {"direct", "allocated", "punched", "copied"}) {
    WriteFile(At(name), std::string(8192, 'x'));
    ASSERT_WORKS(chown(At(name).c_str(), 1000, 1000));
    ASSERT_WORKS(chmod(At(name).c_str(), 06777));
  }
  WriteFile(At("source"), "bytes");
  ASSERT_EQ(0, InChild([this] {
              if (setgroups(0, nullptr) != 0 || setgid(kNobody) != 0 || setuid(kNobody) != 0) return 1;
              alignas(4096) static char page[4096];
              const int direct = open(At("direct").c_str(), O_WRONLY | O_DIRECT);
              if (direct < 0 || pwrite(direct, page, sizeof page, 0) != sizeof page) return 2;
              const int allocated = open(At("allocated").c_str(), O_WRONLY);
              if (allocated < 0 || fallocate(allocated, 0, 0, 10000) != 0) return 3;
              const int punched = open(At("punched").c_str(), O_WRONLY);
              if (punched < 0 || fallocate(punched, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 100) != 0) return 4;
              const int copied = open(At("copied").c_str(), O_WRONLY);
              const int source = open(At("source").c_str(), O_RDONLY);
              return copy_file_range(source, nullptr, copied, nullptr, 5, 0) == 5 ? 0 : 5;
            }));
  for (const char* name : {"direct", "allocated", "punched", "copied"}) {
    EXPECT_EQ(S_IFREG | mode_t{0777}, StatOf(At(name)).st_mode) << name;
  }
}

TEST_F(ConformanceTest, APositionInADirectoryStaysThatOfItsEntryWhateverHappensAround) {
  std::set<std::string> all;
  for (int i = 0; i < 300; ++i) {
    all.insert("entry" + std::to_string(i));
    WriteFile(At(*all.rbegin()), "");
    WriteFile(At("entry" + std::to_string(i)), "");
  }
  DIR* const stream = opendir(mount_point().c_str());
  ASSERT_NE(nullptr, stream);
  std::vector<std::pair<long, std::string>> told;  // Each position with the name that follows it.
  for (;;) {
    const long position = telldir(stream);
    const dirent* const entry = readdir(stream);
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.') told.emplace_back(position, entry->d_name);
  }
  ASSERT_EQ(all.size(), told.size());
  for (std::size_t i = 0; i < told.size(); i += 3) {
    ASSERT_WORKS(unlink(At(told[i].second).c_str()));
    WriteFile(At("new" + std::to_string(i)), "");
  }
  ASSERT_WORKS(rename(At(told[1].second).c_str(), At("renamed").c_str()));
  rewinddir(stream);  // POSIX: the stream sees what has changed from here on.
  for (std::size_t i = told.size(); i-- > 2;) {
    if (i % 3 == 0) continue;
    seekdir(stream, told[i].first);
    const dirent* const entry = readdir(stream);
    ASSERT_NE(nullptr, entry);
    EXPECT_EQ(told[i].second, entry->d_name);
  }
  closedir(stream);
}

TEST_F(ConformanceTest, AFileMayHaveMoreNamesThanExt4Allows) {
  WriteFile(At("first"), "x");
  constexpr nlink_t kNames = 65'001;  // ext4 stops at 65,000.
  for (nlink_t i = 1; i < kNames; ++i) {
    ASSERT_WORKS(link(At("first").c_str(), At("name" + std::to_string(i)).c_str()));
  }
  EXPECT_EQ(kNames, StatOf(At("first")).st_nlink);
  EXPECT_EQ(kNames, StatOf(At("name" + std::to_string(kNames - 1))).st_nlink);
  ASSERT_WORKS(unlink(At("first").c_str()));
  EXPECT_EQ(kNames - 1, StatOf(At("name1")).st_nlink);
}

TEST_F(ConformanceTest, SettingTheAccessTimeMovesTheChangeTime) {
  WriteFile(At("f"), "x");
  const struct stat before = StatOf(At("f"));
  const timespec times[2] = {{1'000'000, 5}, {0, UTIME_OMIT}};
  ASSERT_WORKS(utimensat(AT_FDCWD, At("f").c_str(), times, 0));
  const struct stat after = StatOf(At("f"));
  EXPECT_EQ(1'000'000, after.st_atim.tv_sec);
  EXPECT_EQ(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  EXPECT_TRUE(after.st_ctim.tv_sec > before.st_ctim.tv_sec || after.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
}

}  // namespace
}  // namespace copse::test
