#include "cli/errors.h"

#include <cstdio>

namespace copse::cli {

std::string ErrorLine(const std::string& message) {
  std::string line = "copse: ";
  for (const char c : message) line += c == '\n' || c == '\r' ? ' ' : c;
  return line + "\n";
}

int Write(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  return written ? kSuccess : Fail(absl::InternalError("cannot write to the standard output"));
}

int Fail(const absl::Status& error) {
  std::string message(error.message());
  if (message.empty()) message = absl::StatusCodeToString(error.code());
  std::fputs(ErrorLine(message).c_str(), stderr);
  return kFailure;
}

}  // namespace copse::cli
