#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <span>
#include <string>

namespace copse::base {

/// Where random bytes come from: keys, salts and volume ids. Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<char> out) = 0;
  std::string Bytes(std::size_t count);
};

/// The kernel's generator through libsodium (getrandom(2)); fit for keys.
class SystemRandom final : public Random {
 public:
  void Fill(std::span<char> out) override;
};

/// The same bytes for the same seed: for tests and simulation, never for keys that guard something.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  void Fill(std::span<char> out) override;

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace copse::base
