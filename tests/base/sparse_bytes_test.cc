#include "sparse_bytes.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace copse::base {
namespace {

std::string All(const SparseBytes& bytes) {
  std::string all(bytes.size(), 'x');
  EXPECT_EQ(bytes.Read(0, all), all.size());
  return all;
}

TEST(SparseBytesTest, ATerabyteOfHoleTakesTheMemoryOfItsOnePage) {
  SparseBytes bytes;
  bytes.Write(std::uint64_t{1} << 40, "end");
  EXPECT_EQ(bytes.size(), (std::uint64_t{1} << 40) + 3);
  EXPECT_EQ(bytes.allocated(), SparseBytes::kPageBytes);
  EXPECT_EQ(bytes.SeekData(0), std::uint64_t{1} << 40);
}

RC_GTEST_PROP(SparseBytesProperty, AnySequenceOfChangesReadsAsOfAPlainString, ()) {
  SparseBytes bytes;
  std::string model;
  const int steps = *rc::gen::inRange(1, 40);
  for (int step = 0; step < steps; ++step) {
    const auto offset = *rc::gen::inRange<std::uint64_t>(0, 12'000);
    const auto length = *rc::gen::inRange<std::uint64_t>(0, 9'000);
    switch (*rc::gen::inRange(0, 3)) {
      case 0: {
        const std::string written(length, static_cast<char>('a' + step % 26));
        bytes.Write(offset, written);
        if (!written.empty()) {
          if (model.size() < offset + length) model.resize(offset + length);
          model.replace(offset, length, written);
        }
        break;
      }
      case 1:
        bytes.Resize(offset);
        model.resize(offset);
        break;
      default:
        bytes.Punch(offset, length);
        for (std::uint64_t i = offset; i < std::min<std::uint64_t>(model.size(), offset + length); ++i) model[i] = 0;
    }
    RC_ASSERT(All(bytes) == model);
  }
}

}  // namespace
}  // namespace copse::base
