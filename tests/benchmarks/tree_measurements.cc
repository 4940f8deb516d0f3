#include "tree_measurements.h"

#include <copse/crdt/op_codec.h>
#include <copse/crdt/op_columns.h>
#include <copse/crdt/tree.h>
#include <copse/crdt/tree_replica.h>
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <span>
#include <utility>

#include "../crdt/textbook_engine.h"
#include "tree_workloads.h"

namespace copse::benchmarks {
namespace {

using crdt::Op;
using crdt::Timestamp;

// What takes the textbook engine longer is measured on a part.
constexpr double kSecondsMax = 5;

template <typename Engine>
struct WithEvents {
  Engine engine;
  std::vector<crdt::NetEvent> events;
  void Apply(std::span<const Op> ops) {
    events.clear();
    engine.Apply(ops, events);
  }
};

using Ours = WithEvents<crdt::Tree>;
using TextbookWithEvents = WithEvents<crdt_test::TextbookEngine>;

struct OursWithoutEvents {
  crdt::Tree tree;
  void Apply(std::span<const Op> ops) { tree.Replay(ops); }
};

struct Textbook {
  crdt_test::TextbookEngine engine;
  void Apply(std::span<const Op> ops) { engine.Apply(ops); }
};

double ProcessorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <typename Action>
double SecondsOf(const Action& action) {
  const double begin = ProcessorSeconds();
  action();
  return ProcessorSeconds() - begin;
}

double HeapBytes() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

enum class Names { kWith, kWithout };

std::vector<Op> Named(std::vector<Op> ops, Names names) {
  if (names == Names::kWith) return ops;
  for (Op& op : ops) {
    if (op.place) op.place->name.clear();
  }
  return ops;
}

enum class Mix { kCreates, kMixed };

std::vector<Op> Made(Worker& worker, std::size_t count, Mix mix) {
  std::vector<Op> ops;
  ops.reserve(count);
  for (std::size_t i = 0; i < count; ++i) ops.push_back(mix == Mix::kCreates ? worker.Create() : worker.Next());
  return ops;
}

std::vector<Op> MadeByOne(std::size_t count, Mix mix, Names names = Names::kWith) {
  Worker worker(1, 1);
  return Named(Made(worker, count, mix), names);
}

/// Ops a second when `ops` arrive in pieces of `piece`, or in as many of them as there is time for.
template <typename Engine>
double Rate(Engine& engine, std::span<const Op> ops, std::size_t piece) {
  const double begin = ProcessorSeconds();
  std::size_t done = 0;
  double seconds = 0;
  while (done < ops.size() && seconds < kSecondsMax) {
    // Looked at seldom, since looking takes longer than an op.
    for (int pieces = 0; pieces < (piece == 1 ? 4096 : 16) && done < ops.size(); ++pieces) {
      const std::size_t size = std::min(piece, ops.size() - done);
      engine.Apply(ops.subspan(done, size));
      done += size;
    }
    seconds = ProcessorSeconds() - begin;
  }
  return static_cast<double>(done) / seconds;
}

template <typename Engine>
double InOrderRate(std::size_t size, Mix mix, Names names) {
  const std::vector<Op> ops = MadeByOne(size, mix, names);
  Engine engine;
  return Rate(engine, ops, 1);
}

/// Two replicas fork from a tree of size / 4 and make size / 2 ops each: what merging the other's costs.
template <typename Engine>
double MergeRate(std::size_t size, Mix mix, std::size_t piece) {
  Worker one(1, 1);
  Engine engine;
  engine.Apply(Made(one, size / 4, mix));
  Worker other = one.Fork(2, 2);
  engine.Apply(Made(one, size / 2, mix));
  const std::vector<Op> theirs = Made(other, size / 2, mix);
  return Rate(engine, theirs, piece == 0 ? theirs.size() : piece);
}

enum class Late { kLeaf, kDirectory };

/// Microseconds for one op that is older than `late_by` others, in a tree of `size` ops: the median of up to 100.
template <typename Engine>
double LateMicroseconds(std::size_t size, std::size_t late_by, Late what) {
  Worker one(1, 1);
  Engine engine;
  engine.Apply(Made(one, std::max<std::size_t>(size - late_by, 200), Mix::kMixed));
  const Worker then = one;
  engine.Apply(Made(one, late_by, Mix::kMixed));
  std::mt19937_64 random(7);
  std::vector<double> seconds;
  double total = 0;
  for (std::size_t i = 0; i < 100 && total < kSecondsMax; ++i) {
    const auto& entries = what == Late::kLeaf ? then.files() : then.directories();
    Op op;
    op.time = Timestamp::Of(then.counter() + i + 1, 2);
    op.child = entries[random() % entries.size()].node;
    op.place = crdt::Place{then.directories()[random() % then.directories().size()].node, "late"};
    seconds.push_back(SecondsOf([&] { engine.Apply(std::span(&op, 1)); }));
    total += seconds.back();
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2] * 1e6;
}

template <typename Engine>
double PaperRate(std::size_t size) {
  const std::vector<Op> ops = RandomMoves(1000, size, 120, 5);
  Engine engine;
  return Rate(engine, ops, 64);
}

template <typename Engine>
double BytesPerNode(std::size_t size, Names names) {
  const std::vector<Op> ops = MadeByOne(size, Mix::kCreates, names);
  const double before = HeapBytes();
  Engine engine;
  for (const Op& op : ops) engine.Apply(std::span(&op, 1));
  return (HeapBytes() - before) / static_cast<double>(size);
}

double BytesPerNodeTruncated(std::size_t size) {
  const std::vector<Op> ops = MadeByOne(size, Mix::kCreates, Names::kWithout);
  const double before = HeapBytes();
  crdt::Tree tree;
  tree.Replay(ops);
  tree.Truncate(ops.back().time);
  return (HeapBytes() - before) / static_cast<double>(size);
}

double BytesPerOpInFrames(std::size_t size) {
  const std::vector<Op> ops = MadeByOne(size, Mix::kMixed);
  double bytes = 0;
  for (std::size_t at = 0; at < ops.size(); at += 64) {
    const auto piece = std::span(ops).subspan(at, std::min<std::size_t>(64, ops.size() - at));
    bytes += static_cast<double>(crdt::EncodeOps(piece).size());
  }
  return bytes / static_cast<double>(size);
}

double BytesPerOpInColumns(std::size_t size, Mix mix, Names names) {
  return static_cast<double>(crdt::EncodeOpColumns(MadeByOne(size, mix, names)).size()) / static_cast<double>(size);
}

/// Takes in `bytes` in pieces, as long logs are meant to be.
template <typename Engine>
void Replay(Engine& engine, const std::string& bytes) {
  constexpr std::size_t kPiece = 1024;
  auto reader = crdt::OpColumnsReader::Open(bytes);
  std::vector<Op> ops;
  while (reader->remaining() > 0) {
    if (!reader->Read(kPiece, ops).ok()) std::abort();
    engine.Apply(ops);
  }
}

/// Ops a second from the bytes of a log to the tree.
template <typename Engine>
double ReplayRate(std::size_t size, Mix mix) {
  const std::string bytes = crdt::EncodeOpColumns(MadeByOne(size, mix));
  Engine engine;
  return static_cast<double>(size) / SecondsOf([&] { Replay(engine, bytes); });
}

/// Milliseconds from the image of a replica, in memory, to the first entries of the root.
double SnapshotMilliseconds(std::size_t size) {
  crdt::NullJournal journal;
  crdt::ImageBuffer image;
  {
    crdt::TreeReplica saved(1, journal);
    const std::vector<Op> ops = MadeByOne(size, Mix::kCreates);
    if (!saved.Ingest(ops.front().time.actor(), 0, ops).ok()) std::abort();
    const std::string bytes = saved.Save();
    image = crdt::ImageBuffer(bytes.size());
    std::copy(bytes.begin(), bytes.end(), image.data());
  }
  crdt::TreeReplica replica(1, journal);
  std::size_t listed = 0;
  const double seconds = SecondsOf([&] {
    if (!replica.Load(std::move(image)).ok()) std::abort();
    listed = replica.tree().ChildrenOf(crdt::kRoot, crdt::kForest, 100).size();
  });
  return listed == 100 ? seconds * 1e3 : 0;
}

}  // namespace

std::vector<TreeCase> TreeCases(std::size_t size) {
  std::vector<TreeCase> cases;
  const auto in_order = [&](const char* name, Mix mix, Names names) {
    cases.push_back({name, "ops/s", [=] { return InOrderRate<Ours>(size, mix, names); },
                     [=] { return InOrderRate<Textbook>(size, mix, names); }});
  };
  in_order("create, one by one", Mix::kCreates, Names::kWith);
  in_order("create without names, one by one", Mix::kCreates, Names::kWithout);
  in_order("mixed ops in order, one by one, only copse tells events", Mix::kMixed, Names::kWith);
  cases.push_back({"mixed ops in order, one by one, both tell events", "ops/s",
                   [=] { return InOrderRate<Ours>(size, Mix::kMixed, Names::kWith); },
                   [=] { return InOrderRate<TextbookWithEvents>(size, Mix::kMixed, Names::kWith); }});
  cases.push_back({"mixed ops in order, one by one, neither tells events", "ops/s",
                   [=] { return InOrderRate<OursWithoutEvents>(size, Mix::kMixed, Names::kWith); },
                   [=] { return InOrderRate<Textbook>(size, Mix::kMixed, Names::kWith); }});
  const auto merge = [&](const char* name, Mix mix, std::size_t piece) {
    cases.push_back({name, "ops/s", [=] { return MergeRate<Ours>(size, mix, piece); },
                     [=] { return MergeRate<Textbook>(size, mix, piece); }});
  };
  merge("merge concurrent creates, one batch", Mix::kCreates, 0);
  merge("merge concurrent creates, frames of 64", Mix::kCreates, 64);
  merge("merge concurrent mixed ops, one batch", Mix::kMixed, 0);
  merge("merge concurrent mixed ops, frames of 64", Mix::kMixed, 64);
  for (const std::size_t late_by : {std::size_t{1000}, size}) {
    const std::string by = "one op late by " + std::to_string(late_by);
    const auto late = [&](const std::string& name, Late what) {
      cases.push_back({name, "us", [=] { return LateMicroseconds<Ours>(size, late_by, what); },
                       [=] { return LateMicroseconds<Textbook>(size, late_by, what); }});
    };
    late(by + ", leaf", Late::kLeaf);
    late(by + ", directory", Late::kDirectory);
  }
  cases.push_back({"random moves of 1000 directories (the paper's), batches of 64", "ops/s",
                   [=] { return PaperRate<Ours>(size); }, [=] { return PaperRate<Textbook>(size); }});
  cases.push_back({"replay of a log of creates, from bytes", "ops/s",
                   [=] { return ReplayRate<OursWithoutEvents>(size, Mix::kCreates); },
                   [=] { return ReplayRate<Textbook>(size, Mix::kCreates); }});
  cases.push_back({"replay of a log of mixed ops, from bytes", "ops/s",
                   [=] { return ReplayRate<OursWithoutEvents>(size, Mix::kMixed); },
                   [=] { return ReplayRate<Textbook>(size, Mix::kMixed); }});
  cases.push_back({"snapshot to first listing", "ms", [=] { return SnapshotMilliseconds(size); }, nullptr});

  const auto exact = [&](const char* name, std::function<double()> ours, std::function<double()> textbook = nullptr) {
    cases.push_back({name, "bytes", std::move(ours), std::move(textbook), true});
  };
  exact(
      "memory of a node with its op, without its name", [=] { return BytesPerNode<Ours>(size, Names::kWithout); },
      [=] { return BytesPerNode<Textbook>(size, Names::kWithout); });
  exact(
      "memory of a node with its op and name", [=] { return BytesPerNode<Ours>(size, Names::kWith); },
      [=] { return BytesPerNode<Textbook>(size, Names::kWith); });
  exact("memory of a node after truncation, without its name", [=] { return BytesPerNodeTruncated(size); });
  exact("an op in a frame of 64, with its name", [=] { return BytesPerOpInFrames(size); });
  exact("an op in columns, with its name", [=] { return BytesPerOpInColumns(size, Mix::kMixed, Names::kWith); });
  exact("an op in columns, without its name", [=] { return BytesPerOpInColumns(size, Mix::kMixed, Names::kWithout); });
  exact("a create in columns, without its name",
        [=] { return BytesPerOpInColumns(size, Mix::kCreates, Names::kWithout); });
  return cases;
}

}  // namespace copse::benchmarks
