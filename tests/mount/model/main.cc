// Compares a mount with a directory of the host: the same calls in both, the same results. With traces, those; else
// random calls, and of a difference the shortest trace that still shows it.
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "mount/model/compare.h"

namespace copse::posix {
namespace {

constexpr std::size_t kTreeInterval = 100;
constexpr std::size_t kKnownInterval = 10;
constexpr std::chrono::seconds kShrinkTime{300};

int Replay(Comparison& comparison, const std::vector<std::string>& paths) {
  // All are read first: carrying one out changes the working directory.
  std::vector<std::pair<std::string, Trace>> traces;
  for (const std::string& path : paths) traces.emplace_back(path, ReadTrace(path));
  int failed = 0;
  for (const auto& [path, trace] : traces) {
    const auto difference = comparison.Run(trace, 1);
    std::printf("%s: %s\n", path.c_str(), difference ? difference->text.c_str() : "the same");
    failed += difference ? 1 : 0;
  }
  return failed == 0 ? 0 : 1;
}

int CompareRandomCalls(Comparison& comparison, std::uint64_t seed, std::size_t count) {
  Generator generator(seed);
  Trace made;
  const auto difference = comparison.Run(
      [&](const World& host) -> std::optional<Call> {
        if (made.size() == count) return std::nullopt;
        if (made.size() % kKnownInterval == 0) generator.set_known(host.Paths());
        made.push_back(generator.Next());
        return made.back();
      },
      kTreeInterval);
  if (!difference) {
    std::printf("seed %llu: %zu calls, %zu of them successful: the same\n", static_cast<unsigned long long>(seed),
                made.size(), comparison.succeeded());
    return 0;
  }
  std::printf("seed %llu, call %zu: %s\n", static_cast<unsigned long long>(seed), difference->calls,
              difference->text.c_str());
  std::fflush(stdout);
  made.resize(difference->calls);
  const Trace shortest = comparison.Shrink(std::move(made), kShrinkTime);
  const auto again = comparison.Run(shortest, 1);
  std::printf("# %s\n", again ? "the shortest trace that shows a difference:" : "not seen again with:");
  for (const Call& call : shortest) std::printf("%s\n", TextOf(call).c_str());
  if (again) std::printf("# %s\n", again->text.c_str());
  return 1;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() < 4) {
    std::fprintf(stderr, "usage: copse_posix_model HOST MOUNT random SEED CALLS | HOST MOUNT replay TRACE...\n");
    return 2;
  }
  Comparison comparison(arguments[0], arguments[1]);
  if (arguments[2] == "replay") return Replay(comparison, {arguments.begin() + 3, arguments.end()});
  return CompareRandomCalls(comparison, std::stoull(arguments[3]), std::stoull(arguments.at(4)));
}

}  // namespace
}  // namespace copse::posix

int main(int count, char** values) {
  try {
    return copse::posix::Main({values + 1, values + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "copse_posix_model: %s\n", error.what());
    return 2;
  }
}
