// Ops as columns: docs/format/columns.md. Each op has a shape, which says where it differs from what was to be expected
// (its author's next counter, a node of its own, the parent named last, ...). Shapes are foreseen from shapes and coded
// as lengths of runs that were; nodes named before are indices into tables that the reader builds in the same way, in
// as few bits as the tables need. What no table has is an exception and written out.

#include <absl/container/flat_hash_map.h>
#include <copse/crdt/bytes.h>
#include <copse/crdt/op_columns.h>

#include <optional>
#include <utility>

#include "bit_stream.h"
#include "check.h"
#include "op_columns_format.h"
#include "op_parts.h"

namespace copse::crdt {
namespace {

using namespace columns;

class ShapeWriter {
 public:
  void Put(Shape shape) {
    if (shape == forecast_.Expected()) {
      ++foreseen_;
    } else {
      bits_.Gamma(foreseen_ + 1);
      foreseen_ = 0;
      PutSurprise(shape);
    }
    forecast_.Saw(shape);
  }

  std::string Take() && {
    if (foreseen_ > 0) bits_.Gamma(foreseen_ + 1);
    return std::move(bits_).Take();
  }

 private:
  void PutSurprise(Shape shape) {
    const std::size_t rank = recent_.RankOf(shape);
    bits_.Gamma(rank + 1);
    if (rank < recent_.size()) {
      recent_.ToFront(rank);
    } else {
      bits_.Bits(shape, kShapeBits);
      recent_.AddToFront(shape);
    }
  }

  BitWriter bits_;
  ShapeForecast forecast_;
  RecentShapes recent_;
  std::uint64_t foreseen_ = 0;
};

/// Lengths, each followed by how often it comes again if it does.
class LengthWriter {
 public:
  void Put(std::size_t length) {
    if (times_ > 0 && length == length_) {
      ++times_;
      return;
    }
    Flush();
    length_ = length;
    times_ = 1;
  }
  std::string Take() && {
    Flush();
    return std::move(bytes_).Take();
  }

 private:
  void Flush() {
    if (times_ == 0) return;
    bytes_.Varint(std::uint64_t{length_} * 2 + (times_ > 1 ? 1 : 0));
    if (times_ > 1) bytes_.Varint(times_ - 2);
  }

  ByteWriter bytes_;
  std::size_t length_ = 0;
  std::uint64_t times_ = 0;
};

class Writer {
 public:
  void PutOp(const Op& op) {
    Shape shape = op.ends_batch ? kEndsBatch : 0;
    shape |= PutTime(op.time);
    shape |= ShapeOf(PutChild(op));
    if (op.place) shape |= ShapeOf(PutParent(op.place->parent));
    if (op.guard) shape |= ShapeOf(PutGuard(op));
    if (op.place) {
      lengths_.Put(op.place->name.size());
      names_.Raw(op.place->name);
      nodes_[child_].claim = op.time;
    }
    if (!op.fields.empty()) {
      shape |= kHasFields;
      PutFields(fields_, op);
    }
    shapes_.Put(shape);
  }

  std::string Take(std::size_t count) && {
    const std::string columns[] = {std::move(shapes_).Take(),     std::move(references_).Take(),
                                   std::move(exceptions_).Take(), std::move(lengths_).Take(),
                                   std::move(fields_).Take(),     std::move(names_).Take()};
    ByteWriter bytes;
    bytes.Raw(kMagic);
    bytes.U16(kFormat);
    bytes.Varint(count);
    for (const std::string& column : columns) bytes.Varint(column.size());
    for (const std::string& column : columns) bytes.Raw(column);
    std::string all = std::move(bytes).Take();
    all.resize(std::max(all.size(), (count + kOpsPerByteMax - 1) / kOpsPerByteMax), '\0');
    return all;
  }

 private:
  struct Author {
    std::size_t index;
    std::uint64_t counter = 0;
  };

  Shape PutTime(Timestamp time) {
    Shape shape = 0;
    const auto [found, is_new] = authors_.try_emplace(time.actor(), Author{authors_.size()});
    Author& author = found->second;
    if (author_ != author.index) {
      shape |= kOtherActor;
      exceptions_.Varint(author.index);
      if (is_new) exceptions_.Varint(time.actor());
      author_ = author.index;
    }
    if (time.counter() != author.counter + 1) {
      shape |= kOtherCounter;
      crdt::PutTime(exceptions_, time, Stamp{time.actor(), author.counter});
    }
    author.counter = time.counter();
    return shape;
  }

  Child PutChild(const Op& op) {
    if (op.child == op.time.node()) {
      Learn(op.child);
      return Child::kMade;
    }
    if (!nodes_.empty() && op.child == nodes_[child_].node) return Child::kSame;
    const auto found = index_of_node_.find(op.child);
    if (found != index_of_node_.end()) {
      child_ = found->second;
      references_.Bits(child_, IndexBits(nodes_.size()));
      return Child::kKnown;
    }
    PutNode(exceptions_, op.child, exceptional_child_);
    exceptional_child_ = op.child;
    Learn(op.child);
    return Child::kException;
  }

  void Learn(NodeId child) {
    child_ = nodes_.size();
    nodes_.emplace_back(child);
    index_of_node_[child] = child_;
  }

  Parent PutParent(NodeId parent) {
    if (parent == kRoot) return Parent::kRoot;
    if (parent == kFileInodes) return Parent::kFileInodes;
    if (parent == kTrash) return Parent::kTrash;
    if (parent == parent_) return Parent::kSame;
    parent_ = parent;
    const auto [as_parent, is_new] = index_of_parent_.try_emplace(parent, index_of_parent_.size());
    if (!is_new) {
      references_.Bits(as_parent->second, IndexBits(index_of_parent_.size()));
      return Parent::kKnownParent;
    }
    const auto as_node = index_of_node_.find(parent);
    if (as_node != index_of_node_.end()) {
      references_.Bits(as_node->second, IndexBits(nodes_.size()));
      return Parent::kKnownNode;
    }
    PutNode(exceptions_, parent, exceptional_parent_);
    exceptional_parent_ = parent;
    return Parent::kException;
  }

  Guard PutGuard(const Op& op) {
    if (*op.guard == nodes_[child_].claim) return Guard::kClaim;
    crdt::PutTime(exceptions_, *op.guard, StampOf(op.child));
    return Guard::kException;
  }

  ShapeWriter shapes_;
  BitWriter references_;
  ByteWriter exceptions_;
  LengthWriter lengths_;
  ByteWriter fields_;
  ByteWriter names_;

  absl::flat_hash_map<ActorId, Author> authors_;
  std::optional<std::size_t> author_;
  std::vector<Known> nodes_;
  absl::flat_hash_map<NodeId, std::size_t> index_of_node_;
  std::size_t child_ = 0;
  NodeId exceptional_child_;
  absl::flat_hash_map<NodeId, std::size_t> index_of_parent_;
  NodeId parent_;
  NodeId exceptional_parent_;
};

}  // namespace

std::string EncodeOpColumns(std::span<const Op> ops) {
  Writer writer;
  for (const Op& op : ops) writer.PutOp(op);
  return std::move(writer).Take(ops.size());
}

}  // namespace copse::crdt
