#include "network/unix_address.h"

#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace copse::base::internal {

absl::StatusOr<UnixAddress> UnixAddress::Of(const std::string& path) {
  constexpr std::size_t kPathBytesMax = sizeof(sockaddr_un::sun_path) - 1;
  if (path.size() <= kPathBytesMax) return UnixAddress(path, -1);
  const std::size_t slash = path.rfind('/');
  const std::string directory = path.substr(0, slash + 1);
  const int descriptor = ::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) {
    const std::string message = directory + ": " + std::strerror(errno);
    if (errno == EACCES) return absl::PermissionDeniedError(message);
    return absl::NotFoundError(message);
  }
  UnixAddress address("/proc/self/fd/" + std::to_string(descriptor) + path.substr(slash), descriptor);
  if (address.short_path_.size() > kPathBytesMax) {
    return absl::InvalidArgumentError(path + ": the name is too long for a socket; choose a shorter one");
  }
  return address;
}

UnixAddress::UnixAddress(UnixAddress&& other) noexcept
    : short_path_(std::move(other.short_path_)), directory_(std::exchange(other.directory_, -1)) {}

UnixAddress& UnixAddress::operator=(UnixAddress&& other) noexcept {
  std::swap(short_path_, other.short_path_);
  std::swap(directory_, other.directory_);
  return *this;
}

UnixAddress::~UnixAddress() {
  if (directory_ >= 0) ::close(directory_);
}

}  // namespace copse::base::internal
