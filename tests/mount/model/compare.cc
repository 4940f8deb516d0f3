#include "mount/model/compare.h"

#include <unistd.h>

#include <filesystem>
#include <map>

#include "mount/model/world.h"

namespace copse::posix {
namespace {

std::string DoIn(World& world, Call call) {
  constexpr std::string_view kTimed = "timed:";
  if (!call.name().starts_with(kTimed)) return world.Do(call);
  call.words.front().erase(0, kTimed.size());
  return world.DoTimed(call);
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

std::optional<Comparison::Difference> Comparison::Run(const std::function<std::optional<Call>()>& next,
                                                      std::size_t tree_interval) {
  const std::string name = "/run-" + std::to_string(++runs_);
  std::optional<Difference> difference;
  {
    World host(host_ + name);
    World mount(mount_ + name);
    const auto compare_trees = [&] { return FirstDifference(host.Tree(), mount.Tree()); };
    std::size_t calls = 0;
    while (!difference) {
      const std::optional<Call> call = next();
      std::string text;
      if (call) {
        ++calls;
        const std::string expected = DoIn(host, *call);
        const std::string actual = DoIn(mount, *call);
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
  return Run([&] { return at < trace.size() ? std::optional(trace[at++]) : std::nullopt; }, tree_interval);
}

Trace Comparison::Shrink(Trace trace, std::chrono::seconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (std::size_t piece = trace.size() / 2; piece > 0; piece /= 2) {
    for (std::size_t at = 0; at < trace.size() && std::chrono::steady_clock::now() < end;) {
      Trace shorter(trace.begin(), trace.begin() + static_cast<std::ptrdiff_t>(at));
      shorter.insert(shorter.end(), trace.begin() + static_cast<std::ptrdiff_t>(std::min(at + piece, trace.size())),
                     trace.end());
      const auto difference = Run(shorter, /*tree_interval=*/20);
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
