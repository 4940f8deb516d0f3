#include <fcntl.h>
#include <linux/fs.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "mount/mount_test.h"

namespace copse::test {
namespace {

using NamesTest = MountTest;

int RenameAt(const std::string& from, const std::string& to, unsigned flags) {
  return renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags);
}

TEST_F(NamesTest, EveryKindOfFileCanBeMade) {
  EXPECT_WORKS(mknod(At("regular").c_str(), S_IFREG | 0640, 0));
  EXPECT_WORKS(mknod(At("fifo").c_str(), S_IFIFO | 0600, 0));
  EXPECT_WORKS(mknod(At("socket").c_str(), S_IFSOCK | 0600, 0));
  EXPECT_WORKS(mkdir(At("directory").c_str(), 0750));
  EXPECT_WORKS(symlink("target", At("symlink").c_str()));
  EXPECT_EQ(S_IFREG | mode_t{0640}, StatOf(At("regular")).st_mode);
  EXPECT_EQ(S_IFIFO | mode_t{0600}, StatOf(At("fifo")).st_mode);
  EXPECT_EQ(S_IFSOCK | mode_t{0600}, StatOf(At("socket")).st_mode);
  EXPECT_EQ(S_IFDIR | mode_t{0750}, StatOf(At("directory")).st_mode);
  EXPECT_TRUE(S_ISLNK(StatOf(At("symlink")).st_mode));
}

TEST_F(NamesTest, DevicesKeepTheirNumbers) {
  COPSE_NEEDS_ROOT();
  EXPECT_WORKS(mknod(At("null").c_str(), S_IFCHR | 0666, makedev(1, 3)));
  EXPECT_WORKS(mknod(At("disk").c_str(), S_IFBLK | 0600, makedev(259, 1000)));
  EXPECT_EQ(makedev(1, 3), StatOf(At("null")).st_rdev);
  EXPECT_EQ(makedev(259, 1000), StatOf(At("disk")).st_rdev);
  EXPECT_TRUE(S_ISBLK(StatOf(At("disk")).st_mode));
  EXPECT_WORKS(OpenFile(At("null"), O_WRONLY).get());
}

TEST_F(NamesTest, AFifoCarriesBytes) {
  ASSERT_WORKS(mkfifo(At("fifo").c_str(), 0600));
  const Descriptor reader = OpenFile(At("fifo"), O_RDONLY | O_NONBLOCK);
  const Descriptor writer = OpenFile(At("fifo"), O_WRONLY);
  EXPECT_EQ(3, write(writer.get(), "abc", 3));
  char bytes[3];
  EXPECT_EQ(3, read(reader.get(), bytes, sizeof bytes));
}

TEST_F(NamesTest, ASocketCanBeBoundAndReached) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, At("socket").c_str());
  const Descriptor server(socket(AF_UNIX, SOCK_STREAM, 0));
  const Descriptor client(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_WORKS(bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
  ASSERT_WORKS(listen(server.get(), 1));
  EXPECT_WORKS(connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

TEST_F(NamesTest, CreatingExclusivelyFailsOnAnyExistingName) {
  WriteFile(At("file"), "x");
  ASSERT_WORKS(symlink("nowhere", At("symlink").c_str()));
  EXPECT_ERRNO(EEXIST, open(At("file").c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644));
  EXPECT_ERRNO(EEXIST, open(At("symlink").c_str(), O_CREAT | O_EXCL | O_WRONLY, 0644));
  EXPECT_ERRNO(EEXIST, mkdir(At("file").c_str(), 0755));
  EXPECT_ERRNO(EEXIST, symlink("x", At("file").c_str()));
}

TEST_F(NamesTest, AMissingNameThatIsRememberedAsMissingAppearsWhenItIsMade) {
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(Exists(At("later")));
  WriteFile(At("later"), "here");
  EXPECT_TRUE(Exists(At("later")));
  ASSERT_WORKS(unlink(At("later").c_str()));
  EXPECT_FALSE(Exists(At("later")));
}

TEST_F(NamesTest, RenameReplacesTheTarget) {
  WriteFile(At("a"), "from a");
  WriteFile(At("b"), "from b");
  const ino_t inode = StatOf(At("a")).st_ino;
  ASSERT_WORKS(rename(At("a").c_str(), At("b").c_str()));
  EXPECT_FALSE(Exists(At("a")));
  EXPECT_EQ("from a", ReadFile(At("b")));
  EXPECT_EQ(inode, StatOf(At("b")).st_ino);
}

TEST_F(NamesTest, RenameWithNoReplaceLeavesAnExistingTarget) {
  WriteFile(At("a"), "a");
  WriteFile(At("b"), "b");
  EXPECT_ERRNO(EEXIST, RenameAt(At("a"), At("b"), RENAME_NOREPLACE));
  EXPECT_EQ("b", ReadFile(At("b")));
  EXPECT_WORKS(RenameAt(At("a"), At("c"), RENAME_NOREPLACE));
  EXPECT_EQ("a", ReadFile(At("c")));
}

TEST_F(NamesTest, RenameWithExchangeSwapsAFileAndADirectory) {
  WriteFile(At("file"), "contents");
  ASSERT_WORKS(mkdir(At("directory").c_str(), 0755));
  WriteFile(At("directory/child"), "child");
  ASSERT_WORKS(RenameAt(At("file"), At("directory"), RENAME_EXCHANGE));
  EXPECT_EQ("contents", ReadFile(At("directory")));
  EXPECT_EQ("child", ReadFile(At("file/child")));
  EXPECT_ERRNO(ENOENT, RenameAt(At("file"), At("missing"), RENAME_EXCHANGE));
}

TEST_F(NamesTest, RenameRefusesWhiteoutsAndLoops) {
  WriteFile(At("a"), "a");
  EXPECT_ERRNO(EINVAL, RenameAt(At("a"), At("b"), RENAME_WHITEOUT));
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  EXPECT_ERRNO(EINVAL, rename(At("d").c_str(), At("d/below").c_str()));
}

TEST_F(NamesTest, RenameOverADirectoryNeedsItEmpty) {
  ASSERT_WORKS(mkdir(At("from").c_str(), 0755));
  ASSERT_WORKS(mkdir(At("to").c_str(), 0755));
  WriteFile(At("to/child"), "");
  EXPECT_ERRNO(ENOTEMPTY, rename(At("from").c_str(), At("to").c_str()));
  ASSERT_WORKS(unlink(At("to/child").c_str()));
  EXPECT_WORKS(rename(At("from").c_str(), At("to").c_str()));
  WriteFile(At("file"), "");
  EXPECT_ERRNO(EISDIR, rename(At("file").c_str(), At("to").c_str()));
  EXPECT_ERRNO(ENOTDIR, rename(At("to").c_str(), At("file").c_str()));
}

TEST_F(NamesTest, HardlinksShareOneInodeAndCountTheirNames) {
  WriteFile(At("one"), "shared");
  const struct stat before = StatOf(At("one"));
  EXPECT_EQ(1u, before.st_nlink);
  ASSERT_WORKS(link(At("one").c_str(), At("two").c_str()));
  const struct stat linked = StatOf(At("one"));
  EXPECT_EQ(2u, linked.st_nlink);
  EXPECT_EQ(2u, StatOf(At("two")).st_nlink);
  EXPECT_EQ(linked.st_ino, StatOf(At("two")).st_ino);
  EXPECT_TRUE(linked.st_ctim.tv_sec > before.st_ctim.tv_sec || linked.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
  WriteFile(At("two"), "changed");
  EXPECT_EQ("changed", ReadFile(At("one")));
  ASSERT_WORKS(unlink(At("one").c_str()));
  EXPECT_EQ(1u, StatOf(At("two")).st_nlink);
  EXPECT_EQ("changed", ReadFile(At("two")));
}

TEST_F(NamesTest, AnUnlinkedFileServesItsOpenDescriptors) {
  const Descriptor file = OpenFile(At("temporary"), O_RDWR | O_CREAT);
  ASSERT_EQ(5, write(file.get(), "first", 5));
  ASSERT_WORKS(unlink(At("temporary").c_str()));
  struct stat attributes {};
  ASSERT_WORKS(fstat(file.get(), &attributes));
  EXPECT_EQ(0u, attributes.st_nlink);
  ASSERT_EQ(6, write(file.get(), "second", 6));
  char bytes[11];
  ASSERT_EQ(11, pread(file.get(), bytes, sizeof bytes, 0));
  EXPECT_EQ("firstsecond", std::string(bytes, sizeof bytes));
  ASSERT_WORKS(fchmod(file.get(), 0600));
  ASSERT_WORKS(ftruncate(file.get(), 3));
  ASSERT_WORKS(fsync(file.get()));
  ASSERT_WORKS(fstat(file.get(), &attributes));
  EXPECT_EQ(3, attributes.st_size);
}

TEST_F(NamesTest, NamesMayHave255BytesAndNoMore) {
  const std::string longest(255, 'n');
  WriteFile(At(longest), "x");
  EXPECT_EQ(std::vector<std::string>{longest}, NamesIn(mount_point()));
  const std::string longer(256, 'n');
  EXPECT_ERRNO(ENAMETOOLONG, open(At(longer).c_str(), O_CREAT | O_WRONLY, 0644));
  EXPECT_ERRNO(ENAMETOOLONG, mkdir(At(longer).c_str(), 0755));
  EXPECT_ERRNO(ENAMETOOLONG, rename(At(longest).c_str(), At(longer).c_str()));
  struct stat ignored {};
  EXPECT_ERRNO(ENAMETOOLONG, stat(At(longer).c_str(), &ignored));
}

TEST_F(NamesTest, NamesAreBytesAndNotText) {
  const std::string name = "\xff\x01 \n\\'\"*";
  WriteFile(At(name), "bytes");
  EXPECT_EQ(std::vector<std::string>{name}, NamesIn(mount_point()));
  EXPECT_EQ("bytes", ReadFile(At(name)));
}

TEST_F(NamesTest, ASymlinkKeepsATargetOf4095Bytes) {
  const std::string target(4095, 't');
  ASSERT_WORKS(symlink(target.c_str(), At("link").c_str()));
  std::string read_back(5000, '\0');
  const ssize_t length = readlink(At("link").c_str(), read_back.data(), read_back.size());
  ASSERT_EQ(4095, length);
  EXPECT_EQ(target, read_back.substr(0, 4095));
  EXPECT_EQ(4095, StatOf(At("link")).st_size);
}

TEST_F(NamesTest, RemovingChecksTheKindAndEmptiness) {
  WriteFile(At("file"), "");
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  WriteFile(At("d/child"), "");
  EXPECT_ERRNO(ENOTDIR, rmdir(At("file").c_str()));
  EXPECT_ERRNO(EISDIR, unlink(At("d").c_str()));
  EXPECT_ERRNO(ENOTEMPTY, rmdir(At("d").c_str()));
  EXPECT_ERRNO(ENOENT, unlink(At("missing").c_str()));
  EXPECT_WORKS(unlink(At("d/child").c_str()));
  EXPECT_WORKS(rmdir(At("d").c_str()));
  EXPECT_FALSE(Exists(At("d")));
}

TEST_F(NamesTest, DirectoriesNestBeyondTheLongestPath) {
  const std::string name(200, 'd');
  Descriptor directory = OpenFile(mount_point(), O_RDONLY | O_DIRECTORY);
  for (int depth = 0; depth < 30; ++depth) {  // 6,000 bytes: PATH_MAX is 4,096.
    ASSERT_WORKS(mkdirat(directory.get(), name.c_str(), 0755)) << depth;
    Descriptor below(openat(directory.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(below.ok()) << std::strerror(errno);
    const int moved = dup2(below.get(), directory.get());
    ASSERT_WORKS(moved);
  }
  const Descriptor file(openat(directory.get(), "deep", O_CREAT | O_WRONLY, 0644));
  EXPECT_TRUE(file.ok()) << std::strerror(errno);
}

TEST_F(NamesTest, AFileHandleOpensTheFileAgainAfterTheKernelForgotIt) {
  COPSE_NEEDS_ROOT();
  ASSERT_WORKS(mkdir(At("d").c_str(), 0755));
  WriteFile(At("d/file"), "by handle");
  alignas(file_handle) char memory[sizeof(file_handle) + MAX_HANDLE_SZ] = {};
  file_handle* const handle = new (memory) file_handle;
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount_id = 0;
  ASSERT_WORKS(name_to_handle_at(AT_FDCWD, At("d/file").c_str(), handle, &mount_id, 0));
  const Descriptor mount = OpenFile(mount_point(), O_RDONLY | O_DIRECTORY);
  WriteFile("/proc/sys/vm/drop_caches", "2");
  const Descriptor file(open_by_handle_at(mount.get(), handle, O_RDONLY));
  ASSERT_TRUE(file.ok()) << std::strerror(errno);
  char bytes[9];
  ASSERT_EQ(9, read(file.get(), bytes, sizeof bytes));
  EXPECT_EQ("by handle", std::string(bytes, sizeof bytes));
}

}  // namespace
}  // namespace copse::test
