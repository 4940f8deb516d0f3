#include "support.h"

#include <gtest/gtest.h>

namespace copse::replica {

std::vector<crdt::Op> Batch(std::uint64_t counter, std::size_t count, crdt::ActorId actor, std::size_t name_bytes) {
  std::vector<crdt::Op> batch;
  for (std::size_t i = 0; i < count; ++i) {
    crdt::Op op;
    op.time = crdt::Timestamp::Of(counter + i, actor);
    op.child = op.time.node();
    op.place = crdt::Place{crdt::kRoot, std::string(name_bytes, static_cast<char>('a' + (counter + i) % 26))};
    op.ends_batch = i + 1 == count;
    batch.push_back(std::move(op));
  }
  return batch;
}

Store::Replayer Replayed::replayer() {
  return [this](crdt::ActorId actor, std::uint64_t first, std::span<const crdt::Op> batch) {
    frames.push_back({actor, first, batch.size()});
    ops.insert(ops.end(), batch.begin(), batch.end());
    return absl::OkStatus();
  };
}

absl::StatusOr<std::unique_ptr<Store>> Machine::Open(Replayed* replayed) {
  Replayed ignored;
  return Store::Open(environment(), kPath, options_, (replayed != nullptr ? *replayed : ignored).replayer());
}

std::unique_ptr<Store> Machine::New() {
  EXPECT_TRUE(Create().ok());
  auto store = Open();
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

absl::StatusOr<std::vector<crdt::Op>> Machine::Reopened() {
  Replayed replayed;
  auto store = Open(&replayed);
  if (!store.ok()) return store.status();
  return replayed.ops;
}

std::vector<std::string> Machine::Files(const std::string& directory) {
  std::vector<std::string> files;
  const auto entries = storage_.List(directory);
  EXPECT_TRUE(entries.ok()) << entries.status();
  for (const base::Storage::Entry& entry : *entries) {
    const std::string path = directory + "/" + entry.name;
    if (entry.is_directory) {
      for (std::string& file : Files(path)) files.push_back(std::move(file));
    } else {
      files.push_back(path);
    }
  }
  return files;
}

std::map<std::string, std::string> Machine::Image() {
  std::map<std::string, std::string> image;
  for (const std::string& path : Files(kPath)) image[path] = Read(path);
  return image;
}

std::string Machine::Read(const std::string& path) {
  auto contents = base::ReadWholeFile(storage_, path);
  EXPECT_TRUE(contents.ok()) << contents.status();
  return contents.ok() ? *contents : "";
}

}  // namespace copse::replica
