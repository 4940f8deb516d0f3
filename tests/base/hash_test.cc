#include <copse/base/hash.h>
#include <gtest/gtest.h>

namespace copse::base {
namespace {

TEST(HashTest, Sha256GivesTheDigestsOfFips180) {
  EXPECT_EQ(Hex(AsBytes(Sha256("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex(AsBytes(Sha256(""))), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(HashTest, HmacSha256OfOneKeyOwesNothingToTheKeyBefore) {
  const Hash first = HmacSha256("Jefe", "what do ya want for nothing?");
  EXPECT_EQ(Hex(AsBytes(HmacSha256({}, {}))), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  // RFC 4231, case 6: a key longer than a block.
  EXPECT_EQ(
      Hex(AsBytes(HmacSha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(HmacSha256("Jefe", "what do ya want for nothing?"), first);
  EXPECT_NE(HmacSha256("Jefe", "what do ya want for something?"), first);
  EXPECT_EQ(HmacSha256("Jefe", "what do ya want for nothing?"), first);
}

TEST(HashTest, HmacSha256GivesTheDigestOfRfc4231CaseTwo) {
  EXPECT_EQ(Hex(AsBytes(HmacSha256("Jefe", "what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(HashTest, Crc32cGivesTheChecksumsOfRfc3720) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(Crc32c(""), 0U);
}

TEST(HashTest, Crc32cOfPartsGoesOnFromTheChecksumOfWhatCameBefore) {
  const std::string bytes = "the quick brown fox";
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    EXPECT_EQ(Crc32c(bytes.substr(cut), Crc32c(bytes.substr(0, cut))), Crc32c(bytes)) << cut;
  }
}

TEST(HashTest, HexIsLowerCaseWithLeadingZeros) { EXPECT_EQ(Hex(std::string_view("\x00\x0a\xff", 3)), "000aff"); }

}  // namespace
}  // namespace copse::base
