#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace copse::posix {

/// One system call of a trace: a line of words, "chmod 1000 a/b 04755". The second word is who calls.
///
/// Paths are relative to the directory that a trace works in, or, where the first of a call begins with "@2/", to what
/// slot 2 has open. Slots are numbers of open files, chosen by the trace.
struct Call {
  std::vector<std::string> words;

  const std::string& name() const { return words.front(); }
  unsigned user() const { return static_cast<unsigned>(std::stoul(words.at(1))); }
  const std::string& text(std::size_t i) const { return words.at(i + 2); }
  std::int64_t number(std::size_t i) const { return std::stoll(words.at(i + 2), nullptr, 0); }
};

using Trace = std::vector<Call>;

std::string TextOf(const Call& call);
/// Lines that are empty or begin with '#' are left out. Throws std::runtime_error where the file cannot be read.
Trace ReadTrace(const std::string& path);

/// Paths that exist.
struct Known {
  std::vector<std::string> directories;
  std::vector<std::string> others;
};

/// Draws calls from a small world of names, so that they meet, and fail, often.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}
  Call Next();
  /// What is there: most calls are made with a path of the kind that they are for, so that not all fail.
  void set_known(Known known) { known_ = std::move(known); }

 private:
  std::int64_t Below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
  }
  bool OneIn(std::int64_t n) { return Below(n) == 0; }
  template <typename T>
  T Any(std::initializer_list<T> choices) {
    return *(choices.begin() + Below(static_cast<std::int64_t>(choices.size())));
  }
  /// One in so many paths is drawn whatever exists.
  static constexpr int kStrangeInterval = 8;

  const std::string& AnyOf(const std::vector<std::string>& choices) {
    return choices[static_cast<std::size_t>(Below(static_cast<std::int64_t>(choices.size())))];
  }
  std::string Path();
  std::string DirectoryPath();
  std::string FilePath();
  std::string NewPath();
  std::string StrangePath();
  std::string Decorated(std::string path);
  std::string Name();
  std::string Slot() { return std::to_string(Below(4)); }
  std::string Mode();
  std::string Offset();
  std::string Length();
  std::vector<std::string> Arguments(const std::string& name);

  std::mt19937_64 random_;
  Known known_;
};

}  // namespace copse::posix
