// Measures the tree engine beside the textbook engine of tests/crdt, in one process and one run, in processor time.
//
//   copse_tree_benchmark run ROUNDS SIZE...   one JSON object: SIZE -> case -> {copse, textbook, unit}, medians
//   copse_tree_benchmark table FILE           Markdown of such a run
//   copse_tree_benchmark check FILE           Markdown of the goals; exits with 1 if one is missed

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tree_measurements.h"

namespace copse::benchmarks {
namespace {

using Json = nlohmann::ordered_json;

Json MedianOf(const std::function<double()>& measure, std::size_t rounds) {
  if (!measure) return nullptr;
  std::vector<double> figures;
  for (std::size_t round = 0; round < rounds; ++round) figures.push_back(measure());
  std::sort(figures.begin(), figures.end());
  return figures[figures.size() / 2];
}

Json Run(std::size_t size, std::size_t rounds) {
  Json cases;
  for (const TreeCase& one : TreeCases(size)) {
    std::cerr << "bench tree: " << size << ": " << one.name << "\n";
    const std::size_t times = one.is_exact ? 1 : rounds;
    Json ours = MedianOf(one.ours, times);
    cases[one.name] = Json{{"copse", std::move(ours)}, {"textbook", MedianOf(one.textbook, times)}, {"unit", one.unit}};
  }
  return cases;
}

std::string Figure(const Json& figure) {
  if (!figure.is_number()) return "";
  const double value = figure.get<double>();
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
  return text;
}

void Table(const Json& run) {
  for (const auto& [size, cases] : run.items()) {
    std::cout << "\n" << size << " ops:\n\n| case | copse | textbook | ratio |\n|---|---:|---:|---:|\n";
    for (const auto& [name, figures] : cases.items()) {
      const Json& ours = figures.at("copse");
      const Json& textbook = figures.at("textbook");
      const Json ratio = textbook.is_number() ? Json(ours.get<double>() / textbook.get<double>()) : Json();
      std::cout << "| " << name << ", " << figures.at("unit").get<std::string>() << " | " << Figure(ours) << " | "
                << Figure(textbook) << " | " << Figure(ratio) << " |\n";
    }
  }
}

/// At 1,000,000 ops: a bound on our figure, times the figure of another case, or of the textbook engine in the same
/// case, where one is named.
struct Goal {
  const char* name;
  enum Kind { kAtLeast, kAtMost } kind;
  double bound;
  const char* of = nullptr;
};
constexpr const char* kTextbook = "the textbook engine";

const Goal kGoals[] = {
    {"create without names, one by one", Goal::kAtLeast, 20e6},
    {"create, one by one", Goal::kAtLeast, 8e6},
    {"create, one by one", Goal::kAtLeast, 0.9, kTextbook},
    {"mixed ops in order, one by one", Goal::kAtLeast, 0.9, kTextbook},
    {"merge concurrent creates, one batch", Goal::kAtLeast, 10e6},
    {"merge concurrent mixed ops, one batch", Goal::kAtLeast, 10e6},
    {"merge concurrent creates, frames of 64", Goal::kAtLeast, 3e6},
    {"merge concurrent mixed ops, frames of 64", Goal::kAtLeast, 3e6},
    {"one op late by 1000000, leaf", Goal::kAtMost, 5},
    {"one op late by 1000000, directory", Goal::kAtMost, 100},
    {"one op late by 1000000, leaf", Goal::kAtMost, 10, "one op late by 1000, leaf"},
    {"one op late by 1000000, directory", Goal::kAtMost, 10, "one op late by 1000, directory"},
    {"random moves of 1000 directories (the paper's), batches of 64", Goal::kAtLeast, 1e6},
    {"replay of a log of creates, from bytes", Goal::kAtLeast, 8e6},
    {"replay of a log of mixed ops, from bytes", Goal::kAtLeast, 8e6},
    {"snapshot to first listing", Goal::kAtMost, 10},
    {"memory of a node with its op, without its name", Goal::kAtMost, 64},
    {"memory of a node after truncation, without its name", Goal::kAtMost, 40},
    {"a create in columns, without its name", Goal::kAtMost, 0.2},
    {"an op in columns, without its name", Goal::kAtMost, 3.5},
};

int Check(const Json& run) {
  const Json& cases = run.at("1000000");
  int missed = 0;
  std::cout << "\n| case, at 1000000 ops | goal | measured | |\n|---|---:|---:|---|\n";
  for (const Goal& goal : kGoals) {
    const Json& figures = cases.at(goal.name);
    double measured = figures.at("copse").get<double>();
    std::string unit = figures.at("unit").get<std::string>();
    if (goal.of != nullptr) {
      const Json& other = goal.of == kTextbook ? figures.at("textbook") : cases.at(goal.of).at("copse");
      measured /= other.get<double>();
      unit = std::string("times ") + (goal.of == kTextbook ? "" : "one of ") + "that of " + goal.of;
    }
    const bool is_met = goal.kind == Goal::kAtLeast ? measured >= goal.bound : measured <= goal.bound;
    std::cout << "| " << goal.name << " | " << (goal.kind == Goal::kAtLeast ? "at least " : "at most ")
              << Figure(goal.bound) << " " << unit << " | " << Figure(measured) << " | " << (is_met ? "met" : "missed")
              << " |\n";
    if (!is_met) ++missed;
  }
  return missed == 0 ? 0 : 1;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() >= 3 && arguments[0] == "run") {
    Json run;
    for (std::size_t i = 2; i < arguments.size(); ++i) {
      run[arguments[i]] = Run(std::stoul(arguments[i]), std::stoul(arguments[1]));
    }
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
  std::cerr << "usage: copse_tree_benchmark run ROUNDS SIZE... | table FILE | check FILE\n";
  return 2;
}

}  // namespace
}  // namespace copse::benchmarks

int main(int argc, char** argv) { return copse::benchmarks::Main(std::vector<std::string>(argv + 1, argv + argc)); }
