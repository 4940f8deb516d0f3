#include "projection_fixture.h"

namespace copse::fs_test {
namespace {

using crdt::Field;
using crdt::kFileInodes;
using crdt::kRoot;
using crdt::kTrash;
using crdt::NodeId;
using crdt::Op;
namespace schema = fs::schema;

TEST(ValidationTest, RefusesWhatWouldBreakNamesOrTypes) {
  const auto refused = [](const Op& op) { return !fs::ValidateFileSystemOp(op).ok(); };
  for (const std::string name : {"", ".", "..", "a/b"}) EXPECT_TRUE(refused(Directory(At(1, 1), kRoot, name))) << name;
  EXPECT_TRUE(refused(Directory(At(1, 1), kRoot, std::string("a\0b", 3))));
  EXPECT_TRUE(refused(Directory(At(1, 1), kRoot, std::string(256, 'x'))));
  EXPECT_TRUE(refused(Directory(At(1, 1), kFileInodes, "")));
  EXPECT_TRUE(refused(Dentry(At(1, 1), kRoot, "x", kTrash)));
  Op retyped = Inode(At(1, 1));
  retyped.time = At(2, 1);
  EXPECT_TRUE(refused(retyped));
  const auto field = [](Field written) {
    return MakeOp(At(9, 1), NodeId::Of(1, 1), std::nullopt, {std::move(written)});
  };
  EXPECT_TRUE(refused(field(schema::Set(schema::kMode, schema::EncodeUnsigned(010000)))));
  EXPECT_TRUE(refused(field(schema::Set(schema::kUid, schema::EncodeUnsigned(std::uint64_t{1} << 32)))));
  EXPECT_TRUE(refused(field(schema::Set(schema::kMtime, ""))));
  EXPECT_TRUE(refused(field(schema::Set(schema::kContent, fs::EncodeManifest({})))));
  EXPECT_TRUE(refused(field(schema::Replace(schema::kContent, "rubbish", {}))));
  EXPECT_TRUE(refused(field(schema::Replace(schema::kUnlinked, "\x02\x05\x05", {})))) << "not ascending";
  EXPECT_TRUE(refused(field(schema::SetXattr("other.x", "v"))));
  EXPECT_TRUE(refused(MakeOp(At(9, 1), NodeId::Of(1, 1), crdt::Place{kFileInodes, ""},
                             {schema::Replace(schema::kContent, fs::EncodeManifest({}), {})})))
      << "a version has a number that a node has";
  EXPECT_TRUE(refused(field(schema::SetXattr("system.posix_acl_access", "no list"))));
  EXPECT_FALSE(refused(field(schema::SetXattr("user.x", std::nullopt))));
  EXPECT_FALSE(refused(field(schema::Set(schema::kMode, schema::EncodeUnsigned(07777)))));
}

TEST(ValidationTest, ALabelIsWrittenByItsOwnerAloneAndNeverTakenBack) {
  const auto refused = [](NodeId node, Field field) {
    return !fs::ValidateFileSystemOp(MakeOp(At(9, 1), node, std::nullopt, {std::move(field)})).ok();
  };
  EXPECT_FALSE(refused(crdt::kForest, schema::SetLabel(1, "laptop2")));
  EXPECT_TRUE(refused(crdt::kForest, schema::SetLabel(2, "laptop2"))) << "of another actor";
  EXPECT_TRUE(refused(kRoot, schema::SetLabel(1, "laptop2")));
  for (const std::string label : {"", "Laptop", "lap-top", "l\xc3\xa4ptop", "seventeenletters1"}) {
    EXPECT_TRUE(refused(crdt::kForest, schema::SetLabel(1, label))) << label;
  }
  Field replacing = schema::SetLabel(1, "laptop2");
  replacing.replaces = {At(8, 1)};
  EXPECT_TRUE(refused(crdt::kForest, replacing));
  Field cleared = schema::SetLabel(1, "laptop2");
  cleared.value.reset();
  EXPECT_TRUE(refused(crdt::kForest, cleared));
  Field last_writer = schema::SetLabel(1, "laptop2");
  last_writer.replaces.reset();
  EXPECT_TRUE(refused(crdt::kForest, last_writer));
}

}  // namespace
}  // namespace copse::fs_test
