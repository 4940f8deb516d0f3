// A key is a path of steps, as in a tree whose nodes stand in front of what is below them. A step names a *row* and a
// number in it. A row has one author, who alone goes on with it: the distance between the counter of the new key and
// that of the row, which grows, is the next number, negative in front of the row. Rows below one key are ordered by
// their counters: a new row is the innermost in front of all others there (row < 0), or behind all of them (row > 0).
//
//     step = row (signed counter), actor, number (signed)
//
// All three are written so that comparing characters compares them: with the number of digits first.

#include <copse/crdt/position.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "status_macros.h"

namespace copse::crdt {
namespace {

constexpr std::string_view kDigits = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
static_assert(kDigits.size() == 64);
constexpr unsigned kBitsOfDigit = 6;
constexpr unsigned kLengthOfZero = 32;  // The first character of 0; those of negative numbers come before it.
constexpr unsigned kLengthMax = 8;      // 48 bits.

struct Step {
  std::int64_t row = 0;
  ActorId actor = 0;
  std::int64_t number = 0;

  bool IsInRowOf(const Step& other) const { return row == other.row && actor == other.actor; }
  friend bool operator==(const Step&, const Step&) = default;
};
using Path = std::vector<Step>;

void Append(std::string& key, std::int64_t value) {
  const bool negative = value < 0;
  const auto magnitude = static_cast<std::uint64_t>(negative ? -value : value);
  unsigned length = 0;
  while (magnitude >> (kBitsOfDigit * length) != 0) ++length;
  key += kDigits[negative ? kLengthOfZero - length : kLengthOfZero + length];
  while (length-- > 0) {
    const auto digit = static_cast<std::size_t>((magnitude >> (kBitsOfDigit * length)) & 63);
    key += kDigits[negative ? 63 - digit : digit];
  }
}

std::optional<unsigned> TakeDigit(std::string_view& key) {
  if (key.empty()) return std::nullopt;
  const std::size_t digit = kDigits.find(key.front());
  key.remove_prefix(1);
  if (digit == std::string_view::npos) return std::nullopt;
  return static_cast<unsigned>(digit);
}

std::optional<std::int64_t> TakeNumber(std::string_view& key) {
  const std::optional<unsigned> head = TakeDigit(key);
  if (!head) return std::nullopt;
  const bool negative = *head < kLengthOfZero;
  const unsigned length = negative ? kLengthOfZero - *head : *head - kLengthOfZero;
  if (length > kLengthMax) return std::nullopt;
  std::int64_t magnitude = 0;
  for (unsigned i = 0; i < length; ++i) {
    const std::optional<unsigned> digit = TakeDigit(key);
    if (!digit) return std::nullopt;
    magnitude = (magnitude << kBitsOfDigit) | (negative ? 63 - *digit : *digit);
    if (magnitude == 0) return std::nullopt;  // A number has one form, without zeros in front.
  }
  return negative ? -magnitude : magnitude;
}

// Nothing of what is no key.
std::optional<Path> Parse(std::string_view key) {
  Path path;
  while (!key.empty()) {
    const auto row = TakeNumber(key);
    const auto actor = row ? TakeNumber(key) : std::nullopt;
    const auto number = actor ? TakeNumber(key) : std::nullopt;
    if (!number || *row == 0 || *actor < 0 || *actor > std::numeric_limits<ActorId>::max()) return std::nullopt;
    path.push_back({*row, static_cast<ActorId>(*actor), *number});
  }
  return path;
}

std::string KeyOf(const Path& path) {
  std::string key;
  for (const Step& step : path) {
    Append(key, step.row);
    Append(key, step.actor);
    Append(key, step.number);
  }
  return key;
}

// Whether `path` goes through the row that `of` ends in.
bool GoesThroughRow(const Path& path, const Path& of) {
  return path.size() >= of.size() && std::equal(of.begin(), of.end() - 1, path.begin()) &&
         path[of.size() - 1].IsInRowOf(of.back());
}

// The next key in an own row, behind `before` or in front of `after`, where the other one is not of that row too.
std::optional<Path> InOwnRow(const Path& before, const Path& after, Timestamp now) {
  const auto counter = static_cast<std::int64_t>(now.counter());
  const auto distance = [&](const Path& path) { return counter - std::abs(path.back().row); };
  if (!before.empty() && before.back().actor == now.actor() && !GoesThroughRow(after, before)) {
    Path path = before;
    path.back().number = distance(before);
    if (path.back().number > before.back().number) return path;
  }
  if (!after.empty() && after.back().actor == now.actor() && !GoesThroughRow(before, after)) {
    Path path = after;
    path.back().number = -distance(after);
    if (path.back().number < after.back().number) return path;
  }
  return std::nullopt;
}

Path InNewRow(const Path& before, const Path& after, Timestamp now) {
  const auto counter = static_cast<std::int64_t>(now.counter());
  const auto common = static_cast<std::size_t>(
      std::mismatch(before.begin(), before.end(), after.begin(), after.end()).first - before.begin());
  if (common == before.size() && !after.empty()) {  // `after` is below `before`: in front of all that is below.
    Path path = before;
    const Step& next = after[common];
    if (next.row > -counter) {
      path.push_back({-counter, now.actor(), 0});
    } else {  // A row of a dishonest clock; just in front of it.
      path.push_back({next.row, next.actor, next.number - 1});
      path.push_back({counter, now.actor(), 0});
    }
    return path;
  }
  // Behind all that is below the outermost key that does not have `after` below it.
  std::size_t depth = after.empty() ? 0 : common + 1;
  while (depth < before.size() && before[depth].row >= counter) ++depth;
  Path path(before.begin(), before.begin() + static_cast<std::ptrdiff_t>(depth));
  path.push_back({counter, now.actor(), 0});
  return path;
}

}  // namespace

absl::StatusOr<std::string> PositionBetween(std::string_view before, std::string_view after, Timestamp now) {
  const std::optional<Path> low = Parse(before);
  const std::optional<Path> high = Parse(after);
  if (!low || !high) return absl::InvalidArgumentError("a position key must be one that PositionBetween made");
  if (!after.empty() && before >= after) return absl::InvalidArgumentError("position keys must be given ascending");
  if (now.counter() == 0) return absl::InvalidArgumentError("the time of an op must not be 0");
  const std::optional<Path> in_own_row = InOwnRow(*low, *high, now);
  std::string key = KeyOf(in_own_row ? *in_own_row : InNewRow(*low, *high, now));
  if (!IsPosition(key) || key <= before || (!after.empty() && key >= after)) {
    return absl::OutOfRangeError("there is no room between two position keys that no participant has made");
  }
  return key;
}

bool IsPosition(std::string_view key) { return !key.empty() && Parse(key).has_value(); }

}  // namespace copse::crdt
