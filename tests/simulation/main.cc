// copse_simulation [--short] --seed N | --seeds FIRST COUNT [--all] | --seconds S | --trace FILE | --print N |
//                  --shrink N|FILE
// Exits 1 at the first seed whose checks fail (with --all: after the last), and prints how to run it again.

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>

#include "simulation/shrink.h"
#include "simulation/simulation.h"
#include "simulation/trace.h"

namespace copse::simulation {
namespace {

constexpr char kUsage[] =
    "usage: copse_simulation [--short] --seed N | --seeds FIRST COUNT [--all] | --seconds S\n"
    "                        --trace FILE... | --print N | --shrink N|FILE\n"
    "--short: a seed stands for three replicas, 60 calls, one crash and one partition\n";
/// What seeds stand for.
Form form = Form::kAny;
/// Every kind of fault that may be drawn: a long run that never met one proves nothing about it.
constexpr const char* kFaults[] = {"a member talks rubbish",
                                   "a stranger talks rubbish",
                                   "bit flipped below TLS",
                                   "bit flipped in a chunk that others have",
                                   "bit flipped in a snapshot",
                                   "bit flipped in a stored file",
                                   "clock jumps",
                                   "clock sticks",
                                   "connection given up",
                                   "connection reset",
                                   "create, rename or removal undone",
                                   "damaged snapshot passed over",
                                   "damaged store refused",
                                   "disk cloned",
                                   "disk full",
                                   "disk rolled back",
                                   "everything stands still for long",
                                   "fork found and told",
                                   "frames lost that others have",
                                   "lost frames fetched again",
                                   "partition",
                                   "partition one way",
                                   "power cut in the middle of a call",
                                   "power cut while a snapshot is written",
                                   "power cut, keeps everything",
                                   "power cut, keeps nothing",
                                   "power cut, keeps prefix",
                                   "power cut, keeps random",
                                   "process killed",
                                   "process paused",
                                   "process paused for weeks",
                                   "record torn at the end of a feed",
                                   "restart in order",
                                   "segment dropped",
                                   "segment duplicated",
                                   "segment lost in a partition",
                                   "segment out of order",
                                   "segment sent again",
                                   "start with a snapshot",
                                   "sync fails",
                                   "write fails",
                                   "write torn"};

constexpr std::uint64_t kSeedsWithEveryFault = 500;

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t failures = 0;
  std::uint64_t calls = 0;
  std::uint64_t ops = 0;
  std::map<std::string, std::uint64_t> faults;
};

std::uint64_t NumberOf(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

void Add(const Outcome& outcome, Totals& totals) {
  ++totals.seeds;
  totals.calls += outcome.calls;
  totals.ops += outcome.ops;
  for (const auto& [kind, count] : outcome.faults) totals.faults[kind] += count;
}

/// The seed that runs now, for whoever hears of an assertion that failed or a stack that overflowed.
char running[64];

void OnCrash(int) {
  const ssize_t written = write(STDOUT_FILENO, running, std::strlen(running));
  _exit(written > 0 ? 1 : 2);
}

void NameTheSeedOfCrashes() {
  static char stack[64 << 10];
  const stack_t own = {stack, 0, sizeof stack};
  sigaltstack(&own, nullptr);
  struct sigaction action {};
  action.sa_handler = OnCrash;
  action.sa_flags = SA_ONSTACK;
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) sigaction(signal, &action, nullptr);
}

/// Whether the seed's checks held. One seed in a hundred runs twice, and must do the same to the byte.
bool RunSeed(std::uint64_t seed, Totals& totals) {
  std::snprintf(running, sizeof running, "seed %lu FAILED: an assertion, or a crash\n", seed);
  const Outcome outcome = Execute(Generate(seed, form));
  Add(outcome, totals);
  if (!outcome.status.ok()) {
    ++totals.failures;
    std::printf("seed %lu FAILED: %s\nrun it again: ./dev sim%s --seed %lu\n", seed, outcome.status.ToString().c_str(),
                form == Form::kShort ? " --short" : "", seed);
    return false;
  }
  if (seed % 100 == 0 && Execute(Generate(seed, form)).digest != outcome.digest) {
    ++totals.failures;
    std::printf("seed %lu FAILED: two runs of it differ\n", seed);
    return false;
  }
  return true;
}

void Print(const Totals& totals, std::chrono::steady_clock::time_point begin) {
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double processor = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  std::printf("simulation: %lu seeds, %lu calls, %lu ops, %lu failures; %.1f seeds a second, of processor time %.1f\n",
              totals.seeds, totals.calls, totals.ops, totals.failures, static_cast<double>(totals.seeds) / wall,
              static_cast<double>(totals.seeds) / processor);
  for (const auto& [kind, count] : totals.faults) std::printf("  %8lu  %s\n", count, kind.c_str());
}

/// Of a file, or the seed that `text` is. Ends the program where it is neither.
Trace TraceOf(const std::string& text) {
  if (!text.empty() && text.find_first_not_of("0123456789") == text.npos) return Generate(NumberOf(text), form);
  std::ifstream file(text);
  std::stringstream content;
  content << file.rdbuf();
  auto trace = ParseTrace(content.str());
  if (!file || !trace.ok()) {
    std::fprintf(stderr, "%s: %s\n", text.c_str(), trace.ok() ? "cannot be read" : trace.status().ToString().c_str());
    std::exit(2);
  }
  return *std::move(trace);
}

bool RunTrace(const std::string& path) {
  const Outcome outcome = Execute(TraceOf(path));
  std::printf("%s: %s\n", path.c_str(), outcome.status.ToString().c_str());
  return outcome.status.ok();
}

/// What failed, without where and when: so that shrinking keeps to one failure.
std::string KindOf(const absl::Status& status) {
  std::string kind;
  for (const char c : status.message()) {
    if (c < '0' || c > '9') kind += c;
  }
  const std::size_t where = kind.rfind(": ");
  return status.ok() ? "" : kind.substr(where == kind.npos ? 0 : where).substr(0, 30);
}

bool ShrinkAndPrint(const std::string& what) {
  const Trace trace = TraceOf(what);
  const absl::Status failure = Execute(trace).status;
  if (failure.ok()) {
    std::printf("%s does not fail\n", what.c_str());
    return false;
  }
  const std::string kind = KindOf(failure);
  const Trace small = Shrink(trace, [&](const Trace& smaller) { return KindOf(Execute(smaller).status) == kind; });
  std::printf("# %s\n%s", Execute(small).status.ToString().c_str(), FormatTrace(small).c_str());
  return true;
}

bool HasEveryFault(const Totals& totals) {
  bool has_all = true;
  for (const char* kind : kFaults) {
    if (totals.faults.contains(kind)) continue;
    std::printf("simulation: '%s' never occurred\n", kind);
    has_all = false;
  }
  return has_all;
}

int Main(std::vector<std::string> words) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  NameTheSeedOfCrashes();
  if (!words.empty() && words[0] == "--short") {
    form = Form::kShort;
    words.erase(words.begin());
  }
  const std::string verb = words.empty() ? "" : words[0];
  const auto begin = std::chrono::steady_clock::now();
  Totals totals;
  bool succeeds = true;
  if (verb == "--seed" && words.size() == 2) {
    succeeds = RunSeed(NumberOf(words[1]), totals);
  } else if (verb == "--seeds" && words.size() >= 3) {
    const bool all = words.size() == 4 && words[3] == "--all";
    for (std::uint64_t i = 0; i < NumberOf(words[2]) && (all || succeeds); ++i) {
      succeeds = RunSeed(NumberOf(words[1]) + i, totals) && succeeds;
    }
    if (succeeds && form == Form::kAny && totals.seeds >= kSeedsWithEveryFault) succeeds = HasEveryFault(totals);
  } else if (verb == "--seconds" && words.size() == 2) {
    std::random_device device;
    const std::uint64_t first = (std::uint64_t{device()} << 16) & 0xffffffff0000;
    const auto end = begin + std::chrono::seconds(NumberOf(words[1]));
    for (std::uint64_t i = 0; succeeds && std::chrono::steady_clock::now() < end; ++i) {
      succeeds = RunSeed(first + i, totals);
    }
  } else if (verb == "--trace" && words.size() >= 2) {
    for (std::size_t i = 1; i < words.size(); ++i) succeeds = RunTrace(words[i]) && succeeds;
    return succeeds ? 0 : 1;
  } else if (verb == "--print" && words.size() == 2) {
    std::printf("%s", FormatTrace(TraceOf(words[1])).c_str());
    return 0;
  } else if (verb == "--shrink" && words.size() == 2) {
    return ShrinkAndPrint(words[1]) ? 1 : 0;
  } else {
    std::fprintf(stderr, "%s", kUsage);
    return 2;
  }
  Print(totals, begin);
  return succeeds ? 0 : 1;
}

}  // namespace
}  // namespace copse::simulation

int main(int argc, char** argv) { return copse::simulation::Main(std::vector<std::string>(argv + 1, argv + argc)); }
