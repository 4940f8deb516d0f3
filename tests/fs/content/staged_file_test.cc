#include <copse/fs/staged_file.h>

#include <optional>

#include "fs/content/content_fixture.h"

namespace copse::fs {
namespace {

TEST(StagedFileTest, WhatIsWrittenIsReadAndPublishedAndReadAgainFromTheVersion) {
  for (const std::size_t size : {1, 512, 513, 4096, 300'000, 2'000'000}) {
    ContentWorld world;
    const std::string bytes = RandomBytes(size, size);
    const auto file = world.Open();
    EXPECT_FALSE(file->dirty());
    Must(file->Write(0, bytes, 11));
    EXPECT_TRUE(file->dirty());
    EXPECT_EQ(file->mtime(), 11);
    EXPECT_EQ(ReadAll(*file), bytes);
    const Manifest version = Must(file->Publish());
    EXPECT_EQ(version.size, size);
    EXPECT_EQ(version.mtime, 11);
    EXPECT_TRUE(file->dirty());
    Must(file->Rebase(version, {crdt::Timestamp::Of(2, 7)}));
    EXPECT_FALSE(file->dirty());
    EXPECT_EQ(ReadAll(*file), bytes);
    EXPECT_EQ(ReadAll(*world.Open(version)), bytes);
    EXPECT_TRUE(world.Names().empty());
  }
}

}  // namespace
}  // namespace copse::fs
