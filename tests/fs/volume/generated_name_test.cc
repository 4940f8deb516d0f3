#include "volume/generated_name.h"

#include <gtest/gtest.h>

#include "volume/printable.h"

namespace copse::fs {
namespace {

const crdt::Timestamp kClaim = crdt::Timestamp::Of(0x2a, 3);

std::string FileName(const std::string& stored) { return GeneratedName(stored, false, "laptop", kClaim, 1); }

TEST(GeneratedNameTest, TheLabelStandsBetweenStemAndExtension) {
  EXPECT_EQ(FileName("report.txt"), "report-laptop.txt");
  EXPECT_EQ(FileName("backup.tar.gz"), "backup-laptop.tar.gz");
}

TEST(GeneratedNameTest, WhatIsNoExtensionIsLeftInTheStem) {
  EXPECT_EQ(FileName(".bashrc"), ".bashrc-laptop");
  EXPECT_EQ(FileName("Makefile"), "Makefile-laptop");
  EXPECT_EQ(FileName("ends."), "ends.-laptop");
  EXPECT_EQ(FileName("a.b c"), "a.b c-laptop");
  EXPECT_EQ(FileName("v1.2345678901234567"), "v1.2345678901234567-laptop");
  EXPECT_EQ(FileName(".tar.gz"), ".tar-laptop.gz");
}

TEST(GeneratedNameTest, DirectoriesKeepTheirDots) {
  EXPECT_EQ(GeneratedName("photos.2024", true, "laptop", kClaim, 1), "photos.2024-laptop");
}

TEST(GeneratedNameTest, WhereTheLabelIsNotEnoughTheClaimIsAddedAndThenANumber) {
  EXPECT_EQ(GeneratedName("a.c", false, "laptop", kClaim, 2), "a-laptop_00032a.c");
  EXPECT_EQ(GeneratedName("a.c", false, "laptop", kClaim, 3), "a-laptop_00032a_2.c");
  EXPECT_EQ(GeneratedName("a.c", false, "laptop", kClaim, 4), "a-laptop_00032a_3.c");
}

TEST(GeneratedNameTest, AStemThatJustFitsIsNotCut) {
  std::string stored(244, 'x');
  std::string name = stored;
  stored += ".txt";
  name += "-laptop.txt";
  EXPECT_EQ(FileName(stored), name);
}

TEST(GeneratedNameTest, ALongStemIsCutToFitAtACharacterAndBearsTheClaim) {
  std::string stored;
  for (int i = 0; i < 125; ++i) stored += "\xc3\xa4";  // 250 bytes of two-byte characters.
  stored += ".txt";
  const std::string name = FileName(stored);
  EXPECT_LE(name.size(), 255u);
  EXPECT_GE(name.size(), 253u);
  EXPECT_EQ(name.substr(name.size() - 18), "-laptop_00032a.txt");
  EXPECT_EQ(name[name.size() - 19], '\xa4') << "cut inside a character";
  EXPECT_EQ(GeneratedName(stored, false, "laptop", kClaim, 2), name);
}

TEST(PrintableTest, DifferentBytesGiveDifferentValidText) {
  EXPECT_EQ(Printable("plain"), "plain");
  EXPECT_EQ(Printable("\xc3\xa4"), "\xc3\xa4");
  EXPECT_EQ(Printable("a\xff"), "a\\xff");
  EXPECT_EQ(Printable("a\\xff"), "a\\\\xff");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate is no character";
  EXPECT_EQ(Printable("\xc3"), "\\xc3") << "a sequence that is cut off";
}

}  // namespace
}  // namespace copse::fs
