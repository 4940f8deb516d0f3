// Any bytes on the control socket, cut where a network might cut them: each line is refused, or it is a request that
// means the same when it is written again.

#include "cli/control_protocol.h"
#include "fuzz.h"

namespace {

void CheckRequest(const std::string& line) {
  const auto request = copse::cli::DecodeRequest(line);
  if (!request.ok()) return;
  std::string again = copse::cli::EncodeRequest(*request);
  again.pop_back();  // The newline.
  copse::fuzz::Require(again.find('\n') == std::string::npos);
  const auto read = copse::cli::DecodeRequest(again);
  copse::fuzz::Require(read.ok() && read->command == request->command && read->arguments == request->arguments);
}

void CheckReply(const std::string& line) {
  const auto reply = copse::cli::DecodeReply(line);
  if (!reply.ok()) return;
  std::string again = copse::cli::EncodeReply(reply);
  again.pop_back();
  const auto read = copse::cli::DecodeReply(again);
  copse::fuzz::Require(read.ok() && *read == *reply);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  copse::cli::LineSplitter splitter(copse::cli::kRequestBytesMax);
  std::vector<std::string> lines;
  const bool fits = splitter.Take(bytes.substr(0, size / 2), lines).ok() &&
                    splitter.Take(bytes.substr(size / 2), lines).ok() && splitter.Take("\n", lines).ok();
  copse::fuzz::Require(fits || size > copse::cli::kRequestBytesMax);
  for (const std::string& line : lines) {
    CheckRequest(line);
    CheckReply(line);
  }
  return 0;
}
