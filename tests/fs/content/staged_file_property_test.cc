#include <copse/fs/staged_file.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "fs/content/model_contents.h"

// A staged file against a string. Every step is drawn from three numbers, so that a failing run shrinks to few steps.

namespace copse::fs {
namespace {

using Step = std::tuple<int, std::uint32_t, std::uint32_t>;

class Run {
 public:
  Run(int base_shape, bool fixed_chunks) : world_({32 * kKiB, 1 * kMiB}), fixed_(fixed_chunks) {
    MakeBase(base_shape);
    model_ = base_model_;
    file_ = world_.area->OpenFile(kNode, base_, heads_, fixed_);
  }

  void Take(const Step& step) {
    const auto [action, a, b] = step;
    const std::uint64_t offset = Offset(a);
    const std::size_t length = Length(b);
    ++now_;
    switch (action) {
      case 0:
      case 1:
        Changed(file_->Write(offset, RandomBytes(b, length), now_));
        model_.Write(offset, RandomBytes(b, length));
        break;
      case 2:
        RC_ASSERT(Must(file_->Append(RandomBytes(b, length), now_)) == model_.bytes.size());
        model_.Write(model_.bytes.size(), RandomBytes(b, length));
        break;
      case 3:
        Changed(file_->Truncate(offset, now_));
        {
          const bool cuts = offset < model_.bytes.size();
          model_.Resize(offset);
          // A cut of a persisted file is durable at once.
          if (cuts && persisted_) Persisted();
        }
        break;
      case 4:
        Changed(file_->PunchHole(offset, length * 4, now_));
        model_.Punch(offset, length * 4);
        if (persisted_ && offset < model_.bytes.size()) Persisted();
        break;
      case 5:
      case 6:
        CheckRead(offset, length);
        break;
      case 7:
        CheckSeek(offset);
        break;
      case 8:
        Must(file_->Persist());
        if (file_->dirty()) Persisted();
        break;
      case 9:
        Publish();
        break;
      case 10:
        Publish();
        Rebase();
        break;
      case 11:
        if (published_) Rebase();
        break;
      case 12:
        Must(file_->Discard());
        model_ = base_model_;
        published_.reset();
        persisted_.reset();
        break;
      case 13:
        Crash(a, b);
        break;
      default:
        RC_FAIL("no such step");
    }
    CheckSums();
  }

  void CheckAll() {
    RC_ASSERT(ReadAll(*file_) == model_.bytes);
    Publish();
  }

 private:
  void Changed(const absl::Status& status) { RC_ASSERT(status.ok()); }

  /// Both small and large places are likely, and so are borders of what is there.
  std::uint64_t Offset(std::uint32_t a) const {
    switch (a % 4) {
      case 0:
        return a / 4 % 700;
      case 1:
        return a / 4 % (40 * kKiB);
      case 2:
        return a / 4 % (500 * kKiB);
      default:
        return model_.bytes.empty() ? 0 : a / 4 % (model_.bytes.size() + 1);
    }
  }
  static std::size_t Length(std::uint32_t b) {
    constexpr std::size_t kMax[] = {30, 600, 5000, 100'000};
    return b / 4 % kMax[b % 4];
  }

  void MakeBase(int shape) {
    heads_ = {crdt::Timestamp::Of(1, 7)};
    if (shape == 0) return Remember(Manifest{});
    const auto file = world_.area->OpenFile(NodeId::Of(9, 9), {}, {}, fixed_);
    const auto write = [&](std::uint64_t offset, std::size_t length) {
      Must(file->Write(offset, RandomBytes(length, length), 3));
      base_model_.Write(offset, RandomBytes(length, length));
    };
    if (shape == 1) write(0, 300);
    if (shape == 2) write(0, 100'000);
    if (shape == 3) {
      write(0, 1'000);
      write(200'000, 150'000);
      write(450'000, 10);
    }
    if (shape == 4) write(0, 900'000);
    if (shape == 5) {
      Must(file->Truncate(400'000, 3));
      base_model_.Resize(400'000);
    }
    base_model_.hole = base_model_.PublishedHoles();
    Remember(Must(file->Publish()));
  }

  void Remember(const Manifest& manifest) {
    base_ = manifest;
    versions_[heads_] = manifest;
  }

  void Persisted() {
    model_.since_persist.assign(model_.bytes.size(), false);
    persisted_ = model_;
  }

  void CheckRead(std::uint64_t offset, std::size_t length) {
    std::string out(length, '?');
    const std::size_t count = Must(file_->Read(offset, out));
    const std::string expected = offset < model_.bytes.size() ? model_.bytes.substr(offset, length) : "";
    RC_ASSERT(out.substr(0, count) == expected);
  }

  void CheckSeek(std::uint64_t offset) {
    if (offset >= model_.bytes.size()) return;
    const std::uint64_t data = model_.Find(offset, false);
    RC_ASSERT(Must(file_->SeekData(offset)) ==
              (data < model_.bytes.size() ? std::optional(data) : std::optional<std::uint64_t>()));
    RC_ASSERT(Must(file_->SeekHole(offset)) == model_.Find(offset, true));
  }

  void CheckSums() {
    RC_ASSERT(file_->size() == model_.bytes.size());
    RC_ASSERT(file_->persisted() == persisted_.has_value());
    RC_ASSERT(file_->allocated_bytes() >= model_.DataBytes());
    if (!file_->dirty() || base_.hole_bytes == 0) RC_ASSERT(file_->allocated_bytes() == model_.DataBytes());
  }

  void Publish() {
    published_ = Must(file_->Publish());
    RC_ASSERT(published_->size == model_.bytes.size());
    RC_ASSERT(published_->mtime == file_->mtime());
    RC_ASSERT(Must(DecodeManifest(EncodeManifest(*published_))) == *published_);
    std::string bytes(published_->size, '?');
    Must(world_.Reader(*published_).Read(0, bytes));
    RC_ASSERT(bytes == model_.bytes);
    if (bytes.size() > Manifest::kInlineBytesMax) {
      RC_ASSERT(PlainLeaves(world_, *published_) == CutFromScratch(model_, fixed_));
    }
    model_.since_publish.assign(bytes.size(), false);
    published_model_ = model_;
    published_model_.hole = model_.PublishedHoles();
  }

  void Rebase() {
    heads_ = {crdt::Timestamp::Of(heads_.front().counter() + 1, 7)};
    Remember(*published_);
    base_model_ = published_model_;
    const bool touched = model_.bytes.size() != base_model_.bytes.size() ||
                         std::count(model_.since_publish.begin(), model_.since_publish.end(), true) > 0;
    const bool was_dirty = file_->dirty();
    Must(file_->Rebase(*published_, heads_));
    RC_ASSERT(file_->base_heads() == heads_);
    published_.reset();
    if (!file_->dirty()) {
      RC_ASSERT(!touched || !was_dirty);
      RC_ASSERT(world_.Names().empty());
      model_ = base_model_;
      persisted_.reset();
      return;
    }
    // Small holes became data in the version; only what came after keeps what was known of it.
    for (std::size_t i = 0; i < model_.bytes.size(); ++i) {
      if (!model_.since_publish[i]) model_.hole[i] = base_model_.hole[i];
    }
    if (persisted_) Persisted();
  }

  void Crash(std::uint32_t a, std::uint32_t seed) {
    const auto keep = static_cast<base::MemoryStorage::Keep>(a % 3);
    world_.storage.Crash(keep, seed);
    file_.reset();
    world_.Start();
    published_.reset();
    std::vector<std::string> left;
    auto recovered = Must(world_.area->Recover([](NodeId node) { return node == kNode; }, left));
    RC_ASSERT(left.empty());
    RC_ASSERT(recovered.size() == (persisted_ ? 1U : 0U));
    if (!persisted_) {
      RC_ASSERT(world_.Names().empty());
      model_ = base_model_;
      file_ = world_.area->OpenFile(kNode, base_, heads_, fixed_);
      return;
    }
    file_ = std::move(recovered.front().file);
    RC_ASSERT(file_->dirty());
    RC_ASSERT(file_->base_heads() == heads_);
    std::string bytes = ReadAll(*file_);
    RC_ASSERT(bytes.size() == persisted_->bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const bool overwritten = i < model_.since_persist.size() && model_.since_persist[i];
      if (bytes[i] == persisted_->bytes[i]) continue;
      RC_ASSERT(keep != base::MemoryStorage::Keep::kNothing);
      RC_ASSERT(overwritten);
    }
    model_ = *persisted_;
    model_.bytes = std::move(bytes);
    Persisted();
  }

  ContentWorld world_;
  const bool fixed_;
  base::UnixNanoseconds now_ = 100;
  std::vector<crdt::Timestamp> heads_;
  std::map<std::vector<crdt::Timestamp>, Manifest> versions_;
  Manifest base_;
  ModelContents base_model_;
  ModelContents model_;
  std::optional<Manifest> published_;
  ModelContents published_model_;
  std::optional<ModelContents> persisted_;  // What a crash leaves.
  std::unique_ptr<StagedFile> file_;
};

RC_GTEST_PROP(StagedFileProperty, BehavesAsAStringUnderAnySequenceOfCallsAndCrashes, ()) {
  const int shape = *rc::gen::inRange(0, 6);
  const bool fixed = *rc::gen::arbitrary<bool>();
  const auto number = rc::gen::resize(100, rc::gen::inRange<std::uint32_t>(0, 0x7fffffff));
  const auto steps = *rc::gen::container<std::vector<Step>>(rc::gen::tuple(rc::gen::inRange(0, 14), number, number));
  Run run(shape, fixed);
  for (const Step& step : steps) run.Take(step);
  run.CheckAll();
}

}  // namespace
}  // namespace copse::fs
