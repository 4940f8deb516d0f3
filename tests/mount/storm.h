#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "mount/mount_test.h"

namespace copse::test {

/// Whether another replica works in the same directory, and its changes arrive, for as long as the storm lasts.
enum class Peer { kNone, kBusy };

/// A mount in which a test's threads all work at one time, while the kernel is made to forget without pause (as root)
/// and, where the parameter says so, changes of a busy peer arrive.
class StormTest : public MountTest, public testing::WithParamInterface<Peer> {
 protected:
  static constexpr int kThreads = 4;
  /// How often each thread does something; COPSE_ROUNDS says how often.
  static int Rounds();
  static constexpr int kNames = 12;

  void SetUp() override;
  void TearDown() override;

  /// One of the names that the peer, too, makes, writes, renames and removes: n0, n1, ...
  static std::string Any(std::mt19937& random) { return "n" + std::to_string(random() % kNames); }
  /// Runs `body` on several threads at one time, each with a number of its own.
  static void OnThreads(const std::function<void(int thread, std::mt19937& random)>& body);

  /// Ends what goes on beside the threads. What programs see must then be what the volume has, name by name; peer and
  /// volume must be the same, byte for byte, once each has all ops; and once all is removed, the kernel must have given
  /// back every lookup that was counted for it.
  void CalmDown();

 private:
  void MakeKernelForget();
  void ActAsPeer(std::mt19937& random);
  void PeerWrites(fs::NodeId node, std::string_view bytes);
  void Exchange();
  std::set<std::string> NamesOfVolume();
  void ExpectAgreement();
  void ExpectConvergence();
  void ExpectNothingCounted();

  std::unique_ptr<fs::TestVolume> peer_;
  std::size_t sent_ = 0;
  std::size_t fetched_ = 0;
  std::atomic<bool> is_calm_ = false;
  std::vector<std::thread> beside_;
};

}  // namespace copse::test
