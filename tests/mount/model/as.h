#pragma once

#include <grp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace copse::posix {

inline void Require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// The caller of one call, for as long as it lives. Its group bears its number; user 1001 is in group 1000 as well.
class As {
 public:
  explicit As(unsigned user) {
    if (user == 0) return;
    const gid_t other = 1000;
    Require(setgroups(user == 1001 ? 1 : 0, &other) == 0 && setegid(user) == 0 && seteuid(user) == 0,
            "becoming another user");
  }
  As(const As&) = delete;
  As& operator=(const As&) = delete;
  ~As() {
    if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(0, nullptr) != 0) std::abort();
  }
};

}  // namespace copse::posix
