#pragma once

#include <functional>
#include <string>
#include <vector>

namespace copse::benchmarks {

/// One thing that is measured in a folder, by system calls and programs that know nothing of file systems.
struct MountCase {
  std::string figure;  ///< With its unit; more is better.
  /// `work` is an empty directory of the case's own. `material` holds what scripts/bench_mount.sh has put there:
  /// tree.tar, repository (git) and project (cmake).
  std::function<double(const std::string& work, const std::string& material)> measure;
};

std::vector<MountCase> NameCases();
std::vector<MountCase> ContentCases();
std::vector<MountCase> ProgramCases();

/// Ends the program with a line that says what failed, and errno's reason.
void Check(bool ok, const std::string& what);
double SecondsOf(const std::function<void()>& work);
/// Makes a file and closes it.
void WriteFile(const std::string& path, std::size_t bytes, bool sync);

/// While a merge runs elsewhere: looks up names that are not there, each once, until `directory` shows `name`; returns
/// how long each lookup took, in milliseconds.
std::vector<double> LookUntilShown(const std::string& directory, const std::string& name);

}  // namespace copse::benchmarks
