#include "name_arena.h"

#include <algorithm>
#include <cstring>

#include "check.h"

namespace copse::crdt {
namespace {

constexpr std::size_t kLongMark = 0xff;  // In the place of a length below it: the length follows in eight bytes.

std::size_t HeaderSize(std::size_t length) { return length < kLongMark ? 1 : 1 + sizeof(std::uint64_t); }

}  // namespace

void NameArena::NewPiece(std::size_t size) {
  CRDT_CHECK(pieces_.size() < std::size_t{1} << (32 - kPieceBits));
  // Small trees are many in some programs, so the first pieces are small.
  const std::size_t usual = std::min(kPieceMax, kPieceMin << std::min<std::size_t>(pieces_.size(), 16));
  capacity_ = std::max(usual, size);
  pieces_.push_back(std::unique_ptr<char[]>(new char[capacity_]));
  used_ = pieces_.size() == 1 ? kStep : 0;  // Nothing lies at 0.
}

NameArena::Ref NameArena::Add(std::string_view name) {
  if (name.empty()) return 0;
  const std::size_t size = HeaderSize(name.size()) + name.size();
  // A long name may reach beyond what can be numbered, and then the piece takes no other.
  if (pieces_.empty() || used_ >= kPieceMax || used_ + size > capacity_) NewPiece(size + kStep);
  const auto at = static_cast<Ref>(((pieces_.size() - 1) << kPieceBits) | (used_ / kStep));
  char* to = pieces_.back().get() + used_;
  const std::uint64_t length = name.size();
  if (length < kLongMark) {
    *to = static_cast<char>(length);
  } else {
    *to = static_cast<char>(kLongMark);
    std::memcpy(to + 1, &length, sizeof length);
  }
  std::memcpy(to + HeaderSize(name.size()), name.data(), name.size());
  used_ += (size + kStep - 1) / kStep * kStep;
  return at;
}

std::string_view NameArena::operator[](Ref name) const {
  if (name == 0) return {};
  const char* from = Find(name);
  std::uint64_t length = static_cast<unsigned char>(*from);
  if (length == kLongMark) std::memcpy(&length, from + 1, sizeof length);
  return {from + HeaderSize(length), length};
}

}  // namespace copse::crdt
