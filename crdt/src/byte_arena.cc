#include "byte_arena.h"

#include <algorithm>
#include <cstring>

#include "check.h"
#include "status_macros.h"

namespace copse::crdt {
namespace {

constexpr std::size_t kLongMark = 0xff;  // In the place of a length below it: the length follows in eight bytes.

std::size_t HeaderSize(std::size_t length) { return length < kLongMark ? 1 : 1 + sizeof(std::uint64_t); }

}  // namespace

std::size_t ByteArena::StepsOf(std::size_t size) { return (HeaderSize(size) + size + kStep - 1) / kStep; }

void ByteArena::NewPiece(std::size_t size) {
  CRDT_CHECK(pieces_.size() < std::size_t{1} << (32 - kPieceBits));
  // Small trees are many in some programs, so the first pieces are small.
  const std::size_t usual = std::min(kPieceMax, kPieceMin << std::min<std::size_t>(pieces_.size(), 16));
  capacity_ = std::max(usual, size);
  owned_.push_back(std::unique_ptr<char[]>(new char[capacity_]));
  pieces_.push_back({owned_.back().get(), pieces_.empty() ? kStep : 0});  // Nothing lies at 0.
  if (pieces_.size() == 1) std::memset(pieces_.front().bytes, 0, kStep);
}

ByteArena::Ref ByteArena::MakeRoom(std::size_t steps) {
  if (const auto free = free_.find(steps); free != free_.end() && free->second != 0) {
    const Ref found = free->second;
    std::memcpy(&free->second, Find(found), sizeof free->second);
    return found;
  }
  const std::size_t size = steps * kStep;
  // A long string may reach beyond what can be numbered, and then the piece takes no other.
  if (pieces_.empty() || pieces_.back().used >= kPieceMax || pieces_.back().used + size > capacity_) {
    NewPiece(size + kStep);
  }
  const auto at = static_cast<Ref>(((pieces_.size() - 1) << kPieceBits) | (pieces_.back().used / kStep));
  pieces_.back().used += size;
  return at;
}

void ByteArena::Write(char* to, std::string_view bytes) {
  const std::uint64_t length = bytes.size();
  if (length < kLongMark) {
    *to = static_cast<char>(length);
  } else {
    *to = static_cast<char>(kLongMark);
    std::memcpy(to + 1, &length, sizeof length);
  }
  const std::size_t end = HeaderSize(bytes.size()) + bytes.size();
  std::memcpy(to + HeaderSize(bytes.size()), bytes.data(), bytes.size());
  std::memset(to + end, 0, StepsOf(bytes.size()) * kStep - end);
}

ByteArena::Ref ByteArena::Add(std::string_view bytes) {
  if (bytes.empty()) return 0;
  const Ref at = MakeRoom(StepsOf(bytes.size()));
  Write(Find(at), bytes);
  return at;
}

void ByteArena::Free(Ref bytes) {
  if (bytes == 0) return;
  Ref& last = free_[StepsOf((*this)[bytes].size())];
  std::memcpy(Find(bytes), &last, sizeof last);
  last = bytes;
}

ByteArena::Ref ByteArena::Replace(Ref old, std::string_view bytes) {
  if (old != 0 && !bytes.empty() && StepsOf((*this)[old].size()) == StepsOf(bytes.size())) {
    Write(Find(old), bytes);
    return old;
  }
  Free(old);
  return Add(bytes);
}

std::string_view ByteArena::operator[](Ref bytes) const {
  if (bytes == 0) return {};
  const char* from = Find(bytes);
  std::uint64_t length = static_cast<unsigned char>(*from);
  if (length == kLongMark) std::memcpy(&length, from + 1, sizeof length);
  return {from + HeaderSize(length), length};
}

bool ByteArena::Holds(Ref bytes) const {
  if (bytes == 0) return true;
  if (bytes >> kPieceBits >= pieces_.size()) return false;
  const Piece& piece = pieces_[bytes >> kPieceBits];
  const std::size_t at = (bytes % (Ref{1} << kPieceBits)) * kStep;
  if (at >= piece.used || piece.used - at < kStep) return false;
  const bool is_long = static_cast<unsigned char>(piece.bytes[at]) == kLongMark;
  if (is_long && piece.used - at < HeaderSize(kLongMark)) return false;
  const std::size_t header = is_long ? HeaderSize(kLongMark) : 1;
  return (*this)[bytes].size() <= piece.used - at - header;
}

std::size_t ByteArena::bytes_used() const {
  std::size_t used = 0;
  for (const Piece& piece : pieces_) used += piece.used;
  return used;
}

void ByteArena::Save(ImageWriter& image) const {
  image.Number(pieces_.size());
  for (const Piece& piece : pieces_) image.Number(piece.used);
  for (const Piece& piece : pieces_) image.Array(std::span<const char>(piece.bytes, piece.used));
}

absl::Status ByteArena::Load(ImageReader& image) {
  *this = ByteArena();
  CRDT_ASSIGN_OR_RETURN(const std::uint64_t count, image.Number());
  if (count > std::uint64_t{1} << (32 - kPieceBits)) return image.Error("fewer pieces");
  CRDT_ASSIGN_OR_RETURN(const std::span<const std::uint64_t> sizes, image.Array<std::uint64_t>(count));
  for (const std::uint64_t size : sizes) {
    if (size % kStep != 0) return image.Error("a piece of whole steps");
    CRDT_ASSIGN_OR_RETURN(const std::span<char> bytes, image.Array<char>(size));
    pieces_.push_back({bytes.data(), bytes.size()});
  }
  if (!pieces_.empty()) capacity_ = pieces_.back().used;
  owner_ = image.owner();
  return absl::OkStatus();
}

}  // namespace copse::crdt
