#include "mount/model/call.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace copse::posix {
namespace {

std::string Octal(std::int64_t value) {
  std::ostringstream text;
  text << '0' << std::oct << value;
  return text.str();
}

struct Weight {
  const char* name;
  int weight;
};

// What ordinary programs do often is drawn often; the rest often enough that each pair of calls meets in a long run.
constexpr Weight kWeights[] = {
    {"open", 24},     {"close", 4},  {"read", 5},      {"write", 8},      {"pread", 3},     {"pwrite", 8},
    {"lseek", 4},     {"stat", 6},   {"fstat", 3},     {"mkdir", 12},     {"rmdir", 5},     {"unlink", 6},
    {"rename", 9},    {"link", 5},   {"symlink", 5},   {"readlink", 2},   {"mknod", 3},     {"chmod", 5},
    {"fchmod", 2},    {"chown", 4},  {"fchown", 2},    {"utimens", 3},    {"futimens", 1},  {"truncate", 4},
    {"ftruncate", 4}, {"list", 4},   {"setxattr", 3},  {"getxattr", 2},   {"listxattr", 2}, {"removexattr", 2},
    {"setacl", 3},    {"access", 3}, {"fallocate", 4}, {"copy_range", 3}, {"map_write", 3}, {"map_read", 2},
    {"fsync", 1},     {"statfs", 1}, {"seek_data", 2}, {"append", 2},     {"reopen", 2},    {"link_open", 2},
    {"umask", 1},     {"forget", 1},
};

}  // namespace

std::string TextOf(const Call& call) {
  std::string text;
  for (const std::string& word : call.words) text += (text.empty() ? "" : " ") + word;
  return text;
}

Trace ReadTrace(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path + ": cannot be read");
  Trace trace;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Call call;
    for (std::string word; words >> word;) call.words.push_back(word);
    if (!call.words.empty() && call.name()[0] != '#') trace.push_back(std::move(call));
  }
  return trace;
}

Call Generator::Next() {
  int sum = 0;
  for (const Weight& one : kWeights) sum += one.weight;
  auto drawn = Below(sum);
  const Weight* chosen = kWeights;
  for (; drawn >= chosen->weight; ++chosen) drawn -= chosen->weight;
  Call call;
  // One call in twenty is looked at for the times that it changes.
  call.words = {std::string(OneIn(20) ? "timed:" : "") + chosen->name,
                Any<std::string>({"0", "0", "0", "0", "1000", "1001"})};
  for (std::string& argument : Arguments(chosen->name)) call.words.push_back(std::move(argument));
  return call;
}

std::string Generator::Name() { return Any<std::string>({"a", "b", "c", "d", "e", "f"}); }

std::string Generator::StrangePath() {
  if (OneIn(25)) return std::string(static_cast<std::size_t>(254 + Below(3)), 'n');
  std::string path = Name();
  for (auto depth = Below(3); depth > 0; --depth) path += "/" + Name();
  return path;
}

std::string Generator::Decorated(std::string path) {
  if (OneIn(60)) path += Any<std::string>({"/", "/.", "/.."});
  return OneIn(15) ? "@" + Slot() + "/" + path : path;
}

std::string Generator::DirectoryPath() {
  const bool is_known = !known_.directories.empty() && !OneIn(kStrangeInterval);
  return Decorated(is_known ? AnyOf(known_.directories) : StrangePath());
}

std::string Generator::FilePath() {
  const bool is_known = !known_.others.empty() && !OneIn(kStrangeInterval);
  return Decorated(is_known ? AnyOf(known_.others) : StrangePath());
}

std::string Generator::Path() { return OneIn(2) ? FilePath() : DirectoryPath(); }

std::string Generator::NewPath() {
  const bool is_known = !known_.directories.empty() && !OneIn(3);
  return Decorated(is_known ? AnyOf(known_.directories) + "/" + Name() : Name());
}

std::string Generator::Mode() {
  const std::int64_t mode =
      OneIn(3) ? Below(010000) : Any<std::int64_t>({0644, 0755, 0777, 0666, 0600, 0700, 01777, 02775, 04755, 06777});
  return Octal(mode);
}

std::string Generator::Offset() {
  return std::to_string(OneIn(4) ? 4096 * Below(20) : OneIn(10) ? Below(300000) : Below(20000));
}

std::string Generator::Length() {
  return std::to_string(OneIn(4) ? 4096 * (1 + Below(4)) : OneIn(20) ? 0 : Below(9000));
}

std::vector<std::string> Generator::Arguments(const std::string& name) {
  const auto is = [&](const char* other) { return name == other; };
  if (is("open")) {
    std::int64_t flags = Any<std::int64_t>({O_RDONLY, O_WRONLY, O_RDWR, O_RDWR}) | O_NONBLOCK;
    for (const int flag : {O_APPEND, O_TRUNC, O_EXCL, O_NOFOLLOW, O_DIRECTORY, O_DIRECT, O_PATH, O_NOATIME}) {
      if (OneIn(flag == O_PATH || flag == O_DIRECTORY || flag == O_NOATIME ? 25 : 6)) flags |= flag;
    }
    // POSIX leaves it open what the two mean together.
    if (OneIn(2) && (flags & (O_DIRECTORY | O_PATH)) == 0) flags |= O_CREAT;
    if ((flags & O_CREAT) == 0) flags &= ~std::int64_t{O_EXCL};
    const bool is_new = (flags & O_CREAT) != 0 && OneIn(2);
    return {Slot(), is_new ? NewPath() : OneIn(6) ? DirectoryPath() : FilePath(), Octal(flags), Mode()};
  }
  if (is("close") || is("fstat") || is("fsync")) return {Slot()};
  if (is("reopen"))
    return {Slot(), Slot(), Octal(Any<std::int64_t>({O_RDONLY, O_RDWR, O_RDWR | O_TRUNC}) | O_NONBLOCK)};
  if (is("forget")) return {"caches"};
  if (is("link_open")) return {Slot(), NewPath()};
  // None that takes execution from a group alone: as in Mode.
  if (is("umask")) return {Octal(Any<std::int64_t>({0, 022, 022, 066, 0767}))};
  if (is("read")) return {Slot(), Length()};
  if (is("write") || is("append")) return {Slot(), Length(), std::to_string(Below(256))};
  if (is("pread") || is("map_read")) return {Slot(), Offset(), Length()};
  if (is("pwrite") || is("map_write")) return {Slot(), Offset(), Length(), std::to_string(Below(256))};
  if (is("lseek")) return {Slot(), std::to_string(Below(9000) - 1000), std::to_string(Below(3))};
  if (is("seek_data")) return {Slot(), Offset(), std::to_string(Below(2))};
  if (is("mkdir")) return {NewPath(), Mode(), Octal(Any<std::int64_t>({0, 022, 077, 027}))};
  if (is("stat")) return {Path(), std::to_string(Below(2))};
  if (is("rename"))
    return {Path(), OneIn(2) ? NewPath() : Path(),
            std::to_string(Any<int>({0, 0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, 3}))};
  if (is("link")) return {FilePath(), NewPath(), std::to_string(Below(2))};
  if (is("symlink")) return {OneIn(3) ? Path() : Any<std::string>({"a", "b", "c/d", "none", "."}), NewPath()};
  if (is("mknod")) return {NewPath(), Octal(Any<std::int64_t>({S_IFIFO, S_IFSOCK, S_IFREG, S_IFCHR, S_IFBLK})), Mode()};
  if (is("chmod")) return {Path(), Mode()};
  if (is("fchmod")) return {Slot(), Mode()};
  const auto owner = [&] { return Any<std::string>({"-1", "0", "1000", "1001"}); };
  // Nobody in particular is not drawn: of a stranger's file that is setuid it differs (docs/posix.md).
  const auto other = [&](const std::string& user) { return user == "-1" ? Any<std::string>({"0", "1000"}) : owner(); };
  if (is("chown") || is("fchown")) {
    const std::string user = owner();
    std::vector<std::string> arguments = {is("chown") ? Path() : Slot(), user, other(user)};
    if (is("chown")) arguments.push_back(std::to_string(Below(2)));
    return arguments;
  }
  const auto time = [&] {
    return Any<std::string>({"now", "omit", "0.0", "1.999999999", "-1.5", "4000000000.7", "1500000000.123456789"});
  };
  if (is("utimens")) return {Path(), time(), time(), std::to_string(Below(2))};
  if (is("futimens")) return {Slot(), time(), time()};
  if (is("truncate")) return {FilePath(), Offset()};
  if (is("ftruncate")) return {Slot(), Offset()};
  const auto xattr = [&] { return Any<std::string>({"user.a", "user.b", "trusted.t", "security.s", "bad", "user."}); };
  if (is("setxattr")) return {Path(), xattr(), std::to_string(Below(60)), std::to_string(Below(3))};
  if (is("getxattr")) return {Path(), xattr()};
  if (is("removexattr")) return {Path(), xattr()};
  // With execution for group and mask, for the same reason as in Mode.
  if (is("setacl")) return {Path(), std::to_string(Below(2)), std::to_string(Below(8)), Octal(Below(512) | 012)};
  if (is("access")) return {Path(), std::to_string(Below(8))};
  if (is("fallocate")) {
    const int mode = Any<int>({0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE,
                               FALLOC_FL_ZERO_RANGE, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE});
    return {Slot(), std::to_string(mode), Offset(), Length()};
  }
  if (is("copy_range")) return {Slot(), Offset(), Slot(), Offset(), Length()};
  if (is("rmdir") || is("list")) return {DirectoryPath()};
  if (is("unlink") || is("readlink")) return {FilePath()};
  return {Path()};  // listxattr, statfs.
}

}  // namespace copse::posix
