#include "simulation/trace.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>

namespace copse::simulation {

std::uint64_t Step::Number(std::size_t index) const {
  return index < arguments.size() ? std::strtoull(arguments[index].c_str(), nullptr, 10) : 0;
}

std::string Step::Word(std::size_t index) const { return index < arguments.size() ? arguments[index] : ""; }

std::string FormatStep(const Step& step) {
  std::string line = std::to_string(step.at) + " r" + std::to_string(step.replica) + " " + step.verb;
  for (const std::string& argument : step.arguments) line += " " + argument;
  return line;
}

std::string FormatTrace(const Trace& trace) {
  std::ostringstream text;
  text << "replicas " << trace.replicas << "\nseed " << trace.seed << "\ntopology " << trace.topology << "\ndrop "
       << trace.drop << "\nduplicate " << trace.duplicate << "\nflip " << trace.flip << "\ndelay_min "
       << trace.delay_min << "\ndelay_max " << trace.delay_max << "\nsnapshots " << trace.snapshots << "\ncrypto "
       << (trace.has_real_crypto ? "real" : "light") << "\n";
  for (const Step& step : trace.steps) text << FormatStep(step) << "\n";
  return text.str();
}

absl::StatusOr<Trace> ParseTrace(std::string_view text) {
  Trace trace;
  const std::map<std::string, std::uint64_t*> numbers = {
      {"seed", &trace.seed},          {"drop", &trace.drop},           {"duplicate", &trace.duplicate},
      {"flip", &trace.flip},          {"delay_min", &trace.delay_min}, {"delay_max", &trace.delay_max},
      {"snapshots", &trace.snapshots}};
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string first;
    std::string second;
    if (!(words >> first) || first[0] == '#') continue;
    const absl::Status bad = absl::InvalidArgumentError("not a line of a trace: " + line);
    if (!(words >> second)) return bad;
    if (const auto number = numbers.find(first); number != numbers.end()) {
      *number->second = std::strtoull(second.c_str(), nullptr, 10);
    } else if (first == "replicas") {
      trace.replicas = std::atoi(second.c_str());
    } else if (first == "crypto" && (second == "real" || second == "light")) {
      trace.has_real_crypto = second == "real";
    } else if (first == "topology") {
      trace.topology = second;
    } else {
      Step step;
      if (first.find_first_not_of("0123456789") != first.npos || second.size() != 2 || second[0] != 'r') return bad;
      step.at = std::strtoull(first.c_str(), nullptr, 10);
      step.replica = second[1] - '0';
      if (!(words >> step.verb)) return bad;
      for (std::string word; words >> word;) step.arguments.push_back(word);
      trace.steps.push_back(std::move(step));
    }
  }
  if (trace.replicas < 1 || trace.replicas > 8 || trace.delay_max < trace.delay_min) {
    return absl::InvalidArgumentError("a trace has 1 to 8 replicas, and a longest delay no less than the shortest");
  }
  std::stable_sort(trace.steps.begin(), trace.steps.end(), [](const Step& a, const Step& b) { return a.at < b.at; });
  return trace;
}

}  // namespace copse::simulation
