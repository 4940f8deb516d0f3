// Applies a trace of moves to a tree: ops come as JSON lines in any order, and the tree that they make goes out.

#include <copse/crdt/tree.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "trace.h"

namespace {

using copse::crdt::NodeId;
using copse::crdt::Timestamp;
using copse::crdt::Tree;

constexpr const char* kUsage =
    "usage: apply_trace [--stats] <OPS >TREE\n"
    "\n"
    "Reads moves as JSON lines:  {\"time\":[COUNTER,ACTOR],\"parent\":ID,\"child\":ID,\"meta\":\"TEXT\"}\n"
    "They may come in any order; of those with one time the first counts. The line {\"commit\":true} ends a batch.\n"
    "COUNTER is below 2^48, ACTOR below 2^16, IDs are of 64 bits; 0 is the parent of all roots and never moves.\n"
    "Prints each node that has a place, by child: {\"child\":ID,\"parent\":ID,\"meta\":\"TEXT\"}\n"
    "\n"
    "  --stats   print as JSON on standard error: ops read, batches, seconds spent in the engine, structural ops,\n"
    "            and the peak memory of the process in bytes\n"
    "  --help    this text\n";

// A trace's nodes 1, 2 and 3 are nodes like others, which those of the engine are not.
NodeId NodeOf(std::uint32_t number) { return number == 0 ? copse::crdt::kForest : NodeId::Of(1, number); }

// The engine has neither an actor 0 nor a counter 0, so it gets other times in the same order.
Timestamp NthTime(std::ptrdiff_t n) {
  constexpr std::ptrdiff_t kActors = 0xffff;
  return Timestamp::Of(static_cast<std::uint64_t>(1 + n / kActors), static_cast<copse::crdt::ActorId>(1 + n % kActors));
}

/// Uses up the moves' metadata. Returns the time that the engine took.
std::chrono::duration<double> Apply(Trace& trace, Tree& tree) {
  std::vector<std::uint64_t> times;
  times.reserve(trace.moves().size());
  for (const Trace::Move& move : trace.moves()) times.push_back(move.time);
  std::sort(times.begin(), times.end());
  std::chrono::duration<double> spent{0};
  std::size_t begin = 0;
  for (const std::size_t end : trace.batch_ends()) {
    std::vector<copse::crdt::Op> ops;
    ops.reserve(end - begin);
    for (; begin < end; ++begin) {
      Trace::Move& move = trace.moves()[begin];
      copse::crdt::Op& op = ops.emplace_back();
      op.time = NthTime(std::lower_bound(times.begin(), times.end(), move.time) - times.begin());
      op.child = NodeOf(move.child);
      op.place = copse::crdt::Place{NodeOf(move.parent), std::move(move.meta)};
    }
    const auto start = std::chrono::steady_clock::now();
    tree.Replay(ops);  // Nobody asks what changed.
    spent += std::chrono::steady_clock::now() - start;
  }
  return spent;
}

bool Print(const Trace& trace, const Tree& tree, std::FILE* out) {
  const std::vector<std::uint64_t>& ids = trace.ids();
  std::vector<std::uint32_t> order;
  for (std::uint32_t node = 1; node < ids.size(); ++node) order.push_back(node);
  std::sort(order.begin(), order.end(), [&ids](auto a, auto b) { return ids[a] < ids[b]; });
  for (const std::uint32_t node : order) {
    const auto placement = tree.PlacementOf(NodeOf(node));
    if (!placement) continue;
    const std::uint64_t parent = ids[static_cast<std::size_t>(placement->parent.counter())];
    const std::string line = "{\"child\":" + std::to_string(ids[node]) + ",\"parent\":" + std::to_string(parent) +
                             ",\"meta\":" + nlohmann::json(std::string(placement->name)).dump() + "}\n";
    std::fwrite(line.data(), 1, line.size(), out);
  }
  return std::fflush(out) == 0 && std::ferror(out) == 0;
}

int Fail(const std::string& why) {
  std::fprintf(stderr, "apply_trace: %s\n", why.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  bool stats = false;
  for (const std::string_view argument : std::vector<std::string_view>(argv + 1, argv + argc)) {
    if (argument == "--help") return std::fputs(kUsage, stdout) < 0 ? 1 : 0;
    if (argument != "--stats") return Fail("no option '" + std::string(argument) + "'; see --help");
    stats = true;
  }
  std::ios::sync_with_stdio(false);
  Trace trace;
  if (const absl::Status read = trace.Read(std::cin); !read.ok()) return Fail(std::string(read.message()));
  Tree tree;
  const std::chrono::duration<double> spent = Apply(trace, tree);
  if (!Print(trace, tree, stdout)) return Fail("standard output cannot be written");
  if (stats) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const nlohmann::ordered_json json = {{"ops", trace.ops_read()},
                                         {"batches", trace.batch_ends().size()},
                                         {"seconds", spent.count()},
                                         {"structural", tree.StructuralSize()},
                                         {"peak_memory", std::int64_t{usage.ru_maxrss} * 1024}};
    std::fprintf(stderr, "%s\n", json.dump().c_str());
  }
  return 0;
}
