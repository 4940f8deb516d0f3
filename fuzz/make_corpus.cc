// Writes the first inputs of each corpus: small ones that are right, for the fuzzers to start from, among them the
// worked examples of docs/format. `make_fuzz_corpus fuzz/corpus` makes the same bytes each time; what fuzzing found
// later is kept beside them.

#include <copse/base/hash.h>
#include <copse/crdt/bytes.h>
#include <copse/crdt/op_codec.h>
#include <copse/crdt/op_columns.h>
#include <copse/fs/content.h>
#include <copse/replica/invitation.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "admission_codec.h"
#include "chunk_seal.h"
#include "cli/control_protocol.h"
#include "content/manifest_page.h"
#include "content/manifest_writer.h"
#include "content/staging_log.h"
#include "frame.h"
#include "frame_keys.h"
#include "messages.h"
#include "pack.h"
#include "segment.h"

namespace copse::fuzz {
namespace {

using crdt::Op;
using crdt::Timestamp;

using Inputs = std::vector<std::pair<std::string, std::string>>;  // Name and bytes.

/// The example of docs/format/ops.md.
std::vector<Op> ExampleOps() {
  const auto at = [](std::uint64_t counter) { return Timestamp::Of(counter, 2); };
  const crdt::NodeId directory = crdt::NodeId::Of(1, 7);
  const std::vector<Timestamp> replaced = {Timestamp::Of(12, 1)};
  return {
      {at(10), at(10).node(), crdt::Place{crdt::kFileInodes, ""}, {}, {{{1, ""}, "\x01", {}}}, false},
      {at(11), at(11).node(), crdt::Place{directory, "notes"}, {}, {}, true},
      {at(14), at(10).node(), {}, {}, {{{3, ""}, "hi", replaced}, {{9, "k"}, {}, {}}}, true},
      {at(15), at(11).node(), crdt::Place{crdt::kTrash, "notes"}, at(11), {}, true},
  };
}

Inputs OpInputs() {
  const std::vector<Op> ops = ExampleOps();
  return {{"none", crdt::EncodeOps({})}, {"one", crdt::EncodeOps({&ops[1], 1})}, {"example", crdt::EncodeOps(ops)}};
}

/// The example of docs/format/columns.md; ops of two actors, not in order; ops that take less than their share of
/// bytes.
Inputs ColumnInputs() {
  std::vector<Op> ops = ExampleOps();
  const std::string example = crdt::EncodeOpColumns(ops);
  ops.push_back({Timestamp::Of(9, 3), crdt::NodeId::Of(3, 9), crdt::Place{ops[1].child, "later"}, {}, {}, true});
  ops.push_back({Timestamp::Of(16, 2), ops[1].child, crdt::Place{crdt::kRoot, "again"}, {}, {}, true});
  ops.push_back({Timestamp::Of(8, 3), ops[0].child, crdt::Place{crdt::kTrash, ""}, Timestamp::Of(10, 2), {}, true});
  std::vector<Op> creations;
  for (std::uint64_t counter = 1; counter <= 1000; ++counter) {
    const Timestamp time = Timestamp::Of(counter, 1);
    creations.push_back({time, time.node(), crdt::Place{crdt::kRoot, ""}, {}, {}, true});
  }
  return {{"none", crdt::EncodeOpColumns({})},
          {"example", example},
          {"two_actors", crdt::EncodeOpColumns(ops)},
          {"creations", crdt::EncodeOpColumns(creations)}};
}

std::string FrameOf(const std::vector<Op>& ops, std::vector<replica::Dependency> dependencies) {
  replica::FrameHeader header;
  header.volume.fill(0x11);
  header.actor = 2;
  header.number = 6;
  header.first_op = 5;
  header.grants = {{std::string(32, '\x55'), replica::Role::kWriter, 17, 33, "desk"}};
  header.clock = ops.empty() ? 9 : ops.back().time.counter();
  header.wall_clock = 1'700'000'000'000'000'000;
  header.salt.fill(0x22);
  header.previous.fill(0x33);
  header.dependencies_are_full = true;
  header.dependencies = std::move(dependencies);
  return replica::EncodeFrame(header, ops, kEpochKey, FrameKeys().secret_key);
}

/// A frame, and its header with the plain ops behind it, which the target seals itself.
Inputs FrameInputs() {
  const std::vector<replica::Dependency> dependencies = {{1, 9, {1, 2, 3, 4, 5, 6, 7, 8}}, {4, 1, {}}};
  const std::string sealed = FrameOf(ExampleOps(), dependencies);
  constexpr std::size_t kLengthAndHashBytes = 36;
  const std::size_t header_bytes = replica::DecodeFrame(sealed)->signed_part.size() - kLengthAndHashBytes;
  crdt::ByteWriter plain;
  plain.U16(static_cast<std::uint16_t>(header_bytes));
  plain.Raw(sealed.substr(0, header_bytes));
  plain.Raw(crdt::EncodeOps(ExampleOps()));
  return {{"acknowledgement", FrameOf({}, dependencies)},
          {"first", FrameOf(ExampleOps(), {})},
          {"sealed", sealed},
          {"plain", plain.bytes()}};
}

Inputs SegmentInputs() {
  const std::string header = replica::EncodeSegmentHeader({{}, 1, 0});
  const std::string records = replica::EncodeRecord("first") + replica::EncodeRecord("");
  std::string damaged = header + records + replica::EncodeRecord("third");
  damaged[header.size() + replica::kRecordHeaderBytes] ^= 1;
  return {{"empty", header}, {"records", header + records}, {"torn", header + records + "cprc"}, {"damaged", damaged}};
}

Inputs PackInputs() {
  std::string pack = replica::EncodePackHeader({});
  std::vector<replica::PackEntry> entries;
  for (const std::string plain : {"one", "the other chunk"}) {
    const replica::SealedChunk chunk = replica::SealChunk(plain, 1, kEpochKey);
    entries.push_back({chunk.ref.id, pack.size(), 1, static_cast<std::uint32_t>(chunk.bytes.size()),
                       static_cast<std::uint32_t>(plain.size())});
    pack += replica::EncodePackRecordHeader(entries.back(), entries.front().offset) + chunk.bytes;
  }
  const std::string closed = pack + replica::EncodePackIndex(entries, pack.size());
  std::string damaged = pack;
  damaged[entries.front().offset + 5] ^= 1;
  return {{"empty", replica::EncodePackHeader({})},
          {"open", pack},
          {"torn", pack.substr(0, pack.size() - 3)},
          {"damaged", damaged},
          {"closed", closed}};
}

/// Each kind of message; then all of them in one stream, with the worked example of docs/format/exchange.md first.
Inputs MessageInputs() {
  namespace message = replica::message;
  const base::Hash id = base::Sha256("chunk");
  const replica::FeedHead head = {2, 3, 40, base::Sha256("frame")};
  const std::vector<replica::Message> messages = {
      message::Heads{7, {{1, 2, 9, base::Sha256("frame")}}},
      message::Hello{replica::kProtocolVersion, {}, "laptop", 0, {head}},
      message::Subscribe{2, 3},
      message::Credit{8 << 20},
      message::Frames{2, 3, {"one frame", "another"}},
      message::WantChunks{{id, base::Sha256("other")}},
      message::Chunk{id, "sealed"},
      message::NoChunk{id},
      message::Join{std::string(replica::kAdmissionSecretBytes, 's'), "desk"},
      message::Welcome{"come in"},
      message::Refused{"not a member of this volume"},
      message::Ping{},
      message::Pong{}};
  Inputs inputs;
  std::string all;
  for (const replica::Message& message : messages) {
    inputs.emplace_back(replica::NameOf(message), replica::EncodeMessage(message));
    all += inputs.back().second;
  }
  inputs.emplace_back("all", all);
  inputs.emplace_back("torn", all.substr(0, all.size() / 3));
  inputs.emplace_back("too_long", std::string("\xff\xff\xff\x7f\x05", 5));
  return inputs;
}

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

/// Bytes without structure: any are a history.
Inputs TreeInputs() {
  Inputs inputs;
  for (std::uint32_t input = 0; input < 4; ++input) {
    std::string bytes;
    for (std::uint32_t block = 0; block < 12; ++block) {
      bytes += base::AsBytes(base::Sha256("tree " + std::to_string(input) + " " + std::to_string(block)));
    }
    inputs.emplace_back("random-" + std::to_string(input), bytes);
  }
  return inputs;
}

Inputs AdmissionInputs() {
  replica::Admission admission;
  admission.volume.fill(0x11);
  admission.founder = std::string(32, '\x22');
  admission.volume_key = std::string(32, '\x33');
  admission.epoch_keys = {{0, std::string(32, '\x44')}, {7, std::string(32, '\x45')}};
  admission.grant = {std::string(32, '\x55'), replica::Role::kWriter, 17, 33, "desk"};
  admission.frames = {{1, 9}, {300, 2}};
  return {{"welcome", EncodeAdmission(admission)}};
}

Inputs InvitationInputs() {
  replica::Invitation invitation;
  invitation.volume.fill(0x11);
  invitation.inviter = std::string(32, '\x22');
  invitation.secret = std::string(32, '\x33');
  invitation.expires = 1'700'000'000'000'000'000;
  invitation.endpoints = {"192.0.2.1:4711", "[2001:db8::1]:4711"};
  // The text, and what its check bytes stand behind: 16 + 32 + 32 + 8 bytes, then the endpoints.
  std::string plain = std::string(16, '\x11') + invitation.inviter + invitation.secret + std::string(8, '\0');
  plain += std::string(
      "\x01\x04"
      "a:42",
      6);
  return {{"text", EncodeInvitation(invitation)}, {"plain", plain}};
}

bool Write(const std::filesystem::path& directory, const Inputs& inputs) {
  std::filesystem::create_directories(directory);
  for (const auto& [name, bytes] : inputs) {
    std::ofstream file(directory / name, std::ios::binary);
    file << bytes;
    if (!file.flush()) {
      std::fprintf(stderr, "cannot write %s\n", (directory / name).c_str());
      return false;
    }
  }
  return true;
}

int Main(const std::filesystem::path& corpus) {
  const std::array<std::pair<const char*, Inputs>, 13> corpora = {{{"op_codec", OpInputs()},
                                                                   {"op_columns", ColumnInputs()},
                                                                   {"admission", AdmissionInputs()},
                                                                   {"invitation", InvitationInputs()},
                                                                   {"frame", FrameInputs()},
                                                                   {"segment", SegmentInputs()},
                                                                   {"pack", PackInputs()},
                                                                   {"manifest", ManifestInputs()},
                                                                   {"manifest_page", PageInputs()},
                                                                   {"staging_log", StagingInputs()},
                                                                   {"control", ControlInputs()},
                                                                   {"messages", MessageInputs()},
                                                                   {"tree", TreeInputs()}}};
  for (const auto& [name, inputs] : corpora) {
    if (!Write(corpus / name, inputs)) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace copse::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
    return 2;
  }
  return copse::fuzz::Main(argv[1]);
}
