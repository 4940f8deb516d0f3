#pragma once

#include <copse/crdt/ids.h>
#include <copse/crdt/timestamp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

namespace copse::crdt::columns {

// What writer and reader of op columns share: docs/format/columns.md.

inline constexpr std::string_view kMagic = "cpoc";
inline constexpr std::uint16_t kFormat = 1;
/// An encoding has at least a byte for so many ops; see op_columns.h.
inline constexpr std::size_t kOpsPerByteMax = 8;

/// What is to be said of an op, beside numbers and bytes; most ops of a run have one of a few shapes.
using Shape = std::uint16_t;
inline constexpr int kShapeBits = 11;
inline constexpr std::size_t kShapeCount = std::size_t{1} << kShapeBits;

inline constexpr Shape kEndsBatch = 1 << 0;
inline constexpr Shape kOtherActor = 1 << 1;
inline constexpr Shape kOtherCounter = 1 << 2;
inline constexpr Shape kHasFields = 1 << 3;

inline constexpr int kChildShift = 4;
inline constexpr Shape kChildMask = 3;
enum class Child : Shape { kMade, kSame, kKnown, kException };

inline constexpr int kParentShift = 6;
inline constexpr Shape kParentMask = 7;
enum class Parent : Shape { kNone, kSame, kRoot, kFileInodes, kTrash, kKnownParent, kKnownNode, kException };

inline constexpr int kGuardShift = 9;
inline constexpr Shape kGuardMask = 3;
enum class Guard : Shape { kNone, kClaim, kException, kRefused };

constexpr Child ChildOf(Shape shape) { return static_cast<Child>((shape >> kChildShift) & kChildMask); }
constexpr Parent ParentOf(Shape shape) { return static_cast<Parent>((shape >> kParentShift) & kParentMask); }
constexpr Guard GuardOf(Shape shape) { return static_cast<Guard>((shape >> kGuardShift) & kGuardMask); }
constexpr Shape ShapeOf(Child child) { return static_cast<Shape>(static_cast<Shape>(child) << kChildShift); }
constexpr Shape ShapeOf(Parent parent) { return static_cast<Shape>(static_cast<Shape>(parent) << kParentShift); }
constexpr Shape ShapeOf(Guard guard) { return static_cast<Shape>(static_cast<Shape>(guard) << kGuardShift); }

/// A node that was the child of an op, and the time of the last op so far that placed it; until then that of its
/// making.
struct Known {
  NodeId node;
  Timestamp claim;

  explicit Known(NodeId of) : node(of), claim(Timestamp::Of(of.counter(), of.actor())) {}
};

/// Bits of an index below `size`.
constexpr int IndexBits(std::size_t size) { return static_cast<int>(std::bit_width(size - 1)); }

/// Which shape comes next: the one that came after the last time this one did. So ops that alternate, as a file's inode
/// and its name do, are foreseen.
class ShapeForecast {
 public:
  Shape Expected() const { return next_[last_]; }
  void Saw(Shape shape) {
    next_[last_] = shape;
    last_ = shape;
  }

 private:
  std::array<Shape, kShapeCount> next_{};
  Shape last_ = 0;
};

/// The shapes that were not foreseen, the latest first.
class RecentShapes {
 public:
  std::size_t size() const { return shapes_.size(); }
  /// `size()` if there is no such.
  std::size_t RankOf(Shape shape) const {
    return static_cast<std::size_t>(std::find(shapes_.begin(), shapes_.end(), shape) - shapes_.begin());
  }
  Shape ToFront(std::size_t rank) {
    const auto at = shapes_.begin() + static_cast<std::ptrdiff_t>(rank);
    std::rotate(shapes_.begin(), at, at + 1);
    return shapes_.front();
  }
  void AddToFront(Shape shape) { shapes_.insert(shapes_.begin(), shape); }

 private:
  std::vector<Shape> shapes_;
};

}  // namespace copse::crdt::columns
