// Measures the tree engine beside the textbook engine of tests/crdt, in one process and one run, in processor time.
//
//   copse_tree_benchmark run [SIZE]...     one JSON object: SIZE -> case -> {copse, textbook, unit}; 10000 100000
//   1000000 copse_tree_benchmark table FILE        Markdown of such a run copse_tree_benchmark check FILE        lists
//   the goals that the run misses; exits with 1 if there is one

#include <copse/crdt/op_codec.h>
#include <copse/crdt/tree.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "../crdt/textbook_engine.h"
#include "tree_workloads.h"

namespace copse::benchmarks {
namespace {

using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;
using crdt::Tree;
using crdt_test::TextbookEngine;
using Json = nlohmann::ordered_json;

constexpr double kUnmeasured = std::numeric_limits<double>::quiet_NaN();
// What takes the textbook engine longer is measured on a part.
constexpr double kSecondsMax = 5;

double ProcessorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double HeapBytes() {
  const auto info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd);
}

std::vector<Op> Made(Worker& worker, std::size_t count) {
  std::vector<Op> ops;
  for (std::size_t i = 0; i < count; ++i) ops.push_back(worker.Next());
  return ops;
}

std::vector<Op> Creates(std::size_t count) {
  Worker worker(1, 1);
  std::vector<Op> ops;
  for (std::size_t i = 0; i < count; ++i) ops.push_back(worker.Create());
  return ops;
}

/// Ops a second when `ops` arrive in pieces of `piece`, or in as many of them as there is time for.
template <typename Engine>
double Rate(Engine& engine, std::span<const Op> ops, std::size_t piece) {
  const double begin = ProcessorSeconds();
  std::size_t done = 0;
  double seconds = 0;
  while (done < ops.size() && seconds < kSecondsMax) {
    // Looked at seldom, since looking takes longer than an op.
    for (int pieces = 0; pieces < 16 && done < ops.size(); ++pieces) {
      const std::size_t size = std::min(piece, ops.size() - done);
      engine.Apply(ops.subspan(done, size));
      done += size;
    }
    seconds = ProcessorSeconds() - begin;
  }
  return static_cast<double>(done) / seconds;
}

template <typename Engine>
double CreateRate(std::size_t size) {
  const std::vector<Op> ops = Creates(size);
  Engine engine;
  return Rate(engine, ops, 1);
}

template <typename Engine>
double InOrderRate(std::size_t size) {
  Worker worker(1, 1);
  const std::vector<Op> ops = Made(worker, size);
  Engine engine;
  return Rate(engine, ops, 1);
}

/// Two replicas fork from a tree of size / 4 and make size / 2 ops each: what merging the other's costs.
template <typename Engine>
double MergeRate(std::size_t size, std::size_t piece) {
  Worker one(1, 1);
  Engine engine;
  engine.Apply(Made(one, size / 4));
  Worker other = one.Fork(2, 2);
  engine.Apply(Made(one, size / 2));
  const std::vector<Op> theirs = Made(other, size / 2);
  return Rate(engine, theirs, piece == 0 ? theirs.size() : piece);
}

enum class Late { kLeaf, kDirectory };

/// Microseconds for one op that is older than `late_by` others, in a tree of `size` ops: the median of several.
template <typename Engine>
double LateMicroseconds(std::size_t size, std::size_t late_by, Late what) {
  Worker one(1, 1);
  Engine engine;
  engine.Apply(Made(one, std::max<std::size_t>(size - late_by, 200)));
  const Worker then = one;
  engine.Apply(Made(one, late_by));
  Worker other = then.Fork(2, 3);
  std::mt19937_64 random(7);
  std::vector<double> seconds;
  double total = 0;
  for (std::size_t i = 0; i < 100 && total < kSecondsMax; ++i) {
    const auto& entries = what == Late::kLeaf ? then.files() : then.directories();
    Op op;
    op.time = Timestamp::Of(then.counter() + i + 1, 2);
    op.child = entries[random() % entries.size()].node;
    op.place = crdt::Place{then.directories()[random() % then.directories().size()].node, "late"};
    const double begin = ProcessorSeconds();
    engine.Apply(std::span(&op, 1));
    seconds.push_back(ProcessorSeconds() - begin);
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
double BytesPerNode(std::size_t size, bool truncated) {
  std::vector<Op> ops = Creates(size);
  const double before = HeapBytes();
  Engine engine;
  engine.Apply(ops);
  if constexpr (std::is_same_v<Engine, Tree>) {
    if (truncated) engine.Truncate(ops.back().time);
  }
  return (HeapBytes() - before) / static_cast<double>(size);
}

double BytesPerOpInFrames(std::size_t size) {
  Worker worker(1, 1);
  const std::vector<Op> ops = Made(worker, size);
  double bytes = 0;
  for (std::size_t at = 0; at < ops.size(); at += 64) {
    const auto piece = std::span(ops).subspan(at, std::min<std::size_t>(64, ops.size() - at));
    bytes += static_cast<double>(crdt::EncodeOps(piece).size());
  }
  return bytes / static_cast<double>(size);
}

Json Case(double ours, double textbook, const char* unit) {
  return Json{{"copse", ours}, {"textbook", textbook}, {"unit", unit}};
}

Json Run(std::size_t size) {
  Json cases;
  const auto both = [&](const char* name, const char* unit, auto measure) {
    std::cerr << "bench tree: " << size << ": " << name << "\n";
    const double ours = measure(std::type_identity<Tree>());
    cases[name] = Case(ours, measure(std::type_identity<TextbookEngine>()), unit);
  };
#define ENGINE typename decltype(engine)::type
  both("create one by one", "ops/s", [&](auto engine) { return CreateRate<ENGINE>(size); });
  both("mixed ops in order, one by one", "ops/s", [&](auto engine) { return InOrderRate<ENGINE>(size); });
  both("merge concurrent ops, one batch", "ops/s", [&](auto engine) { return MergeRate<ENGINE>(size, 0); });
  both("merge concurrent ops, frames of 64", "ops/s", [&](auto engine) { return MergeRate<ENGINE>(size, 64); });
  for (const std::size_t late_by : {std::size_t{1000}, size}) {
    const std::string by = "one op late by " + std::to_string(late_by);
    both((by + ", leaf").c_str(), "us",
         [&](auto engine) { return LateMicroseconds<ENGINE>(size, late_by, Late::kLeaf); });
    both((by + ", directory").c_str(), "us",
         [&](auto engine) { return LateMicroseconds<ENGINE>(size, late_by, Late::kDirectory); });
  }
  both("random moves of 1000 directories (the paper's), batches of 64", "ops/s",
       [&](auto engine) { return PaperRate<ENGINE>(size); });
  both("memory of a node with its op", "bytes", [&](auto engine) { return BytesPerNode<ENGINE>(size, false); });
#undef ENGINE
  cases["memory of a node after truncation"] = Case(BytesPerNode<Tree>(size, true), kUnmeasured, "bytes");
  cases["an op in a frame of 64"] = Case(BytesPerOpInFrames(size), kUnmeasured, "bytes");
  return cases;
}

struct Goal {
  const char* size;
  const char* name;
  const char* what;
  bool (*is_met)(const Json& cases);
};

double Ours(const Json& cases, const char* name) { return cases.at(name).at("copse").get<double>(); }
double Textbook(const Json& cases, const char* name) { return cases.at(name).at("textbook").get<double>(); }

constexpr const char* kCreate = "create one by one";
constexpr const char* kInOrder = "mixed ops in order, one by one";
constexpr const char* kLeafLate = "one op late by 1000000, leaf";
constexpr const char* kLeafNear = "one op late by 1000, leaf";
constexpr const char* kDirectoryLate = "one op late by 1000000, directory";
constexpr const char* kDirectoryNear = "one op late by 1000, directory";
constexpr const char* kBatch = "merge concurrent ops, one batch";
constexpr const char* kFrames = "merge concurrent ops, frames of 64";
constexpr const char* kPaper = "random moves of 1000 directories (the paper's), batches of 64";
constexpr const char* kMemory = "memory of a node with its op";
constexpr const char* kTruncated = "memory of a node after truncation";
constexpr const char* kLarge = "1000000";

const Goal kGoals[] = {
    {kLarge, kCreate, "not 10 % slower than the textbook engine",
     [](const Json& c) { return Ours(c, kCreate) >= 0.9 * Textbook(c, kCreate); }},
    {kLarge, kInOrder, "not 10 % slower than the textbook engine",
     [](const Json& c) { return Ours(c, kInOrder) >= 0.9 * Textbook(c, kInOrder); }},
    {kLarge, kLeafLate, "at most 10 times one late by 1000",
     [](const Json& c) { return Ours(c, kLeafLate) <= 10 * Ours(c, kLeafNear); }},
    {kLarge, kDirectoryLate, "at most 10 times one late by 1000",
     [](const Json& c) { return Ours(c, kDirectoryLate) <= 10 * Ours(c, kDirectoryNear); }},
    {kLarge, kLeafLate, "5 us", [](const Json& c) { return Ours(c, kLeafLate) <= 5; }},
    {kLarge, kDirectoryLate, "100 us", [](const Json& c) { return Ours(c, kDirectoryLate) <= 100; }},
    {kLarge, kCreate, "8 M ops/s", [](const Json& c) { return Ours(c, kCreate) >= 8e6; }},
    {kLarge, kBatch, "10 M ops/s", [](const Json& c) { return Ours(c, kBatch) >= 10e6; }},
    {kLarge, kFrames, "3 M ops/s", [](const Json& c) { return Ours(c, kFrames) >= 3e6; }},
    {kLarge, kPaper, "1 M ops/s", [](const Json& c) { return Ours(c, kPaper) >= 1e6; }},
    {kLarge, kMemory, "64 bytes", [](const Json& c) { return Ours(c, kMemory) <= 64; }},
    {kLarge, kTruncated, "40 bytes", [](const Json& c) { return Ours(c, kTruncated) <= 40; }},
};

std::string Figure(const Json& figure) {
  if (!figure.is_number()) return "";
  const double value = figure.get<double>();
  char text[32];
  std::snprintf(text, sizeof text, value < 100 ? "%.1f" : "%.0f", value);
  return text;
}

void Table(const Json& run) {
  for (const auto& [size, cases] : run.items()) {
    std::cout << "\n" << size << " ops:\n\n| case | copse | textbook |\n|---|---:|---:|\n";
    for (const auto& [name, figures] : cases.items()) {
      std::cout << "| " << name << ", " << figures.at("unit").get<std::string>() << " | " << Figure(figures.at("copse"))
                << " | " << Figure(figures.at("textbook")) << " |\n";
    }
  }
}

int Check(const Json& run) {
  int missed = 0;
  for (const Goal& goal : kGoals) {
    const bool is_met = run.contains(goal.size) && goal.is_met(run.at(goal.size));
    std::cout << "| " << goal.name << " | " << goal.what << " | " << (is_met ? "met" : "missed") << " |\n";
    if (!is_met) ++missed;
  }
  return missed == 0 ? 0 : 1;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() >= 2 && arguments[0] == "run") {
    Json run;
    for (std::size_t i = 1; i < arguments.size(); ++i) run[arguments[i]] = Run(std::stoul(arguments[i]));
    std::cout << run.dump(1) << "\n";
    return 0;
  }
  if (arguments.size() == 2 && (arguments[0] == "table" || arguments[0] == "check")) {
    std::ifstream file(arguments[1]);
    const Json run = Json::parse(file);
    if (arguments[0] == "check") return Check(run);
    Table(run);
    return 0;
  }
  std::cerr << "usage: copse_tree_benchmark run SIZE... | table FILE | check FILE\n";
  return 2;
}

}  // namespace
}  // namespace copse::benchmarks

int main(int argc, char** argv) { return copse::benchmarks::Main(std::vector<std::string>(argv + 1, argv + argc)); }
