#include "mount/model/describe.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iomanip>
#include <sstream>
#include <vector>

namespace copse::posix {
namespace {

void Walk(const std::string& directory,
          const std::function<void(const std::string& path, const struct stat& found)>& visit) {
  std::vector<std::string> names;
  DIR* const stream = opendir(directory.c_str());
  if (stream == nullptr) return;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(stream);
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const std::string path = directory == "." ? name : directory + "/" + name;
    struct stat found {};
    if (lstat(path.c_str(), &found) != 0) continue;
    visit(path, found);
    if (S_ISDIR(found.st_mode)) Walk(path, visit);
  }
}

}  // namespace

std::string ErrorName(int number) { return strerrorname_np(number); }

std::string Outcome(ssize_t result) { return result < 0 ? ErrorName(errno) : "ok " + std::to_string(result); }

timespec TimeOf(const std::string& word) {
  if (word == "now") return {0, UTIME_NOW};
  if (word == "omit") return {0, UTIME_OMIT};
  const std::size_t dot = word.find('.');
  return {std::stol(word.substr(0, dot)), std::stol(word.substr(dot + 1))};
}

std::string Digest(std::string_view bytes) {
  // FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3;
  std::ostringstream text;
  text << std::hex << std::setw(16) << std::setfill('0') << hash;
  return text.str();
}

std::string Describe(const struct stat& found) {
  std::ostringstream text;
  text << std::oct << found.st_mode << std::dec << " links " << found.st_nlink << " of " << found.st_uid << ":"
       << found.st_gid;
  if (!S_ISDIR(found.st_mode)) text << " size " << found.st_size;
  if (S_ISCHR(found.st_mode) || S_ISBLK(found.st_mode)) text << " device " << found.st_rdev;
  return text.str();
}

std::string DescribeSetMtime(const timespec& asked, const struct stat& now) {
  if (asked.tv_nsec >= 1'000'000'000) return "";
  return " " + std::to_string(now.st_mtim.tv_sec) + "." + std::to_string(now.st_mtim.tv_nsec);
}

std::string DescribeContents(const std::string& path, const struct stat& found) {
  if (S_ISLNK(found.st_mode)) {
    std::string target(5000, '\0');
    const ssize_t size = readlink(path.c_str(), target.data(), target.size());
    return " to " + target.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  if (!S_ISREG(found.st_mode)) return "";
  const int descriptor = open(path.c_str(), O_RDONLY | O_NOATIME | O_CLOEXEC);
  if (descriptor < 0) return " " + ErrorName(errno);
  std::string bytes(static_cast<std::size_t>(found.st_size) + 1, '\0');
  const ssize_t size = pread(descriptor, bytes.data(), bytes.size(), 0);
  close(descriptor);
  if (size < 0) return " " + ErrorName(errno);
  return " bytes " + Digest(std::string_view(bytes).substr(0, static_cast<std::size_t>(size)));
}

std::string DescribeXattrs(const std::string& path, bool with_values) {
  std::string names(4096, '\0');
  const ssize_t size = llistxattr(path.c_str(), names.data(), names.size());
  if (size < 0) return ErrorName(errno);
  names.resize(static_cast<std::size_t>(size));
  std::vector<std::string> shown;
  std::istringstream list(names);
  for (std::string name; std::getline(list, name, '\0');) {
    // What a security module of the machine keeps is not ours to compare.
    if (name.starts_with("security.") && name != "security.s" && name != "security.capability") continue;
    std::string text = name;
    if (with_values) {
      char value[500];
      const ssize_t length = lgetxattr(path.c_str(), name.c_str(), value, sizeof value);
      text += "=" + (length < 0 ? ErrorName(errno) : Digest({value, static_cast<std::size_t>(length)}));
    }
    shown.push_back(text);
  }
  std::sort(shown.begin(), shown.end());
  std::string text = "ok";
  for (const std::string& one : shown) text += " " + one;
  return text;
}

void ForEachPath(const std::function<void(const std::string& path, const struct stat& found)>& visit) {
  struct stat root {};
  if (lstat(".", &root) == 0) visit(".", root);
  Walk(".", visit);
}

}  // namespace copse::posix
