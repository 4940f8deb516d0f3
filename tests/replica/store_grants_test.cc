// Memberships that are handed out while the disk is full, or while frames of others come.

#include <atomic>
#include <functional>
#include <thread>

#include "store_exchange_fixture.h"

namespace copse::replica {
namespace {

/// Ed25519, and does something else whenever a frame is about to be signed, which is while it is written.
class InterruptedSigning final : public SignatureScheme {
 public:
  std::string Sign(std::string_view secret_key, std::string_view message) const override {
    if (meanwhile) meanwhile();
    return Ed25519().Sign(secret_key, message);
  }
  bool IsSignedBy(std::string_view public_key, std::string_view message, std::string_view signature) const override {
    return Ed25519().IsSignedBy(public_key, message, signature);
  }
  std::function<void()> meanwhile;
};

class StoreGrantsTest : public StoreExchangeTest {
 protected:
  std::string Secret() { return one_.store->Invite(Role::kWriter, std::chrono::seconds(60), {}).value().secret; }
  /// Ops that make a frame longer than kFree, which is enough for anything else.
  static std::vector<crdt::Op> Long(std::uint64_t counter) { return Batch(counter, 1000, 1, 200); }

  static constexpr std::uint64_t kFree = 16 << 10;
  const std::string phone_ = std::string(32, 'p');
  const std::string tv_ = std::string(32, 't');
};

TEST_F(StoreGrantsTest, AGrantThatIsWrittenCountsThoughTheDiskBecameFullBehindIt) {
  one_.machine.options().frame_bytes_max = 1;  // So each batch is a frame.
  one_.store.reset();
  one_.Open();
  const std::string for_phone = Secret();
  const std::string for_tv = Secret();
  ASSERT_TRUE(one_.store->Append(Batch(1)).ok());
  ASSERT_TRUE(one_.store->Append(Long(2)).ok());
  one_.machine.storage().SetFreeBytes(kFree);
  EXPECT_TRUE(one_.side().Admit(phone_, for_phone, "phone").ok());
  EXPECT_EQ(one_.store->usage().durable_ops, 1U);
  one_.machine.storage().SetFreeBytes(1 << 20);
  ASSERT_TRUE(one_.side().Admit(tv_, for_tv, "tv").ok());
  Send(one_, two_);
  EXPECT_EQ(two_.store->LabelOf(phone_), "phone");
  EXPECT_EQ(two_.store->LabelOf(tv_), "tv");
  EXPECT_TRUE(one_.store->Verify()->ineffective_grants.empty());
}

TEST_F(StoreGrantsTest, NobodyIsWelcomedForAGrantThatWasNotWrittenWhoeverWroteMeanwhile) {
  const std::string secret = Secret();
  ASSERT_TRUE(one_.store->Append(Long(1)).ok());
  one_.machine.storage().SetFreeBytes(kFree);
  EXPECT_TRUE(absl::IsResourceExhausted(one_.side().Admit(phone_, secret, "phone").status()));
  std::atomic<bool> is_done = false;
  std::thread others([&] {
    while (!is_done) EXPECT_TRUE(absl::IsResourceExhausted(one_.store->Sync()));
  });
  for (int attempt = 0; attempt < 20; ++attempt) {
    EXPECT_TRUE(absl::IsResourceExhausted(one_.side().Admit(phone_, secret, "phone").status()));
  }
  is_done = true;
  others.join();
  EXPECT_EQ(one_.store->LabelOf(phone_), "");
  one_.machine.storage().SetFreeBytes(1 << 20);
  ASSERT_TRUE(one_.side().Admit(phone_, secret, "phone").ok());
  Send(one_, two_);
  EXPECT_EQ(two_.store->LabelOf(phone_), "phone");
  EXPECT_TRUE(one_.store->Verify()->ineffective_grants.empty());
}

TEST_F(StoreGrantsTest, NothingLaterThanAnOpIsStableUntilThatIsWrittenSinceAGrantMayGoWithIt) {
  one_.Write(1, 3);
  Send(one_, two_);
  ASSERT_TRUE(one_.store->Append(Batch(4, 1, one_.actor())).ok());
  two_.Write(4, 6);
  Send(two_, one_);
  EXPECT_EQ(one_.store->StableTime().counter(), 3U);
  ASSERT_TRUE(one_.side().Admit(phone_, Secret(), "phone").ok());
  const std::uint64_t number = one_.store->frame_counts().at(one_.actor()) - 1;
  EXPECT_EQ(DecodeFrame(one_.side().ReadFrames(one_.actor(), number, 1).value().front())->header.clock, 4U);
  EXPECT_LE(one_.store->StableTime().counter(), 4U) << "the phone may write whatever is later";
}

TEST_F(StoreGrantsTest, NothingLaterThanAGrantIsStableWhileItIsWritten) {
  one_.Write(1, 3);
  Send(one_, two_);
  two_.Write(4);
  InterruptedSigning signing;
  one_.store.reset();
  Store::Environment plain = one_.machine.environment();
  one_.store = Store::Open({plain.storage, plain.clock, plain.random, plain.executor, signing}, Machine::kPath,
                           one_.machine.options(), one_.received.replayer())
                   .value();
  one_.store->set_receiver(one_.received.replayer());
  const std::string secret = Secret();
  std::uint64_t stable_meanwhile = 0;
  signing.meanwhile = [&] {
    Send(two_, one_);
    stable_meanwhile = one_.store->StableTime().counter();
  };
  ASSERT_TRUE(one_.side().Admit(phone_, secret, "phone").ok());
  signing.meanwhile = nullptr;
  const std::uint64_t number = one_.store->frame_counts().at(one_.actor()) - 1;
  const Frame grant = DecodeFrame(one_.side().ReadFrames(one_.actor(), number, 1).value().front()).value();
  ASSERT_EQ(grant.header.grants.size(), 1U);
  EXPECT_EQ(stable_meanwhile, grant.header.clock);
  EXPECT_EQ(one_.store->StableTime().counter(), grant.header.clock);
  one_.store.reset();
}

}  // namespace
}  // namespace copse::replica
