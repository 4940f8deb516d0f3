#include <copse/base/random.h>
#include <sodium.h>

#include <cstdlib>

namespace copse::base {

std::string Random::Bytes(std::size_t count) {
  std::string bytes(count, '\0');
  Fill(bytes);
  return bytes;
}

void SystemRandom::Fill(std::span<char> out) {
  static const bool ready = sodium_init() >= 0;
  if (!ready) std::abort();  // No source of randomness: going on would make guessable keys.
  randombytes_buf(out.data(), out.size());
}

void SeededRandom::Fill(std::span<char> out) {
  const std::lock_guard lock(mutex_);
  for (char& byte : out) byte = static_cast<char>(engine_() & 0xff);
}

}  // namespace copse::base
