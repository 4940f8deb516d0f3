// Reads what op_columns_writer.cc writes, from bytes that may be hostile; keeps the same tables, without hashing.
//
// Ops name nodes all over a table that is larger than the processor's caches. So shapes and indices are read for some
// ops ahead, and the entries asked for: they have come when the ops themselves are made.

#include <copse/crdt/bytes.h>
#include <copse/crdt/op_columns.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "bring_near.h"
#include "op_columns_parts.h"
#include "op_parts.h"
#include "status_macros.h"

namespace copse::crdt {
namespace {

using namespace columns;

class Reader {
 public:
  Reader(std::string_view input, const Layout& layout)
      : shapes_(Bits(input, layout, Layout::kShapes)),
        references_(Bits(input, layout, Layout::kReferences)),
        exceptions_(Bytes(input, layout, Layout::kExceptions)),
        lengths_(Bytes(input, layout, Layout::kLengths)),
        fields_(Bytes(input, layout, Layout::kFields)),
        names_(Bytes(input, layout, Layout::kNames)) {}

  /// Adds the next `count` ops to `ops`.
  absl::Status ReadOps(std::size_t count, std::vector<Op>& ops) {
    for (std::size_t left = count; left > 0;) {
      const std::size_t size = std::min(left, kAhead);
      for (std::size_t i = 0; i < size; ++i) {
        CRDT_RETURN_IF_ERROR(ReadAhead(ahead_[i]));
      }
      for (std::size_t i = 0; i < size; ++i) {
        CRDT_RETURN_IF_ERROR(ReadOp(ahead_[i], ops));
      }
      left -= size;
    }
    return absl::OkStatus();
  }

  absl::Status ExpectEnd() const {
    CRDT_RETURN_IF_ERROR(shapes_.ExpectEnd());
    CRDT_RETURN_IF_ERROR(references_.ExpectEnd());
    CRDT_RETURN_IF_ERROR(exceptions_.ExpectEnd());
    CRDT_RETURN_IF_ERROR(lengths_.ExpectEnd());
    CRDT_RETURN_IF_ERROR(fields_.ExpectEnd());
    return names_.ExpectEnd();
  }

 private:
  static constexpr std::size_t kAhead = 64;

  /// What is known of an op before its turn.
  struct Ahead {
    Shape shape = 0;
    std::size_t child = 0;   // Its index, where it is known.
    std::size_t parent = 0;  // The same, in either table.
  };
  struct Author {
    ActorId actor;
    std::uint64_t counter = 0;
  };

  static BitReader Bits(std::string_view input, const Layout& layout, Layout::Column column) {
    return {input, layout.bounds[column], layout.bounds[column + 1]};
  }
  // All up to its end, so that offsets are those of the input.
  static ByteReader Bytes(std::string_view input, const Layout& layout, Layout::Column column) {
    ByteReader bytes(input.substr(0, layout.bounds[column + 1]));
    bytes.Raw(layout.bounds[column]).IgnoreError();
    return bytes;
  }

  absl::Status ReadAhead(Ahead& ahead) {
    CRDT_ASSIGN_OR_RETURN(ahead.shape, shapes_.Next());
    const Child child = ChildOf(ahead.shape);
    if (child == Child::kKnown) {
      CRDT_ASSIGN_OR_RETURN(ahead.child, ReadIndex(nodes_ahead_));
      if (ahead.child < nodes_.size()) BringNear(&nodes_[ahead.child]);
    } else if (child != Child::kSame) {
      ++nodes_ahead_;
    }
    const Parent parent = ParentOf(ahead.shape);
    if (parent == Parent::kKnownParent) {
      CRDT_ASSIGN_OR_RETURN(ahead.parent, ReadIndex(parents_ahead_));
      if (ahead.parent < parents_.size()) BringNear(&parents_[ahead.parent]);
    } else if (parent == Parent::kKnownNode) {
      CRDT_ASSIGN_OR_RETURN(ahead.parent, ReadIndex(nodes_ahead_));
      ++parents_ahead_;
    } else if (parent == Parent::kException) {
      ++parents_ahead_;
    }
    return absl::OkStatus();
  }

  absl::Status ReadOp(const Ahead& ahead, std::vector<Op>& ops) {
    const Shape shape = ahead.shape;
    CRDT_ASSIGN_OR_RETURN(const Timestamp time, ReadTime(shape));
    CRDT_RETURN_IF_ERROR(ReadChild(ahead, time));
    // Given whole: g++ 12 fills an op that is made in place with zeros first, which takes a fifth of all the time.
    Op& op = ops.emplace_back(Op{time, nodes_[child_].node, {}, {}, {}, (shape & kEndsBatch) != 0});
    if (ParentOf(shape) != Parent::kNone) {
      CRDT_RETURN_IF_ERROR(ReadParent(ahead, op.place.emplace().parent));
    }
    if (GuardOf(shape) != Guard::kNone) {
      CRDT_RETURN_IF_ERROR(ReadGuard(GuardOf(shape), op));
    }
    if (op.place) {
      CRDT_RETURN_IF_ERROR(ReadName(op.place->name));
      nodes_[child_].claim = time;
    }
    if ((shape & kHasFields) != 0) {
      CRDT_ASSIGN_OR_RETURN(op.fields, GetFields(fields_, time));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Timestamp> ReadTime(Shape shape) {
    if ((shape & kOtherActor) != 0) {
      CRDT_RETURN_IF_ERROR(ReadActor());
    }
    if (authors_.empty()) return exceptions_.Error("the actor of the first op");
    Author& author = authors_[author_];
    Timestamp time = Timestamp::Of(author.counter + 1, author.actor);
    if ((shape & kOtherCounter) != 0) {
      CRDT_ASSIGN_OR_RETURN(time, GetTime(exceptions_, Stamp{author.actor, author.counter}));
      if (time.actor() != author.actor) return exceptions_.Error("a time of the same actor before here");
    } else if (author.counter == kCounterMax) {
      return exceptions_.Error("a counter of 48 bits");
    }
    author.counter = time.counter();
    return time;
  }

  absl::Status ReadActor() {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t index, exceptions_.Varint());
    if (index > authors_.size()) return exceptions_.Error("an actor that was named before here");
    author_ = static_cast<std::size_t>(index);
    if (index < authors_.size()) return absl::OkStatus();
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t actor, exceptions_.Varint());
    if (actor > std::numeric_limits<ActorId>::max()) return exceptions_.Error("an actor of 16 bits before here");
    authors_.push_back(Author{static_cast<ActorId>(actor)});
    return absl::OkStatus();
  }

  absl::Status ReadChild(const Ahead& ahead, Timestamp time) {
    switch (ChildOf(ahead.shape)) {
      case Child::kMade:
        Learn(time.node());
        break;
      case Child::kSame:
        if (nodes_.empty()) return exceptions_.Error("the child of the first op");
        break;
      case Child::kKnown:
        child_ = ahead.child;
        break;
      case Child::kException: {
        CRDT_ASSIGN_OR_RETURN(exceptional_child_, GetNode(exceptions_, exceptional_child_));
        Learn(exceptional_child_);
        break;
      }
    }
    return absl::OkStatus();
  }

  void Learn(NodeId child) {
    child_ = nodes_.size();
    nodes_.emplace_back(child);
  }

  absl::Status ReadParent(const Ahead& ahead, NodeId& parent) {
    switch (ParentOf(ahead.shape)) {
      case Parent::kNone:
      case Parent::kRoot:
        parent = kRoot;
        return absl::OkStatus();
      case Parent::kFileInodes:
        parent = kFileInodes;
        return absl::OkStatus();
      case Parent::kTrash:
        parent = kTrash;
        return absl::OkStatus();
      case Parent::kSame:
        break;
      case Parent::kKnownParent:
        parent_ = parents_[ahead.parent];
        break;
      case Parent::kKnownNode:
        parent_ = nodes_[ahead.parent].node;
        parents_.push_back(parent_);
        break;
      case Parent::kException: {
        CRDT_ASSIGN_OR_RETURN(exceptional_parent_, GetNode(exceptions_, exceptional_parent_));
        parent_ = exceptional_parent_;
        parents_.push_back(parent_);
        break;
      }
    }
    parent = parent_;
    return absl::OkStatus();
  }

  absl::StatusOr<std::size_t> ReadIndex(std::size_t size) {
    if (size == 0) return references_.Error("no index, since nothing was named yet");
    const auto index = static_cast<std::size_t>(references_.Bits(IndexBits(size)));
    if (references_.is_damaged() || index >= size) {
      return references_.Error("an index below " + std::to_string(size) + " before here");
    }
    return index;
  }

  absl::Status ReadGuard(Guard how, Op& op) {
    op.guard = nodes_[child_].claim;
    if (how == Guard::kException) {
      CRDT_ASSIGN_OR_RETURN(op.guard, GetTime(exceptions_, StampOf(op.child)));
    }
    return absl::OkStatus();
  }

  absl::Status ReadName(std::string& name) {
    CRDT_ASSIGN_OR_RETURN(const std::uint64_t length, lengths_.Next());
    if (length > names_.remaining()) {
      return names_.Error("a name of " + std::to_string(length) + " bytes, there are " +
                          std::to_string(names_.remaining()));
    }
    CRDT_ASSIGN_OR_RETURN(name, names_.Raw(static_cast<std::size_t>(length)));
    return absl::OkStatus();
  }

  ShapeReader shapes_;
  BitReader references_;
  ByteReader exceptions_;
  LengthReader lengths_;
  ByteReader fields_;
  ByteReader names_;

  std::array<Ahead, kAhead> ahead_;
  std::size_t nodes_ahead_ = 0;  // Those known when the ops read ahead have had their turn.
  std::size_t parents_ahead_ = 0;

  std::vector<Author> authors_;
  std::size_t author_ = 0;
  std::vector<Known> nodes_;
  std::size_t child_ = 0;
  NodeId exceptional_child_;
  std::vector<NodeId> parents_;
  NodeId parent_;
  NodeId exceptional_parent_;
};

}  // namespace

struct OpColumnsReader::State {
  Reader reader;
  std::size_t remaining = 0;
};

OpColumnsReader::OpColumnsReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
OpColumnsReader::OpColumnsReader(OpColumnsReader&& other) noexcept = default;
OpColumnsReader& OpColumnsReader::operator=(OpColumnsReader&& other) noexcept = default;
OpColumnsReader::~OpColumnsReader() = default;

absl::StatusOr<OpColumnsReader> OpColumnsReader::Open(std::string_view bytes, std::size_t ops_max) {
  CRDT_ASSIGN_OR_RETURN(const Layout layout, ReadLayout(bytes, ops_max));
  OpColumnsReader opened(std::make_unique<State>(State{Reader(bytes, layout), layout.count}));
  // Columns that hold something though there are no ops.
  if (layout.count == 0) CRDT_RETURN_IF_ERROR(opened.state_->reader.ExpectEnd());
  return opened;
}

std::size_t OpColumnsReader::remaining() const { return state_->remaining; }

absl::Status OpColumnsReader::Read(std::size_t count, std::vector<Op>& ops) {
  const std::size_t size = std::min(count, state_->remaining);
  ops.clear();
  ops.reserve(size);
  absl::Status status = state_->reader.ReadOps(size, ops);
  state_->remaining -= size;
  if (status.ok() && state_->remaining == 0) status = state_->reader.ExpectEnd();
  if (!status.ok()) {
    state_->remaining = 0;
    ops.clear();
  }
  return status;
}

absl::StatusOr<std::vector<Op>> DecodeOpColumns(std::string_view bytes, std::size_t ops_max) {
  CRDT_ASSIGN_OR_RETURN(OpColumnsReader reader, OpColumnsReader::Open(bytes, ops_max));
  std::vector<Op> ops;
  CRDT_RETURN_IF_ERROR(reader.Read(reader.remaining(), ops));
  return ops;
}

}  // namespace copse::crdt
