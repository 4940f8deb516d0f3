#include "cli/control_protocol.h"

namespace copse::cli {
namespace {

absl::StatusCode CodeOfName(const std::string& name) {
  constexpr int kCodeMax = static_cast<int>(absl::StatusCode::kUnauthenticated);
  for (int number = 1; number <= kCodeMax; ++number) {
    const auto code = static_cast<absl::StatusCode>(number);
    if (absl::StatusCodeToString(code) == name) return code;
  }
  return absl::StatusCode::kUnknown;
}

/// Copying and printing JSON recurse: a line of a million brackets would overflow the stack of whoever does it.
constexpr int kDepthMax = 32;

/// A JSON object of the right version. Errors: `malformed`, and kFailedPrecondition of another version.
absl::StatusOr<Json> ParseMessage(std::string_view line, absl::StatusCode malformed) {
  bool is_too_deep = false;
  const auto keep = [&](int depth, Json::parse_event_t, Json&) {
    is_too_deep = is_too_deep || depth > kDepthMax;
    return depth <= kDepthMax;
  };
  Json message = Json::parse(line, keep, false);
  if (is_too_deep || !message.is_object() || !message.contains("version")) {
    return absl::Status(malformed, "the control socket carries something that is not a message");
  }
  if (message["version"] != kControlVersion) {
    return absl::FailedPreconditionError(
        "the process of the mount is of another version of copse; unmount and mount again, then try again");
  }
  return message;
}

}  // namespace

std::string EncodeRequest(const Request& request) {
  return ToText({{"version", kControlVersion}, {"command", request.command}, {"arguments", request.arguments}}) + "\n";
}

std::string EncodeReply(const absl::StatusOr<Json>& reply) {
  if (reply.ok()) return ToText({{"version", kControlVersion}, {"ok", true}, {"result", *reply}}) + "\n";
  const absl::Status& error = reply.status();
  return ToText({{"version", kControlVersion},
                 {"ok", false},
                 {"code", absl::StatusCodeToString(error.code())},
                 {"message", std::string(error.message())}}) +
         "\n";
}

absl::StatusOr<Request> DecodeRequest(std::string_view line) {
  absl::StatusOr<Json> message = ParseMessage(line, absl::StatusCode::kInvalidArgument);
  if (!message.ok()) return message.status();
  if (!message->contains("command") || !(*message)["command"].is_string() || !message->contains("arguments") ||
      !(*message)["arguments"].is_object()) {
    return absl::InvalidArgumentError("a request needs a command and arguments");
  }
  return Request{(*message)["command"].get<std::string>(), std::move((*message)["arguments"])};
}

absl::StatusOr<Json> DecodeReply(std::string_view line) {
  absl::StatusOr<Json> message = ParseMessage(line, absl::StatusCode::kInternal);
  if (!message.ok()) return message.status();
  const bool ok = message->value("ok", Json()) == true;
  if (ok && message->contains("result")) return std::move((*message)["result"]);
  const Json code = message->value("code", Json());
  const Json text = message->value("message", Json());
  if (ok || !code.is_string() || !text.is_string()) {
    return absl::InternalError("the process of the mount sent a reply that makes no sense");
  }
  return absl::Status(CodeOfName(code.get<std::string>()), text.get<std::string>());
}

absl::Status LineSplitter::Take(std::string_view bytes, std::vector<std::string>& lines) {
  while (!bytes.empty()) {
    const std::size_t newline = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, newline);
    if (line_bytes_max_ != 0 && partial_.size() + piece.size() > line_bytes_max_) {
      return absl::ResourceExhaustedError("a request is longer than " + std::to_string(line_bytes_max_) +
                                          " bytes; ask for less at once");
    }
    partial_ += piece;
    if (newline == std::string_view::npos) break;
    lines.push_back(std::move(partial_));
    partial_.clear();
    bytes.remove_prefix(newline + 1);
  }
  return absl::OkStatus();
}

}  // namespace copse::cli
