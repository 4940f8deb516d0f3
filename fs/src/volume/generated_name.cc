#include "volume/generated_name.h"

#include <algorithm>
#include <cstdio>

#include "volume/schema.h"

namespace copse::fs {
namespace {

constexpr std::size_t kExtensionBytesMax = 15;

bool IsAlphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// Where the extension begins, its dot included; the length of the name where it has none.
std::size_t ExtensionStart(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || dot + 1 == name.size()) return name.size();
  const std::string_view extension = name.substr(dot + 1);
  if (extension.size() > kExtensionBytesMax || !std::all_of(extension.begin(), extension.end(), IsAlphanumeric)) {
    return name.size();
  }
  constexpr std::string_view kTar = ".tar";
  if (dot > kTar.size() && name.substr(dot - kTar.size(), kTar.size()) == kTar) return dot - kTar.size();
  return dot;
}

// The longest prefix of at most `bytes` that does not end inside a UTF-8 sequence.
std::string_view CutAtCharacter(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end == 0 ? bytes : end);
}

}  // namespace

std::string GeneratedName(std::string_view stored, bool is_directory, std::string_view label, crdt::Timestamp claim,
                          unsigned attempt) {
  const std::size_t stem_end = is_directory ? stored.size() : ExtensionStart(stored);
  const std::string_view stem = stored.substr(0, stem_end);
  const std::string_view extension = stored.substr(stem_end);
  std::string suffix = "-" + std::string(label);
  const bool fits = stem.size() + suffix.size() + extension.size() <= schema::kNameBytesMax;
  // What is cut may be cut alike for several names: the number tells them apart.
  if (attempt > 1 || !fits) {
    char number[48];
    std::snprintf(number, sizeof number, "_%04x%llx", static_cast<unsigned>(claim.actor()),
                  static_cast<unsigned long long>(claim.counter()));
    suffix += number;
  }
  if (attempt > 2) suffix += "_" + std::to_string(attempt - 1);
  suffix += extension;
  return std::string(CutAtCharacter(stem, schema::kNameBytesMax - suffix.size())) + suffix;
}

}  // namespace copse::fs
