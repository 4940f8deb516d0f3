#include "plug/history.h"

#include <algorithm>

namespace copse::plug {
namespace {

constexpr std::size_t kPageBytes = 4096;

std::string Text(const Names& names) {
  std::string text;
  for (const auto& [path, shown] : names) {
    text += "  " + path + " " + shown.kind + " " + std::to_string(shown.inode) + " mode " + std::to_string(shown.mode) +
            " links " + std::to_string(shown.links) + "\n";
  }
  return text;
}

}  // namespace

void History::Return(std::uint64_t time, Names after) {
  calls_.back().returned = time;
  calls_.back().after = std::move(after);
}

std::string History::CheckContent(std::uint64_t inode, std::string_view content) const {
  const std::string name = "inode " + std::to_string(inode) + ", " + std::to_string(content.size()) + " bytes: ";
  const auto found = contents_.find(inode);
  if (found == contents_.end()) return content.empty() ? "" : name + "nobody wrote to it";
  const Content& known = found->second;
  const auto begin = known.versions.begin() + static_cast<std::ptrdiff_t>(known.durable);
  const auto end = known.versions.end();
  const auto has_length = [&](const Version& version) { return version.bytes.size() == content.size(); };
  // The kernel hands over a write that begins within a page in two requests, the first up to the end of that page.
  const auto is_part_way = [&](const Version& before, const Version& after) {
    return after.written_from % kPageBytes != 0 && content.size() % kPageBytes == 0 &&
           content.size() / kPageBytes == after.written_from / kPageBytes + 1 && before.bytes.size() < content.size() &&
           content.size() < after.bytes.size();
  };
  if (std::none_of(begin, end, has_length) && std::adjacent_find(begin, end, is_part_way) == end) {
    return name + "a length that it never had since its last fsync, at " + std::to_string(begin->bytes.size()) +
           " bytes";
  }
  for (std::size_t at = 0; at < content.size(); ++at) {
    const auto has_byte = [&](const Version& version) {
      return at < version.bytes.size() && version.bytes[at] == content[at];
    };
    if (std::none_of(begin, end, has_byte)) {
      return name + "at " + std::to_string(at) + " is what was not there since its last fsync";
    }
  }
  return "";
}

// A user's calls return one after the other, so what a crash left of them is a number for each user. Candidates are the
// numbers whose names fit. One user's last call that is there must not have begun after one of another returned that is
// not there; raising the other's number to its next candidate is the only way out, so the least solution is found by
// raising while something is wrong.
std::string CheckNames(const std::vector<History>& histories, const std::vector<Names>& found) {
  std::uint64_t synced_since = 0;
  for (const History& history : histories) synced_since = std::max(synced_since, history.synced_since());
  std::vector<std::size_t> kept(histories.size());
  const auto raise = [&](std::size_t user, std::size_t at_least) {
    const History& history = histories[user];
    kept[user] = at_least;
    while (kept[user] < history.size() && !history.NamesWere(kept[user], found[user])) ++kept[user];
    return kept[user] < history.size();
  };
  for (std::size_t user = 0; user < histories.size(); ++user) {
    const History& history = histories[user];
    std::size_t least = 0;
    while (least + 1 < history.size() && history.returned(least + 1) < synced_since) ++least;
    if (raise(user, least)) continue;
    return "user " + std::to_string(user) + ": these names were there after none of the calls " +
           std::to_string(least) + " (durable) to " + std::to_string(history.size() - 1) + ":\n" + Text(found[user]) +
           "the last one left:\n" + Text(history.names());
  }
  for (bool is_settled = false; !is_settled;) {
    is_settled = true;
    for (std::size_t one = 0; one < histories.size(); ++one) {
      for (std::size_t other = 0; other < histories.size(); ++other) {
        const std::size_t next = kept[other] + 1;
        if (next >= histories[other].size()) continue;
        if (histories[one].began(kept[one]) <= histories[other].returned(next)) continue;
        is_settled = false;
        if (!raise(other, next)) {
          return "a call of user " + std::to_string(one) + " is there, and one of user " + std::to_string(other) +
                 " that had returned before it began is not";
        }
      }
    }
  }
  return "";
}

}  // namespace copse::plug
