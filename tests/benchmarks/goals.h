#pragma once

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

namespace copse::benchmarks {

/// What one goal of a benchmark has come to.
struct GoalResult {
  std::string what;
  std::string goal;
  std::string measured;
  bool is_met = false;
};

/// Figures that are compared, with three digits or so.
inline std::string Rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
  return text;
}

/// Prints Markdown, as `check` of each benchmark does; returns its exit status: 1 if a goal is missed.
inline int PrintGoals(const std::vector<GoalResult>& results) {
  int status = 0;
  std::cout << "| goal for | goal | measured | |\n|---|---:|---:|---|\n";
  for (const GoalResult& result : results) {
    std::cout << "| " << result.what << " | " << result.goal << " | " << result.measured << " | "
              << (result.is_met ? "met" : "**missed**") << " |\n";
    if (!result.is_met) status = 1;
  }
  return status;
}

}  // namespace copse::benchmarks
