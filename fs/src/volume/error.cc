#include <absl/strings/cord.h>
#include <copse/fs/error.h>

#include <optional>

namespace copse::fs {
namespace {

// The payload that marks a status as a POSIX error; its bytes are the errno in decimal.
constexpr const char* kErrnoPayload = "copse/errno";

absl::StatusCode NearestCode(std::errc condition) {
  switch (condition) {
    case std::errc::no_such_file_or_directory:
      return absl::StatusCode::kNotFound;
    case std::errc::file_exists:
      return absl::StatusCode::kAlreadyExists;
    case std::errc::no_space_on_device:
      return absl::StatusCode::kResourceExhausted;
    case std::errc::read_only_file_system:
      return absl::StatusCode::kFailedPrecondition;
    case std::errc::permission_denied:
    case std::errc::operation_not_permitted:
      return absl::StatusCode::kPermissionDenied;
    case std::errc::invalid_argument:
      return absl::StatusCode::kInvalidArgument;
    default:
      return absl::StatusCode::kUnknown;
  }
}

}  // namespace

absl::Status PosixError(std::errc condition, std::string message) {
  absl::Status status(NearestCode(condition), message);
  status.SetPayload(kErrnoPayload, absl::Cord(std::to_string(static_cast<int>(condition))));
  return status;
}

std::errc PosixErrorOf(const absl::Status& status) {
  if (const auto payload = status.GetPayload(kErrnoPayload)) {
    return static_cast<std::errc>(std::stoi(std::string(*payload)));
  }
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return std::errc::no_space_on_device;
    case absl::StatusCode::kFailedPrecondition:
      return std::errc::read_only_file_system;
    case absl::StatusCode::kPermissionDenied:
      return std::errc::permission_denied;
    case absl::StatusCode::kInvalidArgument:
      return std::errc::invalid_argument;
    default:
      return std::errc::io_error;
  }
}

}  // namespace copse::fs
