#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "bring_near.h"
#include "image.h"

namespace copse::crdt {

/// Strings of bytes, one after another in large pieces of memory: one costs its bytes, one or more for their number,
/// and up to three of padding. What was added stays where it is until it is freed or the arena goes.
class ByteArena {
 public:
  /// Some bytes, by where they lie, in steps of kStep bytes. 0 is the empty string, which takes no room.
  using Ref = std::uint32_t;

  /// At most 16 GiB in all.
  Ref Add(std::string_view bytes);
  /// Makes room for others of the same size.
  void Free(Ref bytes);
  /// Puts `bytes`, which do not lie in the arena, in the place of those at `old`: the same place, if they fit there.
  Ref Replace(Ref old, std::string_view bytes);

  std::string_view operator[](Ref bytes) const;
  /// Whether something lies at `bytes`, which may be any number: for what comes from an image.
  bool Holds(Ref bytes) const;
  /// Has what operator[] wants brought near.
  void Prefetch(Ref bytes) const {
    if (bytes != 0) BringNear(Find(bytes));
  }

  /// As it lies in memory, room that was freed included.
  void Save(ImageWriter& image) const;
  std::size_t bytes_used() const;
  absl::Status Load(ImageReader& image);

 private:
  static constexpr std::size_t kStep = 4;
  static constexpr std::uint32_t kPieceBits = 16;
  static constexpr std::size_t kPieceMin = 256;
  static constexpr std::size_t kPieceMax = kStep << kPieceBits;

  char* Find(Ref bytes) const { return pieces_[bytes >> kPieceBits].bytes + (bytes % (Ref{1} << kPieceBits)) * kStep; }
  static std::size_t StepsOf(std::size_t size);
  static void Write(char* to, std::string_view bytes);
  Ref MakeRoom(std::size_t steps);
  // Makes room for `size` bytes in one piece.
  void NewPiece(std::size_t size);

  struct Piece {
    char* bytes;
    std::size_t used;
  };

  std::vector<Piece> pieces_;
  std::vector<std::unique_ptr<char[]>> owned_;
  std::shared_ptr<const void> owner_;  // Of the pieces that came from an image.
  std::size_t capacity_ = 0;           // Of the last piece.
  // The room that was freed last, by its steps. Each begins with the Ref of the one freed before it, or 0.
  absl::flat_hash_map<std::size_t, Ref> free_;
};

}  // namespace copse::crdt
