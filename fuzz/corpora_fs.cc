// Inputs of the targets of fs and of the program, among them the worked examples of docs/format.

#include <copse/base/hash.h>
#include <copse/crdt/bytes.h>
#include <copse/fs/content.h>

#include "cli/control_protocol.h"
#include "content/manifest_page.h"
#include "content/manifest_writer.h"
#include "content/staging_log.h"
#include "corpora.h"

namespace copse::fuzz {
namespace {

using crdt::Timestamp;

fs::ManifestEntry Chunk(std::uint64_t length, std::uint32_t plain_length, char seed) {
  fs::ManifestEntry entry;
  entry.length = length;
  const base::Hash hash = base::Sha256(std::string(1, seed));
  entry.chunk = {hash, hash, hash, plain_length, 1};
  return entry;
}

fs::ManifestEntry Hole(std::uint64_t length) {
  fs::ManifestEntry hole;
  hole.length = length;
  hole.is_hole = true;
  return hole;
}

Inputs ManifestInputs() {
  fs::Manifest inlined;
  inlined.size = 5;
  inlined.inline_bytes = "hello";
  inlined.mtime = 1'000'000'000;
  fs::Manifest chunked;
  chunked.size = 300'000;
  chunked.fixed_chunks = true;
  chunked.entries = {Chunk(100'000, 100'000, 'a'), Hole(150'000), Chunk(50'000, 50'000, 'b')};
  fs::Manifest paged;
  paged.size = 10'000'000;
  paged.level = 2;
  paged.hole_bytes = 4'096;
  paged.entries = {Chunk(9'000'000, 4'000, 'c'), Chunk(1'000'000, 900, 'd')};
  return {{"empty", fs::EncodeManifest({})},
          {"inline", fs::EncodeManifest(inlined)},
          {"chunked", fs::EncodeManifest(chunked)},
          {"paged", fs::EncodeManifest(paged)}};
}

std::string PageInput(std::uint8_t level, const std::vector<fs::ManifestEntry>& entries) {
  crdt::ByteWriter writer;
  std::uint64_t length = 0;
  for (const fs::ManifestEntry& entry : entries) length += entry.length;
  writer.U8(level);
  writer.U64(length);
  writer.Raw(fs::EncodePage(level, entries));
  return std::move(writer).Take();
}

Inputs PageInputs() {
  return {{"hole", PageInput(0, {Hole(65'536)})},
          {"leaves", PageInput(0, {Chunk(7, 7, 'a'), Hole(65'536), Chunk(9, 9, 'b')})},
          {"pages", PageInput(1, {Chunk(1 << 20, 5'000, 'c'), Chunk(1 << 21, 6'000, 'd')})}};
}

Inputs StagingInputs() {
  // The example of docs/format/staging.md.
  fs::StagingHeader header;
  header.node = crdt::NodeId::Of(7, 42);
  header.base = fs::InlineManifest("0123456789", 1, false);
  header.base_heads = {Timestamp::Of(1, 7)};
  fs::StagingChange change;
  change.size = 10'000;
  change.mtime = 1;
  change.changes = fs::ChangeSet(10);
  change.changes.Set(4'096, 8'192, fs::RangeKind::kData);
  change.changes.Set(8'192, 10'000, fs::RangeKind::kHole);
  const std::string one = fs::EncodeStagingHeader(header) + fs::EncodeStagingChange(change);
  fs::StagingChange cut;
  cut.size = 5'000;
  cut.changes = fs::ChangeSet(4'500);
  cut.changes.Set(4'600, 4'700, fs::RangeKind::kData);
  const std::string two = one + fs::EncodeStagingPublication(base::Sha256("version")) + fs::EncodeStagingChange(cut);
  std::string damaged = two;
  damaged[one.size() - 1] ^= 1;
  return {{"example", one}, {"cut", two}, {"torn", two.substr(0, two.size() - 2)}, {"damaged", damaged}};
}

/// Logs behind 64 << 7 bytes of data, and no unfinished log.
Inputs RecoveryInputs() {
  Inputs inputs;
  for (const auto& [name, log] : StagingInputs()) inputs.emplace_back(name, "\x40\x07\x01" + log);
  return inputs;
}

Inputs ControlInputs() {
  const std::string ask = cli::EncodeRequest({"trash-restore", {{"targets", {"a", "\xc3\xa9"}}}});
  std::string nested = R"({"version":1,"command":"trash-restore","arguments":{"targets":)";
  constexpr std::size_t kDepth = 30'000;
  nested += std::string(kDepth, '[') + std::string(kDepth, ']') + "}}\n";
  return {{"status", cli::EncodeRequest({"status", cli::Json::object()})},
          {"two", ask + ask},
          {"reply", cli::EncodeReply(cli::Json{{"entries", {1, 2.5, nullptr}}})},
          {"refusal", cli::EncodeReply(absl::NotFoundError("no such entry"))},
          {"nested", nested}};
}

}  // namespace

std::vector<Corpus> FsCorpora() {
  return {{"manifest", ManifestInputs()},
          {"manifest_page", PageInputs()},
          {"staging_log", StagingInputs()},
          {"staging_recovery", RecoveryInputs()},
          {"volume", RandomInputs("volume", 4, 8)},
          {"volume_ops", RandomInputs("volume_ops", 8, 12)},
          {"control", ControlInputs()}};
}

}  // namespace copse::fuzz
