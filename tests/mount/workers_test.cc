#include "frontend/workers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fuse.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include "content/about_to_wait.h"
#include "support/temporary_directory.h"

namespace copse::fs {
namespace {

/// Workers of a session whose device answers every read with one error.
class WorkersTest : public testing::Test {
 protected:
  ~WorkersTest() override {
    if (session_ != nullptr) fuse_session_destroy(session_);
  }

  /// What the workers say when reading has failed with `error` and each has ended by itself.
  absl::Status FailureAfter(int error) {
    error_ = error;
    fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
    EXPECT_EQ(0, fuse_opt_add_arg(&arguments, "copse"));
    const fuse_lowlevel_ops operations{};
    session_ = fuse_session_new(&arguments, &operations, sizeof operations, &error_);
    fuse_opt_free_args(&arguments);
    fuse_custom_io device{};
    device.read = [](int, void*, std::size_t, void* its_error) -> ssize_t {
      errno = *static_cast<const int*>(its_error);
      return -1;
    };
    // libfuse wants one; nothing is answered.
    device.writev = [](int, iovec*, int, void*) -> ssize_t { return -1; };
    EXPECT_EQ(0, fuse_session_custom_io(session_, &device, open("/dev/null", O_RDWR | O_CLOEXEC)));
    std::atomic<int> ended = 0;
    Workers workers(session_, "", [&ended] { ++ended; });
    EXPECT_TRUE(workers.Start(2).ok());
    workers.Join();
    EXPECT_EQ(2, ended);
    return workers.failure();
  }

 private:
  int error_ = 0;
  fuse_session* session_ = nullptr;
};

TEST_F(WorkersTest, AConnectionThatTheKernelClosesIsNoFailure) { EXPECT_TRUE(FailureAfter(ENODEV).ok()); }

TEST_F(WorkersTest, AConnectionThatTheKernelClosesWhileItHandsOverARequestIsNoFailure) {
  EXPECT_TRUE(FailureAfter(ECONNABORTED).ok());
}

TEST_F(WorkersTest, AnErrorOfTheDeviceIsAFailureAndNamed) {
  const absl::Status failure = FailureAfter(EIO);
  EXPECT_EQ(absl::StatusCode::kUnavailable, failure.code());
  EXPECT_NE(std::string(failure.message()).find("Input/output error"), std::string::npos) << failure;
}

/// Workers of a session whose device is a socket: each packet is a request. A STATFS is answered only when a GETATTR
/// has been, so both must be under way at one time; how it waits is the test's to say.
class BusyWorkersTest : public testing::Test {
 protected:
  BusyWorkersTest() {
    fuse_lowlevel_ops operations{};
    operations.read = [](fuse_req_t request, fuse_ino_t, std::size_t, off_t, fuse_file_info*) {
      WaitAndReply(request, false);
    };
    operations.statfs = [](fuse_req_t request, fuse_ino_t) { WaitAndReply(request, true); };
    operations.getattr = [](fuse_req_t request, fuse_ino_t, fuse_file_info*) {
      auto& test = *static_cast<BusyWorkersTest*>(fuse_req_userdata(request));
      test.got_attributes_.set_value();
      fuse_reply_err(request, ENOENT);
    };
    fuse_args arguments = FUSE_ARGS_INIT(0, nullptr);
    EXPECT_EQ(0, fuse_opt_add_arg(&arguments, "copse"));
    session_ = fuse_session_new(&arguments, &operations, sizeof operations, this);
    fuse_opt_free_args(&arguments);
    int ends[2];
    EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
    kernel_ = ends[0];
    fuse_custom_io device{};
    device.read = [](int fd, void* out, std::size_t size, void*) { return read(fd, out, size); };
    device.writev = [](int fd, iovec* parts, int count, void*) { return writev(fd, parts, count); };
    EXPECT_EQ(0, fuse_session_custom_io(session_, &device, ends[1]));
    fuse_init_in greeting{};
    greeting.major = FUSE_KERNEL_VERSION;
    greeting.minor = FUSE_KERNEL_MINOR_VERSION;
    Request(FUSE_INIT, std::string(reinterpret_cast<const char*>(&greeting), sizeof greeting));
  }
  ~BusyWorkersTest() override {
    fuse_session_destroy(session_);
    close(kernel_);
  }

  static void WaitAndReply(fuse_req_t request, bool tells) {
    auto& test = *static_cast<BusyWorkersTest*>(fuse_req_userdata(request));
    test.begun_.set_value();
    if (tells) AboutToWait();
    test.got_attributes_.get_future().wait();
    fuse_reply_err(request, EIO);
  }

  void Request(std::uint32_t opcode, const std::string& arguments) {
    fuse_in_header header{};
    header.len = static_cast<std::uint32_t>(sizeof header + arguments.size());
    header.opcode = opcode;
    header.unique = ++requests_;
    header.nodeid = FUSE_ROOT_ID;
    const std::string packet = std::string(reinterpret_cast<const char*>(&header), sizeof header) + arguments;
    EXPECT_EQ(static_cast<ssize_t>(packet.size()), send(kernel_, packet.data(), packet.size(), 0));
  }
  std::uint64_t NextReply() {
    char reply[4096];
    EXPECT_GE(recv(kernel_, reply, sizeof reply, 0), static_cast<ssize_t>(sizeof(fuse_out_header)));
    fuse_out_header header;
    std::memcpy(&header, reply, sizeof header);
    return header.unique;
  }

  /// A request that waits, then one that ends its wait.
  void ExpectBothAnswered(std::uint32_t waiting, const std::string& arguments) {
    Workers workers(session_, "", [] {});
    ASSERT_TRUE(workers.Start(2).ok());
    EXPECT_EQ(1u, NextReply());
    Request(waiting, arguments);
    begun_.get_future().wait();
    const fuse_getattr_in attributes{};
    Request(FUSE_GETATTR, std::string(reinterpret_cast<const char*>(&attributes), sizeof attributes));
    const std::uint64_t first = NextReply();
    const std::uint64_t second = NextReply();
    EXPECT_EQ(5u, first + second);
  }

  fuse_session* session_ = nullptr;
  int kernel_ = -1;
  std::uint64_t requests_ = 0;
  std::promise<void> begun_;
  std::promise<void> got_attributes_;
};

TEST_F(BusyWorkersTest, ARequestThatMayTakeLongLeavesTheNextToAnother) {
  fuse_read_in read{};
  read.size = 1 << 20;
  ExpectBothAnswered(FUSE_READ, std::string(reinterpret_cast<const char*>(&read), sizeof read));
}

TEST_F(BusyWorkersTest, ARequestThatTurnsOutToWaitLeavesTheNextToAnother) { ExpectBothAnswered(FUSE_STATFS, ""); }

TEST_F(BusyWorkersTest, WorkersThatWaitForRequestsStop) {
  Workers workers(session_, "", [] {});
  ASSERT_TRUE(workers.Start(4).ok());
  EXPECT_EQ(1u, NextReply());
  workers.Stop();
  EXPECT_TRUE(workers.failure().ok());
}

TEST_F(BusyWorkersTest, ProcessorsAreKeptAwakeWhileRequestsComeFastAndNoLonger) {
  const test::TemporaryDirectory directory;
  const std::string device = directory.path() / "cpu_dma_latency";
  std::ofstream(device).flush();
  Workers workers(session_, device, [] {});
  ASSERT_TRUE(workers.Start(2).ok());
  EXPECT_EQ(1u, NextReply());
  // On a machine that does much else a burst may be slow.
  while (std::filesystem::file_size(device) == 0) {
    const std::uint64_t first = requests_ + 1;
    for (int i = 0; i < 100; ++i) Request(FUSE_ACCESS, std::string(sizeof(fuse_access_in), '\0'));
    for (int i = 0; i < 100; ++i) EXPECT_GE(NextReply(), first);
  }
  while (std::filesystem::file_size(device) < 2 * sizeof(std::int32_t)) std::this_thread::yield();
  workers.Stop();
}

}  // namespace
}  // namespace copse::fs
