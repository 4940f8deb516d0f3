#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace copse::crdt {

/// Names, one after another in large pieces of memory: a name costs its bytes, one or more for their number, and up to
/// three of padding. What was added stays where it is until the arena goes.
class NameArena {
 public:
  /// A name, by where it lies, in steps of kStep bytes. 0 is the empty name, which takes no room.
  using Ref = std::uint32_t;

  /// At most 16 GiB of names.
  Ref Add(std::string_view name);
  std::string_view operator[](Ref name) const;
  /// Has what operator[] wants brought near.
  void Prefetch(Ref name) const {
    if (name != 0) __builtin_prefetch(Find(name));
  }

 private:
  static constexpr std::size_t kStep = 4;
  static constexpr std::uint32_t kPieceBits = 16;
  static constexpr std::size_t kPieceMin = 256;
  static constexpr std::size_t kPieceMax = kStep << kPieceBits;

  const char* Find(Ref name) const {
    return pieces_[name >> kPieceBits].get() + (name % (Ref{1} << kPieceBits)) * kStep;
  }
  // Makes room for `size` bytes in one piece.
  void NewPiece(std::size_t size);

  std::vector<std::unique_ptr<char[]>> pieces_;
  std::size_t capacity_ = 0;  // Of the last piece.
  std::size_t used_ = 0;      // Of the last piece.
};

}  // namespace copse::crdt
