#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace copse::posix {

/// One system call of a trace: a line of words, "chmod 1000 a/b 04755". The second word is who calls.
///
/// Paths are relative to the directory that a trace works in. Slots are numbers of open files, chosen by the trace.
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

/// Draws calls from a small world of names, so that they meet, and fail, often.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}
  Call Next();

 private:
  std::int64_t Below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
  }
  bool OneIn(std::int64_t n) { return Below(n) == 0; }
  template <typename T>
  T Any(std::initializer_list<T> choices) {
    return *(choices.begin() + Below(static_cast<std::int64_t>(choices.size())));
  }
  std::string Path();
  std::string Slot() { return std::to_string(Below(4)); }
  std::string Mode();
  std::string Offset();
  std::string Length();
  std::vector<std::string> Arguments(const std::string& name);

  std::mt19937_64 random_;
};

}  // namespace copse::posix
