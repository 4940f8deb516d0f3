// What the store keeps in a snapshot, as bytes.

#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>

#include <algorithm>

#include "grant_codec.h"
#include "snapshot.h"

namespace copse::replica {
namespace {

void WriteHash(const base::Hash& hash, crdt::ByteWriter& out) { out.Raw(base::AsBytes(hash)); }

absl::Status ReadHash(crdt::ByteReader& reader, base::Hash& hash) {
  COPSE_ASSIGN_OR_RETURN(const std::string_view bytes, reader.Raw(hash.size()));
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<char*>(hash.data()));
  return absl::OkStatus();
}

/// A count of things that take at least one byte each.
absl::StatusOr<std::uint64_t> ReadCount(crdt::ByteReader& reader) {
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t count, reader.Varint());
  if (count > reader.remaining()) return reader.Error("a count of what follows");
  return count;
}

void WriteFeed(crdt::ActorId actor, const SnapshotFeed& feed, crdt::ByteWriter& out) {
  out.U16(actor);
  out.Varint(feed.ops);
  out.Varint(feed.frames);
  WriteHash(feed.last_frame, out);
  out.Varint(feed.resume.ops);
  out.Varint(feed.resume.frames);
  out.Varint(feed.resume.bytes);
  out.Varint(feed.resume.clock);
  WriteHash(feed.resume.last_frame, out);
  out.LengthPrefixed(feed.resume.segment);
  out.Varint(feed.resume.segment_first_op);
  out.Varint(feed.resume.segment_bytes);
  out.Varint(feed.index.segments.size());
  for (const std::string& segment : feed.index.segments) out.LengthPrefixed(segment);
  out.Varint(feed.index.frames.size());
  for (const FeedIndex::Place& place : feed.index.frames) {
    out.Varint(place.segment);
    out.Varint(place.offset);
    out.Varint(place.length);
  }
  out.Varint(feed.grants.size());
  for (const GrantRecord& record : feed.grants) {
    out.Varint(record.frame);
    WriteGrant(record.grant, out);
  }
}

absl::Status ReadEnd(crdt::ByteReader& reader, FeedEnd& end) {
  COPSE_ASSIGN_OR_RETURN(end.ops, reader.Varint());
  COPSE_ASSIGN_OR_RETURN(end.frames, reader.Varint());
  COPSE_ASSIGN_OR_RETURN(end.bytes, reader.Varint());
  COPSE_ASSIGN_OR_RETURN(end.clock, reader.Varint());
  COPSE_RETURN_IF_ERROR(ReadHash(reader, end.last_frame));
  COPSE_ASSIGN_OR_RETURN(const std::string_view segment, reader.LengthPrefixed());
  end.segment = std::string(segment);
  COPSE_ASSIGN_OR_RETURN(end.segment_first_op, reader.Varint());
  COPSE_ASSIGN_OR_RETURN(end.segment_bytes, reader.Varint());
  return absl::OkStatus();
}

absl::Status ReadIndex(crdt::ByteReader& reader, FeedIndex& index) {
  COPSE_ASSIGN_OR_RETURN(std::uint64_t segments, ReadCount(reader));
  for (; segments > 0; --segments) {
    COPSE_ASSIGN_OR_RETURN(const std::string_view segment, reader.LengthPrefixed());
    index.segments.emplace_back(segment);
  }
  COPSE_ASSIGN_OR_RETURN(std::uint64_t frames, ReadCount(reader));
  index.frames.reserve(static_cast<std::size_t>(frames));
  for (; frames > 0; --frames) {
    COPSE_ASSIGN_OR_RETURN(const std::uint64_t segment, reader.Varint());
    COPSE_ASSIGN_OR_RETURN(const std::uint64_t offset, reader.Varint());
    COPSE_ASSIGN_OR_RETURN(const std::uint64_t length, reader.Varint());
    if (segment >= index.segments.size() || length > UINT32_MAX) return reader.Error("the place of a frame");
    index.frames.push_back({static_cast<std::uint32_t>(segment), static_cast<std::uint32_t>(length), offset});
  }
  return absl::OkStatus();
}

absl::StatusOr<SnapshotFeed> ReadFeed(crdt::ByteReader& reader) {
  SnapshotFeed feed;
  COPSE_ASSIGN_OR_RETURN(feed.ops, reader.Varint());
  COPSE_ASSIGN_OR_RETURN(feed.frames, reader.Varint());
  COPSE_RETURN_IF_ERROR(ReadHash(reader, feed.last_frame));
  COPSE_RETURN_IF_ERROR(ReadEnd(reader, feed.resume));
  COPSE_RETURN_IF_ERROR(ReadIndex(reader, feed.index));
  const bool is_possible = feed.ops > 0 && feed.frames > 0 && feed.index.frames.size() == feed.frames &&
                           feed.resume.frames <= feed.frames && feed.resume.ops <= feed.ops;
  if (!is_possible) return reader.Error("what is covered of a feed");
  COPSE_ASSIGN_OR_RETURN(std::uint64_t grants, ReadCount(reader));
  for (; grants > 0; --grants) {
    GrantRecord& record = feed.grants.emplace_back();
    COPSE_ASSIGN_OR_RETURN(record.frame, reader.Varint());
    COPSE_ASSIGN_OR_RETURN(record.grant, ReadGrant(reader));
  }
  return feed;
}

absl::StatusOr<base::NamedContent> ReadContent(crdt::ByteReader& reader) {
  base::NamedContent content;
  COPSE_RETURN_IF_ERROR(ReadHash(reader, content.chunk.id));
  COPSE_RETURN_IF_ERROR(ReadHash(reader, content.chunk.sealed_hash));
  COPSE_RETURN_IF_ERROR(ReadHash(reader, content.chunk.plain_hash));
  COPSE_ASSIGN_OR_RETURN(content.chunk.plain_length, reader.U32());
  COPSE_ASSIGN_OR_RETURN(content.chunk.epoch, reader.U32());
  COPSE_ASSIGN_OR_RETURN(content.level, reader.U8());
  return content;
}

}  // namespace

std::string EncodeSnapshotState(const SnapshotState& state) {
  crdt::ByteWriter out;
  out.Varint(state.feeds.size());
  for (const auto& [actor, feed] : state.feeds) WriteFeed(actor, feed, out);
  out.Varint(state.wanted.size());
  for (const base::NamedContent& content : state.wanted) {
    WriteHash(content.chunk.id, out);
    WriteHash(content.chunk.sealed_hash, out);
    WriteHash(content.chunk.plain_hash, out);
    out.U32(content.chunk.plain_length);
    out.U32(content.chunk.epoch);
    out.U8(content.level);
  }
  state.stability.Save(out);
  return std::move(out).Take();
}

absl::StatusOr<SnapshotState> DecodeSnapshotState(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  SnapshotState state;
  COPSE_ASSIGN_OR_RETURN(std::uint64_t feeds, ReadCount(reader));
  for (; feeds > 0; --feeds) {
    COPSE_ASSIGN_OR_RETURN(const std::uint16_t actor, reader.U16());
    const bool ascends = state.feeds.empty() || actor > state.feeds.rbegin()->first;
    if (actor == 0 || !ascends) return reader.Error("ascending actors");
    COPSE_ASSIGN_OR_RETURN(state.feeds[actor], ReadFeed(reader));
  }
  COPSE_ASSIGN_OR_RETURN(std::uint64_t wanted, ReadCount(reader));
  for (; wanted > 0; --wanted) {
    COPSE_ASSIGN_OR_RETURN(state.wanted.emplace_back(), ReadContent(reader));
  }
  COPSE_RETURN_IF_ERROR(state.stability.Load(reader));
  COPSE_RETURN_IF_ERROR(reader.ExpectEnd());
  return state;
}

}  // namespace copse::replica
