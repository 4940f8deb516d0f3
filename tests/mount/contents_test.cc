#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using ContentsTest = MountTest;

/// Bytes that differ everywhere, so that a shift or a mix-up shows.
std::string Pattern(std::size_t size, unsigned seed = 1) {
  std::string bytes(size, '\0');
  std::uint32_t state = seed * 2654435761u + 1;
  for (char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

std::string ReadAt(int descriptor, off_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  const ssize_t count = pread(descriptor, bytes.data(), size, offset);
  EXPECT_NE(-1, count) << std::strerror(errno);
  bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return bytes;
}

TEST_F(ContentsTest, WhatIsWrittenIsRead) {
  for (const std::size_t size : {0, 1, 511, 512, 513, 4095, 4096, 4097, 65536, 1'000'003, 5'000'000}) {
    const std::string contents = Pattern(size);
    WriteFile(At("file"), contents);
    EXPECT_EQ(contents.size(), static_cast<std::size_t>(StatOf(At("file")).st_size));
    EXPECT_TRUE(contents == ReadFile(At("file"))) << size;
  }
}

TEST_F(ContentsTest, WhatIsWrittenIsReadWithoutTheKernelsPages) {
  const std::string contents = Pattern(3'000'000);
  WriteFile(At("file"), contents);
  ASSERT_TRUE(volume().Flush().ok());
  const Descriptor file = OpenFile(At("file"), O_RDONLY);
  ASSERT_WORKS(fsync(file.get()));
  ASSERT_EQ(0, posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED));
  EXPECT_TRUE(contents == ReadAt(file.get(), 0, contents.size()));
  EXPECT_TRUE(contents.substr(1'234'567, 10'000) == ReadAt(file.get(), 1'234'567, 10'000));
}

TEST_F(ContentsTest, DirectReadsAndWritesWork) {
  const Descriptor file = OpenFile(At("file"), O_RDWR | O_CREAT | O_DIRECT);
  void* memory = nullptr;
  ASSERT_EQ(0, posix_memalign(&memory, 4096, 8192));
  std::memset(memory, 'd', 8192);
  EXPECT_EQ(8192, pwrite(file.get(), memory, 8192, 0));
  std::memset(memory, 0, 8192);
  EXPECT_EQ(8192, pread(file.get(), memory, 8192, 0));
  EXPECT_EQ(std::string(8192, 'd'), std::string(static_cast<char*>(memory), 8192));
  std::free(memory);
  EXPECT_EQ(std::string(8192, 'd'), ReadFile(At("file")));
}

TEST_F(ContentsTest, TwoDescriptorsThatAppendLoseNothing) {
  const Descriptor one = OpenFile(At("log"), O_WRONLY | O_CREAT | O_APPEND);
  const Descriptor two = OpenFile(At("log"), O_WRONLY | O_APPEND);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    const int descriptor = i % 2 == 0 ? one.get() : two.get();
    ASSERT_EQ(static_cast<ssize_t>(line.size()), write(descriptor, line.data(), line.size()));
    expected += line;
  }
  EXPECT_EQ(expected, ReadFile(At("log")));
}

TEST_F(ContentsTest, ADescriptorThatStopsAppendingWritesWhereItIsTold) {
  WriteFile(At("file"), "0123456789");
  const Descriptor file = OpenFile(At("file"), O_RDWR | O_APPEND);
  ASSERT_WORKS(fcntl(file.get(), F_SETFL, 0));
  ASSERT_EQ(2, pwrite(file.get(), "xy", 2, 3));
  EXPECT_EQ("012xy56789", ReadFile(At("file")));
  ASSERT_WORKS(fcntl(file.get(), F_SETFL, O_APPEND));
  ASSERT_EQ(1, write(file.get(), "!", 1));
  EXPECT_EQ("012xy56789!", ReadFile(At("file")));
}

TEST_F(ContentsTest, OpeningWithTruncationEmptiesTheFile) {
  WriteFile(At("file"), "contents");
  const Descriptor reader = OpenFile(At("file"), O_RDONLY);
  EXPECT_EQ("contents", ReadAt(reader.get(), 0, 100));
  const Descriptor file = OpenFile(At("file"), O_WRONLY | O_TRUNC);
  EXPECT_EQ(0, StatOf(At("file")).st_size);
  EXPECT_EQ("", ReadAt(reader.get(), 0, 100));
}

TEST_F(ContentsTest, TruncationCutsAndExtendsWithZeros) {
  WriteFile(At("file"), "0123456789");
  ASSERT_WORKS(truncate(At("file").c_str(), 4));
  EXPECT_EQ("0123", ReadFile(At("file")));
  ASSERT_WORKS(truncate(At("file").c_str(), 8));
  EXPECT_EQ(std::string("0123\0\0\0\0", 8), ReadFile(At("file")));
}

/// The bytes of the open `file`, shared; nullptr on failure.
char* Map(int file, std::size_t size) {
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

TEST_F(ContentsTest, ASharedMappingWritesTheFile) {
  WriteFile(At("file"), Pattern(20'000));
  ChildProcess child([this](const auto&) {
    const Descriptor file(open(At("file").c_str(), O_RDWR));
    char* const memory = Map(file.get(), 20'000);
    if (memory == nullptr) return 1;
    std::memcpy(memory + 10'000, "through the mapping", 19);
    if (msync(memory, 20'000, MS_SYNC) != 0) return 2;
    char bytes[19];
    if (pread(file.get(), bytes, 19, 10'000) != 19 || std::memcmp(bytes, "through the mapping", 19) != 0) return 3;
    return munmap(memory, 20'000) == 0 ? 0 : 4;
  });
  ASSERT_EQ(0, child.Finish());
  const fs::NodeId node{StatOf(At("file")).st_ino};
  char bytes[19];
  const auto count = volume().Read(node, nullptr, 10'000, bytes);
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ("through the mapping", std::string(bytes, *count));
}

TEST_F(ContentsTest, AMappingMayOutliveItsDescriptorAndOthersThatAppend) {
  WriteFile(At("file"), std::string(8192, 'a'));
  ChildProcess child([this](const auto&) {
    Descriptor file(open(At("file").c_str(), O_RDWR));
    char* const memory = Map(file.get(), 8192);
    if (memory == nullptr) return 1;
    file.Close();
    const Descriptor appending(open(At("file").c_str(), O_WRONLY | O_APPEND));
    memory[100] = 'm';
    if (write(appending.get(), "z", 1) != 1) return 2;
    if (munmap(memory, 8192) != 0) return 3;
    return fsync(appending.get()) == 0 ? 0 : 4;
  });
  ASSERT_EQ(0, child.Finish());
  std::string expected(8193, 'a');
  expected[100] = 'm';
  expected[8192] = 'z';
  EXPECT_EQ(8193, StatOf(At("file")).st_size);
  EXPECT_TRUE(expected == ReadFile(At("file")));
}

TEST_F(ContentsTest, HolesAndDataAreFound) {
  const Descriptor file = OpenFile(At("sparse"), O_RDWR | O_CREAT);
  ASSERT_EQ(4096, pwrite(file.get(), Pattern(4096).data(), 4096, 1 << 20));
  ASSERT_WORKS(ftruncate(file.get(), 4 << 20));
  EXPECT_EQ(0, lseek(file.get(), 0, SEEK_HOLE));
  EXPECT_EQ(1 << 20, lseek(file.get(), 0, SEEK_DATA));
  EXPECT_EQ((1 << 20) + 4096, lseek(file.get(), 1 << 20, SEEK_HOLE));
  EXPECT_ERRNO(ENXIO, lseek(file.get(), 2 << 20, SEEK_DATA));
  EXPECT_ERRNO(ENXIO, lseek(file.get(), 5 << 20, SEEK_HOLE));
  EXPECT_LT(StatOf(At("sparse")).st_blocks, 4096);
}

TEST_F(ContentsTest, FallocateKnowsItsModes) {
  const Descriptor file = OpenFile(At("file"), O_RDWR | O_CREAT);
  ASSERT_EQ(10'000, write(file.get(), std::string(10'000, 'a').data(), 10'000));
  ASSERT_WORKS(fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0, 50'000));
  EXPECT_EQ(10'000, StatOf(At("file")).st_size);
  ASSERT_WORKS(fallocate(file.get(), 0, 0, 20'000));
  EXPECT_EQ(20'000, StatOf(At("file")).st_size);
  ASSERT_WORKS(fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 2000));
  ASSERT_WORKS(fallocate(file.get(), FALLOC_FL_ZERO_RANGE, 5000, 1000));
  std::string expected(20'000, '\0');
  expected.replace(0, 10'000, std::string(10'000, 'a'));
  expected.replace(1000, 2000, std::string(2000, '\0'));
  expected.replace(5000, 1000, std::string(1000, '\0'));
  EXPECT_TRUE(expected == ReadFile(At("file")));
  EXPECT_ERRNO(EOPNOTSUPP, fallocate(file.get(), FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
}

TEST_F(ContentsTest, ARangeIsCopiedInsideTheFileSystem) {
  const std::string contents = Pattern(300'000);
  WriteFile(At("from"), contents);
  WriteFile(At("to"), std::string(300'000, 'x'));
  const Descriptor from = OpenFile(At("from"), O_RDONLY);
  const Descriptor to = OpenFile(At("to"), O_RDWR);
  off_t from_offset = 1000;
  off_t to_offset = 2000;
  while (from_offset < 201'000) {
    const ssize_t copied = copy_file_range(from.get(), &from_offset, to.get(), &to_offset,
                                           static_cast<std::size_t>(201'000 - from_offset), 0);
    ASSERT_GT(copied, 0) << std::strerror(errno);
  }
  std::string expected(300'000, 'x');
  expected.replace(2000, 200'000, contents.substr(1000, 200'000));
  EXPECT_TRUE(expected == ReadFile(At("to")));
}

TEST_F(ContentsTest, SyncingAFileAndADirectoryWorks) {
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  WriteFile(At("d/file"), "durable");
  const Descriptor file = OpenFile(At("d/file"), O_RDWR);
  EXPECT_WORKS(fsync(file.get()));
  EXPECT_WORKS(fdatasync(file.get()));
  const Descriptor directory = OpenFile(At("d"), O_RDONLY | O_DIRECTORY);
  EXPECT_WORKS(fsync(directory.get()));
}

TEST_F(ContentsTest, AClosedFileIsPublished) {
  WriteFile(At("file"), Pattern(100'000));
  // RELEASE is sent after close(2) has returned.
  EXPECT_TRUE(Eventually([this] { return volume().GetUsage().dirty_files == 0; }));
}

TEST_F(ContentsTest, TerminalRequestsAreRefusedAsOnAnyFile) {
  WriteFile(At("file"), "");
  const Descriptor file = OpenFile(At("file"), O_RDONLY);
  char terminal[256];
  EXPECT_ERRNO(ENOTTY, ioctl(file.get(), TIOCGWINSZ, terminal));
}

TEST_F(ContentsTest, ReadingADirectoryAndWritingWithoutPermissionFail) {
  char byte = 'x';
  const Descriptor directory = OpenFile(mount_point(), O_RDONLY | O_DIRECTORY);
  EXPECT_ERRNO(EISDIR, read(directory.get(), &byte, 1));
  EXPECT_ERRNO(EISDIR, open(mount_point().c_str(), O_WRONLY));
  WriteFile(At("file"), "");
  const Descriptor reader = OpenFile(At("file"), O_RDONLY);
  EXPECT_ERRNO(EBADF, write(reader.get(), &byte, 1));
}

}  // namespace
}  // namespace copse::test
