#include <copse/crdt/document.h>
#include <copse/crdt/op_columns.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace copse::crdt {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Item {
  std::string title;
  bool done = false;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& title& done;
  }
  friend bool operator==(const Item&, const Item&) = default;
};

using Text = Document<std::string>;

/// As exchange does it, over bytes.
template <typename Meta>
absl::StatusOr<std::vector<typename Document<Meta>::Event>> Tell(const Document<Meta>& from, Document<Meta>& to) {
  auto delta = DecodeOpDelta(EncodeOpDelta(from.OpsSince(to.version())));
  if (!delta.ok()) return delta.status();
  return to.Merge(*std::move(delta));
}

absl::StatusCode CodeOf(const absl::Status& status) { return status.code(); }

Op Made(std::uint64_t counter, ActorId actor, std::string name) {
  Op op;
  op.time = Timestamp::Of(counter, actor);
  op.child = op.time.node();
  op.place = Place{kRoot, std::move(name)};
  return op;
}

TEST(DocumentTest, TheExampleOfTheDocumentationHolds) {
  Document<Item> here(1), there(2);
  const NodeId plan = *here.Create(kRoot, {"plan"});
  ASSERT_TRUE(there.Merge(here.OpsSince(there.version())).ok());
  EXPECT_EQ(there.MetaOf(plan)->title, "plan");
  ASSERT_TRUE(here.Delete(plan).ok());
  ASSERT_TRUE(there.SetMeta(plan, {"plan", true}).ok());
  ASSERT_TRUE(here.Merge(there.OpsSince(here.version())).ok());
  ASSERT_TRUE(there.Merge(here.OpsSince(there.version())).ok());
  EXPECT_TRUE(here.MetaOf(plan)->done) << "who deleted had not seen the change";
  EXPECT_TRUE(here.IsLive(plan) && there.IsLive(plan));
  there.Undo();
  EXPECT_EQ(there.MetaOf(plan), (Item{"plan", false}));
}

TEST(DocumentTest, ANodeIsWhereItWasPutAndMovesKeepItsMetadata) {
  Document<Item> document(1);
  const NodeId a = *document.Create(kRoot, {"a", true});
  const NodeId b = *document.Create(kRoot, {"b"});
  ASSERT_TRUE(document.Move(a, b).ok());
  EXPECT_EQ(document.ParentOf(a), b);
  EXPECT_EQ(document.MetaOf(a), (Item{"a", true}));
  ASSERT_TRUE(document.Move(a, kRoot, {"c"}).ok());
  EXPECT_EQ(document.ParentOf(a), kRoot);
  EXPECT_EQ(document.MetaOf(a), (Item{"c"}));
  ASSERT_TRUE(document.SetMeta(a, {"d"}).ok());
  EXPECT_EQ(document.ParentOf(a), kRoot);
  EXPECT_EQ(document.MetaOf(a)->title, "d");
}

TEST(DocumentTest, ADeletedNodeIsNotLiveNorIsWhatIsBelowItAndMovingBringsItBack) {
  Text document(1);
  const NodeId folder = *document.Create(kRoot, "folder");
  const NodeId leaf = *document.Create(folder, "leaf");
  ASSERT_TRUE(document.Delete(folder).ok());
  EXPECT_FALSE(document.IsLive(folder));
  EXPECT_FALSE(document.IsLive(leaf));
  EXPECT_EQ(document.ParentOf(folder), kTrash);
  EXPECT_EQ(document.ParentOf(leaf), folder);
  ASSERT_TRUE(document.Move(leaf, kRoot).ok());
  EXPECT_THAT(document.Children(kRoot), ElementsAre(leaf));
}

TEST(DocumentTest, ChildrenComeByIdOrInAnyOrderOfTheirMetadata) {
  Text document(1);
  const NodeId c = *document.Create(kRoot, "c");
  const NodeId a = *document.Create(kRoot, "a");
  const NodeId b = *document.Create(kRoot, "b");
  const NodeId other_a = *document.Create(kRoot, "a");
  EXPECT_THAT(document.Children(kRoot), ElementsAre(c, a, b, other_a));
  EXPECT_THAT(document.Children(kRoot, std::less<>()), ElementsAre(a, other_a, b, c));
  EXPECT_THAT(document.Children(kRoot, std::greater<>()), ElementsAre(c, b, a, other_a));
  EXPECT_THAT(document.Children(a), IsEmpty());
}

TEST(DocumentTest, WhatIsNotThereIsAnErrorAndChangesNothing) {
  Text document(1);
  const NodeId a = *document.Create(kRoot, "a");
  const NodeId b = *document.Create(a, "b");
  const NodeId gone = *document.Create(kRoot, "gone");
  ASSERT_TRUE(document.Delete(gone).ok());
  const std::string before = document.Save();
  const NodeId unknown = NodeId::Of(9, 9);
  EXPECT_EQ(CodeOf(document.Create(unknown, "x").status()), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(document.Create(gone, "x").status()), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(document.Create(kForest, "x").status()), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(document.Move(unknown, kRoot)), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(document.Move(a, unknown)), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(document.Move(a, kTrash)), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(document.Move(a, a)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(document.Move(a, b)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(document.Move(kRoot, a)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(document.Delete(gone)), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(document.Delete(kRoot)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(document.SetMeta(gone, "x")), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf(document.Set(unknown, 1, "x")), absl::StatusCode::kNotFound);
  EXPECT_EQ(document.MetaOf(unknown), std::nullopt);
  EXPECT_EQ(document.MetaOf(kRoot), std::nullopt);
  EXPECT_EQ(document.ParentOf(kRoot), std::nullopt);
  EXPECT_FALSE(document.IsLive(unknown));
  EXPECT_FALSE(document.IsLive(kTrash));
  EXPECT_EQ(document.Save(), before);
}

TEST(DocumentTest, ABatchIsMadeAndMergedAsOneAndSeesItsOwnEdits) {
  Text here(1), there(2);
  Text::Batch batch = here.NewBatch();
  const NodeId folder = *batch.Create(kRoot, "folder");
  const NodeId leaf = *batch.Create(folder, "leaf");
  EXPECT_EQ(CodeOf(batch.Move(folder, leaf)), absl::StatusCode::kInvalidArgument) << "below itself";
  ASSERT_TRUE(batch.SetMeta(leaf, "renamed").ok());
  EXPECT_FALSE(here.IsLive(folder)) << "not yet";
  ASSERT_TRUE(batch.Commit().ok());
  EXPECT_EQ(here.MetaOf(leaf), "renamed");
  const auto events = Tell(here, there);
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(events->size(), 2u);
  EXPECT_EQ((*events)[1].after->meta, "renamed");
  EXPECT_EQ((*events)[1].after->parent, folder);
  EXPECT_FALSE((*events)[1].before);
}

TEST(DocumentTest, ABatchThatIsDroppedOrOvertakenDoesNothing) {
  Text document(1);
  {
    Text::Batch dropped = document.NewBatch();
    ASSERT_TRUE(dropped.Create(kRoot, "never").ok());
  }
  Text::Batch overtaken = document.NewBatch();
  ASSERT_TRUE(overtaken.Create(kRoot, "late").ok());
  const NodeId first = *document.Create(kRoot, "first");
  EXPECT_EQ(CodeOf(overtaken.Commit()), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(overtaken.Create(kRoot, "x").status()), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(document.Children(kRoot), ElementsAre(first));
}

TEST(DocumentTest, AnEditThatChangesNothingMakesNoOp) {
  Text document(1);
  const NodeId a = *document.Create(kRoot, "a");
  const VersionVector before = document.version();
  EXPECT_TRUE(document.Move(a, kRoot).ok());
  EXPECT_TRUE(document.SetMeta(a, "a").ok());
  EXPECT_TRUE(document.NewBatch().Commit().ok());
  EXPECT_EQ(document.version(), before);
}

TEST(DocumentTest, AMergeTellsWhatChangedOnBalance) {
  Text here(1), there(2);
  const NodeId a = *here.Create(kRoot, "a");
  ASSERT_TRUE(Tell(here, there).ok());
  ASSERT_TRUE(there.SetMeta(a, "b").ok());
  ASSERT_TRUE(there.SetMeta(a, "c").ok());
  ASSERT_TRUE(there.Delete(*there.Create(a, "came and went")).ok());
  ASSERT_TRUE(there.Set(a, 7, "value").ok());
  const auto events = *Tell(there, here);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].node, a);
  EXPECT_EQ(events[0].before->meta, "a");
  EXPECT_EQ(events[0].after->meta, "c");
  EXPECT_THAT(events[0].fields, ElementsAre(FieldId{7, ""}));
  EXPECT_EQ(events[1].after->parent, kTrash);
  EXPECT_EQ(here.Get(a, 7), "value");
  EXPECT_THAT(*Tell(there, here), IsEmpty()) << "nothing is new";
}

TEST(DocumentTest, OpsOfManyActorsArriveTogetherInWhateverOrderTheyAreListed) {
  Text one(1), two(2), three(3);
  const NodeId a = *one.Create(kRoot, "a");
  ASSERT_TRUE(Tell(one, two).ok());
  const NodeId b = *two.Create(a, "b");
  ASSERT_TRUE(Tell(two, one).ok());
  ASSERT_TRUE(one.Move(b, kRoot).ok());
  OpDelta all = one.OpsSince({});
  ASSERT_EQ(all.ops.size(), 3u);
  std::swap(all.ops[0], all.ops[1]);
  ASSERT_TRUE(three.Merge(all).ok());
  EXPECT_EQ(three.ParentOf(b), kRoot);
  EXPECT_EQ(three.Save().substr(14), one.Save().substr(14)) << "all but the actor";
}

TEST(DocumentTest, OpsThatCannotBeAreRefusedWholeAndChangeNothing) {
  Text document(1);
  ASSERT_TRUE(document.Create(kRoot, "a").ok());
  const std::string before = document.Save();
  const auto refused = [&](OpDelta delta) { return CodeOf(document.Merge(std::move(delta)).status()); };
  OpDelta gap;
  gap.since.Raise(2, 1);
  gap.ops = {Made(1, 2, "x")};
  EXPECT_EQ(refused(gap), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(refused({{}, {Made(1, 2, "x"), Made(kCounterMax, 3, "x")}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused({{}, {Made(2, 2, "x"), Made(1, 2, "x")}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused({{}, {Made(1, 0, "x")}}), absl::StatusCode::kInvalidArgument) << "of nobody";
  EXPECT_EQ(refused({{}, {Made(0, 2, "x")}}), absl::StatusCode::kInvalidArgument) << "of no time";
  Op unsorted = Made(1, 2, "x");
  unsorted.fields = {{{2, ""}, "b", {}}, {{1, ""}, "a", {}}};
  EXPECT_EQ(refused({{}, {unsorted}}), absl::StatusCode::kInvalidArgument) << "it has no bytes";
  Op open = Made(1, 2, "x");
  open.ends_batch = false;
  EXPECT_EQ(refused({{}, {open}}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(document.Save(), before);
}

TEST(DocumentTest, AnOpWhoseMetadataAreNoneHasNoEffectAnywhereAndStopsNothing) {
  Document<Item> one(1), two(2);
  const Op bad = Made(1, 9, "\xff\xff");
  ASSERT_TRUE(one.Merge({{}, {bad, Made(2, 9, std::string("\x01x\x01", 3))}}).ok());
  ASSERT_TRUE(Tell(one, two).ok());
  for (const auto* document : {&one, &two}) {
    EXPECT_FALSE(document->IsLive(bad.child));
    EXPECT_EQ(document->MetaOf(NodeId::Of(9, 2)), (Item{"x", true}));
    EXPECT_EQ(document->version()[9], 2u);
  }
  EXPECT_TRUE(Document<Item>::Load(one.Save()).ok());
}

TEST(DocumentTest, OpsWithFieldsOfEveryKindAreCarriedOn) {
  Text one(1), two(2), three(3);
  Op op = Made(1, 9, "x");
  op.fields = {{{1, ""}, "last writer", {}}, {{1, "key"}, "version", std::vector<Timestamp>{}}};
  ASSERT_TRUE(one.Merge({{}, {op}}).ok());
  ASSERT_TRUE(Tell(one, two).ok());
  three = *Text::Load(two.Save());
  for (const Text* document : {&one, &two, &three}) {
    EXPECT_THAT(document->OpsSince({}).ops, ElementsAre(op));
    EXPECT_EQ(document->tree().Versions(op.child, 1, "key").size(), 1u);
    EXPECT_EQ(document->Get(op.child, 1), "last writer");
  }
}

TEST(DocumentTest, RegistersKeepTheLastWriteAndCanBeCleared) {
  Text document(1);
  ASSERT_TRUE(document.Set(kRoot, 1, "title").ok());
  EXPECT_EQ(document.Get(kRoot, 1), "title");
  EXPECT_EQ(document.Get(kRoot, 2), std::nullopt);
  ASSERT_TRUE(document.Set(kRoot, 1, std::nullopt).ok());
  EXPECT_EQ(document.Get(kRoot, 1), std::nullopt);
}

TEST(DocumentTest, ThePastCanBeReadAndNothingChangedMeanwhile) {
  Text document(1);
  const NodeId a = *document.Create(kRoot, "a");
  const Timestamp then = document.latest();
  ASSERT_TRUE(document.SetMeta(a, "b").ok());
  ASSERT_TRUE(document.Create(kRoot, "later").ok());
  document.ReadAsOf(then, [&] {
    EXPECT_EQ(document.MetaOf(a), "a");
    EXPECT_THAT(document.Children(kRoot), ElementsAre(a));
    EXPECT_EQ(CodeOf(document.Delete(a)), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(CodeOf(document.Merge({}).status()), absl::StatusCode::kFailedPrecondition);
    EXPECT_FALSE(document.CanUndo());
    EXPECT_THAT(document.Undo(), IsEmpty());
  });
  EXPECT_EQ(document.MetaOf(a), "b");
  EXPECT_TRUE(document.CanUndo());
}

TEST(DocumentTest, ASavedDocumentIsLoadedWithItsActorAndGoesOn) {
  Text one(1), two(2);
  const NodeId a = *one.Create(kRoot, std::string("a\0\xff", 3));
  ASSERT_TRUE(Tell(one, two).ok());
  const NodeId b = *two.Create(a, "b");
  ASSERT_TRUE(two.Set(b, 3, "x").ok());
  Text again = *Text::Load(two.Save());
  EXPECT_EQ(again.actor(), 2);
  EXPECT_EQ(again.version(), two.version());
  EXPECT_EQ(again.next_time(), two.next_time());
  EXPECT_EQ(again.ParentOf(b), a);
  EXPECT_EQ(again.Get(b, 3), "x");
  EXPECT_EQ(again.Save(), two.Save());
  EXPECT_FALSE(again.CanUndo());
  ASSERT_TRUE(again.Create(b, "c").ok());
  EXPECT_EQ(Tell(again, one)->size(), 2u);
  EXPECT_EQ(Text::Load(Text(7).Save())->actor(), 7) << "an empty one";
}

// docs/format/document.md, "Example".
TEST(DocumentTest, TheBytesAreThoseOfTheFormatPage) {
  Text document(1);
  ASSERT_TRUE(document.Create(kRoot, "a").ok());
  const OpDelta delta = document.OpsSince({});
  EXPECT_EQ(document.Save(), "copsedoc" + std::string("\x01\0\0\0\x01\0", 6) + EncodeOpColumns(delta.ops));
  EXPECT_EQ(EncodeOpDelta(delta), std::string("\x01\x01\0\x01\x06\x01\x01\x33\x01\x01\x61", 11));
}

TEST(DocumentTest, DamagedSavesAreRefusedWithAnOffset) {
  Text document(1);
  ASSERT_TRUE(document.Create(kRoot, "a").ok());
  ASSERT_TRUE(document.Set(kRoot, 1, "b").ok());
  const std::string saved = document.Save();
  for (std::size_t length = 0; length < saved.size(); ++length) {
    const absl::Status status = Text::Load(saved.substr(0, length)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << length;
    EXPECT_THAT(std::string(status.message()), HasSubstr("offset ")) << length;
  }
  EXPECT_EQ(CodeOf(Text::Load(saved + "x").status()), absl::StatusCode::kDataLoss);
  std::string of_another_format = saved;
  of_another_format[8] = 9;
  EXPECT_EQ(CodeOf(Text::Load(of_another_format).status()), absl::StatusCode::kFailedPrecondition);
  for (std::size_t bit = 0; bit < 8 * saved.size(); ++bit) {
    std::string flipped = saved;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto loaded = Text::Load(flipped);  // Refused, or another document; never a crash.
    EXPECT_TRUE(!loaded.ok() || loaded->Save() != saved) << bit;
  }
}

TEST(DocumentTest, DamagedDeltasAreRefused) {
  Text document(1);
  ASSERT_TRUE(document.Create(kRoot, "a").ok());
  const std::string bytes = EncodeOpDelta(document.OpsSince({}));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(CodeOf(DecodeOpDelta(bytes.substr(0, length)).status()), absl::StatusCode::kDataLoss) << length;
  }
  EXPECT_EQ(CodeOf(DecodeOpDelta("\xff\xff\xff\xff\x0f").status()), absl::StatusCode::kDataLoss) << "4 billion actors";
}

TEST(DocumentTest, ADeltaThatCountsOtherAuthorsThanThoseOfItsOpsIsRefused) {
  const std::string ops("\x01\x06\x01\x01\x33\x01\x01\x61", 8);
  EXPECT_TRUE(DecodeOpDelta(std::string("\x01\x01\0", 3) + ops).ok());
  for (const std::string& counts : {std::string("\0", 1), std::string("\x01\x02\0", 3),
                                    std::string("\x02\x01\0\x02\0", 5), std::string("\x02\x01\0\x01\0", 5)}) {
    EXPECT_EQ(CodeOf(DecodeOpDelta(counts + ops).status()), absl::StatusCode::kDataLoss) << counts.size();
  }
}

TEST(DocumentTest, WhatASavedCopyLostComesBackByMerging) {
  Text one(1), two(2);
  const std::string old = one.Save();
  const NodeId a = *one.Create(kRoot, "a");
  ASSERT_TRUE(Tell(one, two).ok());
  Text restored = *Text::Load(old);
  ASSERT_TRUE(Tell(two, restored).ok());
  EXPECT_TRUE(restored.IsLive(a));
  EXPECT_NE(restored.Create(kRoot, "b").value(), a);
}

}  // namespace
}  // namespace copse::crdt
