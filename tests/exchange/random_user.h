#pragma once

#include <copse/fs/volume.h>

#include <cstdint>
#include <random>
#include <string>

namespace copse::test {

/// Somebody who works in a volume: calls drawn from a seed, over so few names that everything collides.
class RandomUser {
 public:
  RandomUser(fs::Volume& volume, std::uint64_t seed, std::string name)
      : volume_(&volume), random_(seed), name_(std::move(name)) {}

  /// One call or a few; what it comes to (an error as well) is checked for being one that a program may get.
  void Step();

 private:
  std::size_t Draw(std::size_t count) { return random_() % count; }
  std::string DrawName();
  std::string DrawContent();
  fs::NodeId DrawDirectory();
  void Check(const absl::Status& status) const;

  void Write(fs::NodeId directory, const std::string& name);
  void Rename();

  fs::Volume* volume_;
  std::mt19937_64 random_;
  const std::string name_;
  const fs::Caller caller_{};
  std::uint64_t written_ = 0;
};

}  // namespace copse::test
