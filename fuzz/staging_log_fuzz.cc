// Any bytes: ParseStagingLog refuses them, or it read a header that stands there as it would be written, and a change
// that can be written and read in place of all the log's changes. Each input is read as it is, and again with right
// checksums, which a fuzzer cannot guess.

#include "content/staging_log.h"
#include "fuzz.h"
#include "staging_checksums.h"

namespace copse::fuzz {
namespace {

void Check(std::string_view bytes) {
  const auto log = fs::ParseStagingLog(bytes);
  if (!log.ok()) return;
  Require(log->valid_bytes <= bytes.size());
  const std::string header = fs::EncodeStagingHeader(log->header);
  Require(bytes.substr(0, header.size()) == header);
  const fs::StagingChange& sum = log->sum;
  if (!sum.changes.ranges().empty()) Require(sum.changes.ranges().rbegin()->second.end <= sum.size);
  std::string rewritten = header + fs::EncodeStagingChange(sum);
  for (const base::Hash& root : log->publications) rewritten += fs::EncodeStagingPublication(root);
  const auto again = fs::ParseStagingLog(rewritten);
  Require(again.ok() && again->publications == log->publications && again->sum.size == sum.size &&
          again->sum.mtime == sum.mtime && again->sum.changes.limit() == sum.changes.limit() &&
          again->sum.changes.ranges() == sum.changes.ranges());
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  copse::fuzz::Check(bytes);
  copse::fuzz::Check(copse::fuzz::WithStagingChecksums(std::string(bytes)));
  return 0;
}
