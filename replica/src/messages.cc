#include "messages.h"

#include <copse/base/check.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace copse::replica {
namespace {

using crdt::ByteReader;
using crdt::ByteWriter;

constexpr std::array<const char*, std::variant_size_v<Message>> kNames = {
    "Hello",   "Heads", "Subscribe", "Credit",  "Frames", "WantChunks", "Chunk",
    "NoChunk", "Join",  "Welcome",   "Refused", "Ping",   "Pong"};

bool IsControl(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string CleanReason(std::string reason) {
  std::replace_if(reason.begin(), reason.end(), IsControl, ' ');
  if (reason.size() > kReasonBytesMax) reason.resize(kReasonBytesMax);
  return reason;
}

void PutHeads(ByteWriter& writer, const std::vector<FeedHead>& heads) {
  for (const FeedHead& head : heads) {
    writer.U16(head.actor);
    writer.U64(head.frames);
    writer.U64(head.ops);
    writer.Raw(base::AsBytes(head.last_frame));
  }
}

/// The body of each kind of message.
struct BodyWriter {
  ByteWriter& writer;

  void operator()(const message::Hello& hello) {
    writer.U32(hello.version);
    if (hello.version != kProtocolVersion) return;
    writer.Raw(base::AsBytes(hello.volume));
    writer.LengthPrefixed(hello.label);
    writer.U64(hello.chunks_missing);
    PutHeads(writer, hello.heads);
  }
  void operator()(const message::Heads& heads) {
    writer.U64(heads.chunks_missing);
    PutHeads(writer, heads.heads);
  }
  void operator()(const message::Subscribe& subscribe) {
    writer.U16(subscribe.actor);
    writer.U64(subscribe.first);
  }
  void operator()(const message::Credit& credit) { writer.U64(credit.bytes); }
  void operator()(const message::Frames& frames) {
    writer.U16(frames.actor);
    writer.U64(frames.first);
    for (const std::string& frame : frames.frames) writer.LengthPrefixed(frame);
  }
  void operator()(const message::WantChunks& want) {
    for (const base::Hash& id : want.ids) writer.Raw(base::AsBytes(id));
  }
  void operator()(const message::Chunk& chunk) {
    writer.Raw(base::AsBytes(chunk.id));
    writer.Raw(chunk.sealed);
  }
  void operator()(const message::NoChunk& chunk) { writer.Raw(base::AsBytes(chunk.id)); }
  void operator()(const message::Join& join) {
    writer.Raw(join.secret);
    writer.LengthPrefixed(join.label);
  }
  void operator()(const message::Welcome& welcome) { writer.Raw(welcome.bytes); }
  void operator()(const message::Refused& refused) { writer.Raw(CleanReason(refused.reason)); }
  void operator()(const message::Ping&) {}
  void operator()(const message::Pong&) {}
};

template <typename Id>
absl::Status ReadId(ByteReader& reader, Id& id) {
  COPSE_ASSIGN_OR_RETURN(const std::string_view raw, reader.Raw(id.size()));
  std::copy(raw.begin(), raw.end(), reinterpret_cast<char*>(id.data()));
  return absl::OkStatus();
}

absl::Status ReadActor(ByteReader& reader, crdt::ActorId& actor) {
  COPSE_ASSIGN_OR_RETURN(actor, reader.U16());
  return actor == 0 ? reader.Error("an actor other than 0") : absl::OkStatus();
}

absl::Status ReadLabel(ByteReader& reader, std::string& label) {
  COPSE_ASSIGN_OR_RETURN(label, reader.LengthPrefixed());
  return IsLabel(label) ? absl::OkStatus() : reader.Error("a label");
}

absl::Status ReadHeads(ByteReader& reader, std::vector<FeedHead>& heads) {
  while (reader.remaining() > 0) {
    FeedHead head;
    COPSE_RETURN_IF_ERROR(ReadActor(reader, head.actor));
    if (!heads.empty() && heads.back().actor >= head.actor) return reader.Error("heads ascending by actor");
    COPSE_ASSIGN_OR_RETURN(head.frames, reader.U64());
    if (head.frames == 0) return reader.Error("a head of at least one frame");
    COPSE_ASSIGN_OR_RETURN(head.ops, reader.U64());
    COPSE_RETURN_IF_ERROR(ReadId(reader, head.last_frame));
    heads.push_back(head);
  }
  return absl::OkStatus();
}

absl::Status Read(ByteReader& reader, message::Hello& hello) {
  COPSE_ASSIGN_OR_RETURN(hello.version, reader.U32());
  if (hello.version != kProtocolVersion) return reader.Raw(reader.remaining()).status();
  COPSE_RETURN_IF_ERROR(ReadId(reader, hello.volume));
  COPSE_RETURN_IF_ERROR(ReadLabel(reader, hello.label));
  COPSE_ASSIGN_OR_RETURN(hello.chunks_missing, reader.U64());
  return ReadHeads(reader, hello.heads);
}

absl::Status Read(ByteReader& reader, message::Heads& heads) {
  COPSE_ASSIGN_OR_RETURN(heads.chunks_missing, reader.U64());
  return ReadHeads(reader, heads.heads);
}

absl::Status Read(ByteReader& reader, message::Subscribe& subscribe) {
  COPSE_RETURN_IF_ERROR(ReadActor(reader, subscribe.actor));
  COPSE_ASSIGN_OR_RETURN(subscribe.first, reader.U64());
  return absl::OkStatus();
}

absl::Status Read(ByteReader& reader, message::Credit& credit) {
  COPSE_ASSIGN_OR_RETURN(credit.bytes, reader.U64());
  return absl::OkStatus();
}

absl::Status Read(ByteReader& reader, message::Frames& frames) {
  COPSE_RETURN_IF_ERROR(ReadActor(reader, frames.actor));
  COPSE_ASSIGN_OR_RETURN(frames.first, reader.U64());
  do {
    COPSE_ASSIGN_OR_RETURN(const std::string_view frame, reader.LengthPrefixed());
    if (frame.empty()) return reader.Error("a frame that is not empty");
    frames.frames.emplace_back(frame);
  } while (reader.remaining() > 0);
  return absl::OkStatus();
}

absl::Status Read(ByteReader& reader, message::WantChunks& want) {
  do {
    base::Hash id{};
    COPSE_RETURN_IF_ERROR(ReadId(reader, id));
    if (want.ids.size() == kChunkIdsMax) return reader.Error(std::to_string(kChunkIdsMax) + " ids at most");
    want.ids.push_back(id);
  } while (reader.remaining() > 0);
  return absl::OkStatus();
}

absl::Status Read(ByteReader& reader, message::Chunk& chunk) {
  COPSE_RETURN_IF_ERROR(ReadId(reader, chunk.id));
  if (reader.remaining() == 0) return reader.Error("the chunk's bytes");
  COPSE_ASSIGN_OR_RETURN(chunk.sealed, reader.Raw(reader.remaining()));
  return absl::OkStatus();
}

absl::Status Read(ByteReader& reader, message::NoChunk& chunk) { return ReadId(reader, chunk.id); }

absl::Status Read(ByteReader& reader, message::Join& join) {
  COPSE_ASSIGN_OR_RETURN(join.secret, reader.Raw(kAdmissionSecretBytes));
  return ReadLabel(reader, join.label);
}

absl::Status Read(ByteReader& reader, message::Welcome& welcome) {
  COPSE_ASSIGN_OR_RETURN(welcome.bytes, reader.Raw(reader.remaining()));
  return absl::OkStatus();
}

absl::Status Read(ByteReader& reader, message::Refused& refused) {
  if (reader.remaining() > kReasonBytesMax) return reader.Error(std::to_string(kReasonBytesMax) + " bytes at most");
  COPSE_ASSIGN_OR_RETURN(refused.reason, reader.Raw(reader.remaining()));
  if (std::any_of(refused.reason.begin(), refused.reason.end(), IsControl)) return reader.Error("one line of text");
  return absl::OkStatus();
}

absl::Status Read(ByteReader&, message::Ping&) { return absl::OkStatus(); }
absl::Status Read(ByteReader&, message::Pong&) { return absl::OkStatus(); }

template <typename Body>
absl::StatusOr<Message> DecodeAs(std::string_view bytes) {
  ByteReader reader(bytes);
  Body body;
  COPSE_RETURN_IF_ERROR(Read(reader, body));
  COPSE_RETURN_IF_ERROR(reader.ExpectEnd());
  return Message(std::move(body));
}

/// One decoder for each alternative, in the order of the variant.
template <std::size_t... kIndices>
constexpr auto DecodersOf(std::index_sequence<kIndices...>) {
  return std::array{&DecodeAs<std::variant_alternative_t<kIndices, Message>>...};
}

}  // namespace

std::string NameOf(const Message& message) { return kNames[message.index()]; }

std::string EncodeMessage(const Message& message) {
  ByteWriter body;
  std::visit(BodyWriter{body}, message);
  COPSE_CHECK(body.size() <= kMessageBodyBytesMax);
  ByteWriter writer;
  writer.U32(static_cast<std::uint32_t>(body.size()));
  writer.U8(static_cast<std::uint8_t>(message.index() + 1));
  writer.Raw(body.bytes());
  return std::move(writer).Take();
}

bool IsMessageType(std::uint8_t type) { return type >= 1 && type <= kNames.size(); }

absl::StatusOr<Message> DecodeMessage(std::uint8_t type, std::string_view body) {
  static constexpr auto kDecoders = DecodersOf(std::make_index_sequence<std::variant_size_v<Message>>());
  if (!IsMessageType(type)) return absl::DataLossError("no message has type " + std::to_string(type));
  absl::StatusOr<Message> message = kDecoders[type - 1](body);
  if (message.ok()) return message;
  return absl::DataLossError(std::string(kNames[type - 1]) + " message, " + std::string(message.status().message()));
}

std::size_t EncodedFrameBytes(std::size_t frame_bytes) {
  ByteWriter length;
  length.Varint(frame_bytes);
  return length.size() + frame_bytes;
}

}  // namespace copse::replica
