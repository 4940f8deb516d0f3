#pragma once

#include <absl/status/statusor.h>

#include <string>

namespace copse::base::internal {

/// A path for sockaddr_un that leads to `path`, however long that is: where it exceeds sun_path, it goes through a
/// descriptor of the directory, which stays open as long as this lives. Not copyable.
class UnixAddress {
 public:
  /// Errors: kNotFound or kPermissionDenied the directory; kInvalidArgument the file's own name is too long.
  static absl::StatusOr<UnixAddress> Of(const std::string& path);
  ~UnixAddress();
  UnixAddress(UnixAddress&& other) noexcept;
  UnixAddress& operator=(UnixAddress&& other) noexcept;

  const std::string& short_path() const { return short_path_; }

 private:
  UnixAddress(std::string short_path, int directory) : short_path_(std::move(short_path)), directory_(directory) {}

  std::string short_path_;
  int directory_;  ///< -1 where none is needed.
};

}  // namespace copse::base::internal
