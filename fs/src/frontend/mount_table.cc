#include "frontend/mount_table.h"

#include <sys/sysmacros.h>

#include <charconv>
#include <fstream>

namespace copse::fs {
namespace {

/// Takes the field up to the next blank off `line`.
std::string_view TakeField(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(end == line.npos ? line.size() : end + 1);
  return field;
}

bool IsOctal(char c) { return c >= '0' && c <= '7'; }

/// The kernel writes blank, tab, newline and backslash as a backslash and three octal digits.
std::string Unescaped(std::string_view field) {
  std::string result;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const bool escaped = field[i] == '\\' && i + 3 < field.size() && IsOctal(field[i + 1]) && IsOctal(field[i + 2]) &&
                         IsOctal(field[i + 3]);
    if (!escaped) {
      result += field[i];
      continue;
    }
    result += static_cast<char>((field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0'));
    i += 3;
  }
  return result;
}

std::optional<unsigned> NumberOf(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::optional<MountLine> ParseMountLine(std::string_view line) {
  TakeField(line);  // Id of the mount.
  TakeField(line);  // Id of its parent.
  const std::string_view device = TakeField(line);
  TakeField(line);  // The root of the mount within its file system.
  MountLine result;
  result.mount_point = Unescaped(TakeField(line));
  // Mount options, and optional fields up to a lone dash.
  while (!line.empty() && TakeField(line) != "-") {
  }
  result.type = Unescaped(TakeField(line));
  result.source = Unescaped(TakeField(line));
  const std::size_t colon = device.find(':');
  if (colon == device.npos || result.mount_point.empty() || result.type.empty()) return std::nullopt;
  const std::optional<unsigned> major_number = NumberOf(device.substr(0, colon));
  const std::optional<unsigned> minor_number = NumberOf(device.substr(colon + 1));
  if (!major_number || !minor_number) return std::nullopt;
  result.device = makedev(*major_number, *minor_number);
  return result;
}

absl::StatusOr<std::vector<MountLine>> ReadMountTable() {
  std::ifstream file("/proc/self/mountinfo");
  if (!file) return absl::UnavailableError("cannot read /proc/self/mountinfo: mount /proc first");
  std::vector<MountLine> mounts;
  for (std::string line; std::getline(file, line);) {
    if (std::optional<MountLine> mount = ParseMountLine(line)) mounts.push_back(*std::move(mount));
  }
  return mounts;
}

std::optional<MountLine> MountAt(const std::vector<MountLine>& mounts, std::string_view mount_point) {
  for (auto mount = mounts.rbegin(); mount != mounts.rend(); ++mount) {
    if (mount->mount_point == mount_point) return *mount;
  }
  return std::nullopt;
}

}  // namespace copse::fs
