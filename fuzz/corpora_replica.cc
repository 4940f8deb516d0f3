// Inputs of the targets of replica, among them the worked examples of docs/format.

#include <copse/base/hash.h>
#include <copse/base/memory_storage.h>
#include <copse/base/random.h>
#include <copse/crdt/bytes.h>
#include <copse/crdt/op_codec.h>
#include <copse/replica/invitation.h>
#include <copse/replica/join.h>

#include "address_book.h"
#include "admission_codec.h"
#include "chunk_seal.h"
#include "corpora.h"
#include "frame.h"
#include "frame_keys.h"
#include "fuzz.h"
#include "invitations.h"
#include "messages.h"
#include "pack.h"
#include "segment.h"
#include "snapshot.h"
#include "store_examples.h"

namespace copse::fuzz {
namespace {

using crdt::Op;

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
  const replica::Invitation invitation = ExampleInvitation();
  // The text, and what its check bytes stand behind: 16 + 32 + 32 + 8 bytes, then the endpoints.
  std::string plain = std::string(16, '\x11') + invitation.inviter + invitation.secret + std::string(8, '\0');
  plain += std::string(
      "\x01\x04"
      "a:42",
      6);
  return {{"text", EncodeInvitation(invitation)}, {"plain", plain}};
}

/// Each small file of a store, behind the letter that says which.
Inputs StoreFileInputs() {
  base::MemoryStorage storage;
  base::SeededRandom random(1);
  Require(replica::WriteIdentity(storage, "/identity", ExampleIdentity()).ok());
  Require(replica::WriteAddresses(storage, "/addresses", {{"0.0.0.0:4711"}, {"192.0.2.1:4711", "host:1"}}).ok());
  auto invitations = replica::Invitations::Read(storage, "/invitations");
  Require(invitations.ok());
  const auto secret = invitations->Add(random, replica::Role::kAdmin, 0, 1000);
  Require(secret.ok() && invitations->Add(random, replica::Role::kWriter, 0, 2000).ok());
  Require(invitations->Use(*secret, "key", 1).ok());
  Require(replica::Joining::Begin(storage, random, "/store", ExampleInvitation(), "desk").ok());
  const auto file = [&](const std::string& path) { return *base::ReadWholeFile(storage, path); };
  return {{"identity", "i" + file("/identity")},
          {"format", "f" + ExampleFormat()},
          {"invitations", "o" + file("/invitations")},
          {"addresses", "a" + file("/addresses")},
          {"joining", "j" + file("/store/joining")}};
}

/// The store's part of a snapshot, and a file.
Inputs SnapshotInputs() {
  replica::SnapshotState state;
  replica::SnapshotFeed& feed = state.feeds[7];
  feed.ops = 5;
  feed.frames = 2;
  feed.resume.frames = 1;
  feed.resume.ops = 3;
  feed.resume.segment = "0000000000000000.segment";
  feed.index.segments = {"0000000000000000.segment"};
  feed.index.frames = {{0, 100, 54}, {0, 90, 166}};
  feed.grants = {{0, {std::string(32, 'k'), replica::Role::kWriter, 17, 33, "desk"}}};
  state.wanted.push_back({{.plain_length = 9, .epoch = 1}, 2});
  base::MemoryStorage storage;
  Require(replica::WriteSnapshotFile(storage, "/one", {}, 1, {"a part", ""}).ok());
  return {{"empty", replica::EncodeSnapshotState({})},
          {"state", replica::EncodeSnapshotState(state)},
          {"file", *base::ReadWholeFile(storage, "/one")}};
}

}  // namespace

std::vector<Corpus> ReplicaCorpora() {
  return {{"admission", AdmissionInputs()},
          {"invitation", InvitationInputs()},
          {"frame", FrameInputs()},
          {"segment", SegmentInputs()},
          {"pack", PackInputs()},
          {"messages", MessageInputs()},
          {"session", RandomInputs("session", 8, 6)},
          {"members", RandomInputs("members", 4, 4)},
          {"store_files", StoreFileInputs()},
          {"snapshot", SnapshotInputs()}};
}

}  // namespace copse::fuzz
