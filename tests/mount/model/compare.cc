#include "mount/model/compare.h"

#include <unistd.h>

#include <filesystem>
#include <map>
#include <thread>
#include <utility>

namespace copse::posix {
namespace {

constexpr std::string_view kTimed = "timed:";

/// Often enough to see soon what went wrong, and seldom enough that looking at all does not take most of the time.
std::size_t TreeInterval(const Trace& trace) { return 1 + trace.size() / 50; }

/// What `call` shows in each of the two. Of a timed call also which times moved: more than a tick of the kernel's clock
/// passes before it.
std::pair<std::string, std::string> DoInBoth(World& host, World& mount, Call call) {
  if (!call.name().starts_with(kTimed)) return {host.Do(call), mount.Do(call)};
  call.words.front().erase(0, kTimed.size());
  const World::TimesByInode before_host = host.AllTimes();
  const World::TimesByInode before_mount = mount.AllTimes();
  std::this_thread::sleep_for(std::chrono::milliseconds(11));
  std::pair<std::string, std::string> outcomes{host.Do(call), mount.Do(call)};
  outcomes.first += host.Moved(before_host);
  outcomes.second += mount.Moved(before_mount);
  return outcomes;
}

std::string FirstDifference(const std::map<std::string, std::string>& host,
                            const std::map<std::string, std::string>& mount) {
  for (const auto& [path, shown] : host) {
    const auto found = mount.find(path);
    if (found == mount.end()) return path + " is missing; the host has " + shown;
    if (found->second != shown) return path + ": " + found->second + "\n  the host has " + shown;
  }
  for (const auto& [path, shown] : mount) {
    if (!host.contains(path)) return path + ": the host has none; here it is " + shown;
  }
  return "";
}

}  // namespace

std::optional<Comparison::Difference> Comparison::Run(const Source& next, std::size_t tree_interval) {
  const std::string name = "/run-" + std::to_string(++runs_);
  std::optional<Difference> difference;
  {
    World host(host_ + name);
    World mount(mount_ + name);
    const auto compare_trees = [&] { return FirstDifference(host.Tree(), mount.Tree()); };
    std::size_t calls = 0;
    while (!difference) {
      const std::optional<Call> call = next(host);
      std::string text;
      if (call) {
        ++calls;
        const auto [expected, actual] = DoInBoth(host, mount, *call);
        if (expected.starts_with("ok")) ++succeeded_;
        if (actual != expected) text = TextOf(*call) + "\n  gave " + actual + "\n  host " + expected;
      }
      if (text.empty() && (!call || calls % tree_interval == 0)) text = compare_trees();
      if (!text.empty()) difference = Difference{calls, text};
      if (!call) break;
    }
  }
  if (chdir("/") != 0) return difference;
  std::error_code ignored;
  std::filesystem::remove_all(host_ + name, ignored);
  std::filesystem::remove_all(mount_ + name, ignored);
  return difference;
}

std::optional<Comparison::Difference> Comparison::Run(const Trace& trace, std::size_t tree_interval) {
  std::size_t at = 0;
  return Run([&](const World&) { return at < trace.size() ? std::optional(trace[at++]) : std::nullopt; },
             tree_interval);
}

Trace Comparison::Shrink(Trace trace, std::chrono::seconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  // Looking at times takes time: without it, if it is not about them.
  Trace untimed = trace;
  for (Call& call : untimed) {
    if (call.name().starts_with(kTimed)) call.words.front().erase(0, kTimed.size());
  }
  if (Run(untimed, TreeInterval(untimed))) trace = std::move(untimed);
  for (std::size_t piece = trace.size() / 2; piece > 0; piece /= 2) {
    for (std::size_t at = 0; at < trace.size() && std::chrono::steady_clock::now() < end;) {
      Trace shorter(trace.begin(), trace.begin() + static_cast<std::ptrdiff_t>(at));
      shorter.insert(shorter.end(), trace.begin() + static_cast<std::ptrdiff_t>(std::min(at + piece, trace.size())),
                     trace.end());
      const auto difference = Run(shorter, TreeInterval(shorter));
      if (!difference) {
        at += piece;
        continue;
      }
      shorter.resize(difference->calls);
      trace = std::move(shorter);
    }
  }
  return trace;
}

}  // namespace copse::posix
