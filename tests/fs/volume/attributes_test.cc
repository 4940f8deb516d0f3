#include "fs/volume/volume_fixture.h"

namespace copse::fs {
namespace {

using AttributesTest = VolumeTest;

TEST_F(AttributesTest, ChmodAndChownChangeWhatTheySayAndTheChangeTime) {
  const NodeId file = MakeFile(kRoot, "a");
  const base::UnixNanoseconds made = Stat(file).mtime;
  world_.Advance(kSecond);
  const auto changed = volume().SetAttributes(kAlice, file, {.mode = 0104600, .uid = 5, .gid = 6});
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->mode, 04600u) << "the kind is not taken from the mode";
  EXPECT_EQ(changed->uid, 5u);
  EXPECT_EQ(changed->gid, 6u);
  EXPECT_EQ(changed->mtime, made);
  EXPECT_EQ(changed->ctime, world_.clock.Now());
}

TEST_F(AttributesTest, TheRootTakesAttributesLikeAnyDirectory) {
  ASSERT_TRUE(volume().SetAttributes(kAlice, kRoot, {.mode = 0700, .uid = 1000, .gid = 1000}).ok());
  world_.Reopen();
  EXPECT_EQ(Stat(kRoot).mode, 0700u);
  EXPECT_EQ(Stat(kRoot).uid, 1000u);
}

TEST_F(AttributesTest, ChownByTheUnprivilegedClearsSetIdBitsButNotOnDirectories) {
  const NodeId file = MakeFile(kRoot, "a");
  const NodeId directory = MakeDirectory(kRoot, "d");
  for (const NodeId node : {file, directory}) {
    ASSERT_TRUE(volume().SetAttributes(kAlice, node, {.mode = 06777}).ok());
    ASSERT_TRUE(volume().SetAttributes(kAlice, node, {.gid = 7, .setid = {.clears = true}}).ok());
  }
  EXPECT_EQ(Stat(file).mode, 0777u);
  EXPECT_EQ(Stat(directory).mode, 06777u);
}

TEST_F(AttributesTest, TimesBeforeTheEpochAndNanosecondsAreKept) {
  const NodeId file = MakeFile(kRoot, "a");
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.atime = -5, .mtime = -1'000'000'001}).ok());
  EXPECT_EQ(Stat(file).mtime, -1'000'000'001);
  EXPECT_EQ(Stat(file).atime, -5);
  world_.Reopen();
  EXPECT_EQ(Stat(file).mtime, -1'000'000'001);
}

TEST_F(AttributesTest, SettingTheAccessTimeAloneIsNoOp) {
  const NodeId file = MakeFile(kRoot, "a");
  const std::size_t ops = world_.journal.op_count();
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.atime = 77}).ok());
  EXPECT_EQ(Stat(file).atime, 77);
  EXPECT_EQ(world_.journal.op_count(), ops);
}

TEST_F(AttributesTest, AnAccessTimeStaysThoughTheKernelForgetsTheFile) {
  const NodeId file = MakeFile(kRoot, "a");
  world_.Advance(kSecond);
  const base::UnixNanoseconds set = world_.clock.Now();
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.atime = 77}).ok());
  volume().Forget(file, 1);
  EXPECT_EQ(volume().GetUsage().lookups, 0u);
  const auto found = volume().Lookup(kRoot, "a");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->attributes.atime, 77);
  EXPECT_EQ(found->attributes.ctime, set) << "it cannot go back";
}

TEST_F(AttributesTest, SettingTheAccessTimeIsAChangeOfStatus) {
  const NodeId file = MakeFile(kRoot, "a");
  const base::UnixNanoseconds made = Stat(file).mtime;
  world_.Advance(kSecond);
  const base::UnixNanoseconds set = world_.clock.Now();
  ASSERT_EQ(volume().SetAttributes(kAlice, file, {.atime = 77})->ctime, set);
  world_.Advance(kSecond);
  EXPECT_EQ(Stat(file).ctime, set);
  EXPECT_EQ(Stat(file).mtime, made);
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {.mode = 0600}).ok());
  EXPECT_EQ(Stat(file).ctime, world_.clock.Now());
}

TEST_F(AttributesTest, AChangeThatNamesNothingMovesTheChangeTime) {
  const NodeId file = MakeFile(kRoot, "a");
  const base::UnixNanoseconds made = Stat(file).mtime;
  world_.Advance(kSecond);
  ASSERT_TRUE(volume().SetAttributes(kAlice, file, {}).ok());
  EXPECT_EQ(Stat(file).ctime, world_.clock.Now());
  EXPECT_EQ(Stat(file).mtime, made);
}

TEST_F(AttributesTest, AnOrdinaryChangeWritesOneTime) {
  MakeFile(kRoot, "a", "bytes");
  world_.Advance(kSecond);
  for (const crdt::Op& op : world_.journal.ops()) {
    const auto times = std::count_if(op.fields.begin(), op.fields.end(), [](const crdt::Field& field) {
      return field.id.number == 5 || field.id.number == 6;
    });
    EXPECT_LE(times, 1);
  }
}

TEST_F(AttributesTest, XattrsAreSetReadListedAndRemoved) {
  const NodeId file = MakeFile(kRoot, "a");
  using Mode = Volume::XattrMode;
  EXPECT_EQ(ErrorOf(volume().GetXattr(file, "user.x")), std::errc::no_message_available);
  EXPECT_EQ(ErrorOf(volume().SetXattr(kAlice, file, "user.x", "1", Mode::kReplace)), std::errc::no_message_available);
  ASSERT_TRUE(volume().SetXattr(kAlice, file, "user.x", "1", Mode::kCreate).ok());
  EXPECT_EQ(ErrorOf(volume().SetXattr(kAlice, file, "user.x", "2", Mode::kCreate)), std::errc::file_exists);
  ASSERT_TRUE(volume().SetXattr(kAlice, file, "user.x", std::string("a\0b", 3), Mode::kReplace).ok());
  ASSERT_TRUE(volume().SetXattr(kAlice, file, "trusted.empty", "", Mode::kSet).ok());
  EXPECT_EQ(*volume().GetXattr(file, "user.x"), std::string("a\0b", 3));
  EXPECT_EQ(*volume().GetXattr(file, "trusted.empty"), "");
  EXPECT_EQ(*volume().ListXattrs(file), std::string("trusted.empty\0user.x\0", 21));
  world_.Reopen();
  ASSERT_TRUE(volume().RemoveXattr(kAlice, file, "user.x").ok());
  EXPECT_EQ(ErrorOf(volume().RemoveXattr(kAlice, file, "user.x")), std::errc::no_message_available);
  EXPECT_EQ(*volume().ListXattrs(file), std::string("trusted.empty\0", 14));
}

TEST_F(AttributesTest, XattrLimitsAreThoseOfExt4) {
  const NodeId file = MakeFile(kRoot, "a");
  const auto set = [&](const std::string& name, const std::string& value) {
    return ErrorOf(volume().SetXattr(kAlice, file, name, value, Volume::XattrMode::kSet));
  };
  EXPECT_EQ(set("user." + std::string(250, 'x'), std::string(65536, 'v')), std::errc{});
  EXPECT_EQ(set("user." + std::string(251, 'x'), "v"), std::errc::result_out_of_range);
  EXPECT_EQ(set("user.x", std::string(65537, 'v')), std::errc::argument_list_too_long);
  EXPECT_EQ(set("user.", "v"), std::errc::invalid_argument);
  EXPECT_EQ(set("other.x", "v"), std::errc::operation_not_supported);
  EXPECT_EQ(set("system.posix_acl_access", "v"), std::errc::invalid_argument);
}

TEST_F(AttributesTest, ErrorsOfOtherLayersBecomeTheNearestErrno) {
  EXPECT_EQ(PosixErrorOf(absl::ResourceExhaustedError("")), std::errc::no_space_on_device);
  EXPECT_EQ(PosixErrorOf(absl::FailedPreconditionError("")), std::errc::read_only_file_system);
  EXPECT_EQ(PosixErrorOf(absl::DataLossError("")), std::errc::io_error);
  EXPECT_EQ(PosixErrorOf(absl::NotFoundError("")), std::errc::io_error) << "a missing chunk is no missing file";
  EXPECT_EQ(PosixErrorOf(PosixError(std::errc::not_a_directory, "x")), std::errc::not_a_directory);
}

}  // namespace
}  // namespace copse::fs
