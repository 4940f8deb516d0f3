#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/json.h"

namespace copse::cli {

/// What is spoken over STORE/control: a line of JSON for each request, and a line for each reply, in order.
///
///     {"version":1,"command":"status","arguments":{}}
///     {"version":1,"ok":true,"result":{...}}
///     {"version":1,"ok":false,"code":"NOT_FOUND","message":"..."}
///
/// Both ends come from one build in nearly every case; `version` is for the other: the program was replaced while a
/// mount of the old one runs.
inline constexpr int kControlVersion = 1;
inline constexpr std::size_t kRequestBytesMax = 1 << 20;

struct Request {
  std::string command;
  Json arguments;  ///< An object.
};

/// Each ends with a newline.
std::string EncodeRequest(const Request& request);
std::string EncodeReply(const absl::StatusOr<Json>& reply);

/// `line` without its newline. Errors: kInvalidArgument malformed; kFailedPrecondition another version.
absl::StatusOr<Request> DecodeRequest(std::string_view line);
/// The reply, or the error that it carries. Errors besides: kInternal malformed; kFailedPrecondition another version.
absl::StatusOr<Json> DecodeReply(std::string_view line);

/// Cuts a stream of bytes into lines.
class LineSplitter {
 public:
  /// `line_bytes_max` 0: no bound.
  explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  /// Appends the lines that `bytes` completes to `lines`, without their newlines.
  /// Errors: kResourceExhausted a line is longer than the bound; the splitter is of no use afterwards.
  absl::Status Take(std::string_view bytes, std::vector<std::string>& lines);

 private:
  std::size_t line_bytes_max_;
  std::string partial_;
};

}  // namespace copse::cli
