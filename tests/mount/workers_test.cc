#include "frontend/workers.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <string>

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
    Workers workers(session_, [&ended] { ++ended; });
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

}  // namespace
}  // namespace copse::fs
