#include "projection_ops.h"

#include <rapidcheck.h>

#include <algorithm>
#include <sstream>

#include "projection_fixture.h"

namespace copse::fs_test {
namespace {

using crdt::kRoot;
using crdt::kTrash;
using crdt::NodeId;
using crdt::Op;
using crdt::Timestamp;

/// Makes ops over few nodes and few names, so that they meet. Each is made as if its author had seen some of the
/// others.
class OpMaker {
 public:
  std::vector<Op> Make() {
    const int count = *rc::gen::inRange(1, 45);
    links_much_ = OneIn(3);
    for (int i = 0; i < count; ++i) MakeOne();
    return std::move(ops_);
  }

 private:
  static bool OneIn(int n) { return *rc::gen::inRange(0, n) == 0; }
  template <typename T>
  static T OneOf(const std::vector<T>& values) {
    return values[*rc::gen::inRange<std::size_t>(0, values.size())];
  }
  template <typename T>
  static std::vector<T> SomeOf(const std::vector<T>& values) {
    std::vector<T> some;
    for (const T& value : values) {
      if (OneIn(2)) some.push_back(value);
    }
    return some;
  }
  static std::string Name() { return OneOf<std::string>({"a", "b.c", "a", "a-0001", "a-x"}); }

  Timestamp Tick(crdt::ActorId actor) { return At(++counter_, actor); }
  static crdt::ActorId Actor() { return *rc::gen::inRange<crdt::ActorId>(1, 4); }
  NodeId AnyDirectory() { return OneIn(3) || directories_.empty() ? kRoot : OneOf(directories_); }

  void Add(Op op) {
    if (op.place) claims_[op.child].push_back(op.time);
    ops_.push_back(std::move(op));
  }

  void MakeOne() {
    const crdt::ActorId actor = Actor();
    switch (*rc::gen::inRange(0, 11)) {
      case 0: {
        if (links_much_ && !inodes_.empty()) {
          for (int names = *rc::gen::inRange(1, 5); names > 0; --names) AddDentry(actor, inodes_.front());
          break;
        }
        const NodeId inode = Tick(actor).node();
        Add(Inode(At(inode.counter(), actor), OneIn(8) ? fs::Kind::kSymlink : fs::Kind::kRegular));
        inodes_.push_back(inode);
        AddDentry(actor, inode);
        if (!OneIn(3)) AddEdit(actor, inode);
        break;
      }
      case 1:
      case 2: {
        const Timestamp time = Tick(actor);
        Add(Directory(time, AnyDirectory(), Name()));
        directories_.push_back(time.node());
        break;
      }
      case 3:
        if (!inodes_.empty()) AddDentry(actor, OneOf(inodes_));
        break;
      case 4:
        if (!directories_.empty()) Add(Rename(Tick(actor), OneOf(directories_), AnyDirectory(), Name()));
        break;
      case 5:
        if (!dentries_.empty()) Add(Rename(Tick(actor), OneOf(dentries_).first, AnyParent(), Name()));
        break;
      case 6:  // Rename of what is united.
        if (directories_.size() > 1) {
          const NodeId parent = AnyDirectory();
          const std::string name = Name();
          for (const NodeId node : SomeOf(directories_)) Add(Rename(Tick(actor), node, parent, name));
        }
        break;
      case 7:
        if (!directories_.empty()) AddDeletion(actor, OneOf(directories_));
        break;
      case 8:
        if (links_much_ && !inodes_.empty() && OneIn(2)) {
          AddUnlinkOfAll(actor, inodes_.front());
        } else if (!dentries_.empty()) {
          AddUnlink(actor, OneOf(dentries_));
        }
        break;
      case 9:
        if (!inodes_.empty()) AddEdit(actor, OneOf(inodes_));
        break;
      default:
        AddRareOne(actor);
    }
  }

  // Mostly a directory; sometimes what breaks the types of nodes.
  NodeId AnyParent() { return OneIn(12) ? OneOf(dentries_).first : AnyDirectory(); }

  void AddDentry(crdt::ActorId actor, NodeId inode) {
    const Timestamp time = Tick(actor);
    Add(Dentry(time, AnyDirectory(), Name(), inode));
    dentries_.emplace_back(time.node(), inode);
  }

  void AddEdit(crdt::ActorId actor, NodeId inode) {
    const Timestamp time = Tick(actor);
    Add(Edit(time, inode, OneOf<std::string>({"one", "two", "three"}), SomeOf(heads_[inode])));
    heads_[inode].push_back(time);
  }

  void AddDeletion(crdt::ActorId actor, NodeId node) {
    Op op = Delete(Tick(actor), node, Name(), OneIn(3) ? OneOf(claims_[node]) : claims_[node].back());
    if (OneIn(4)) op.guard.reset();
    Add(std::move(op));
  }

  void AddUnlinkOfAll(crdt::ActorId actor, NodeId inode) {
    std::optional<std::pair<NodeId, NodeId>> last;
    for (const auto& one : std::vector(dentries_)) {
      if (one.second != inode) continue;
      if (last) AddDeletion(actor, last->first);
      last = one;
    }
    if (last) AddUnlink(actor, *last);
  }

  void AddUnlink(crdt::ActorId actor, const std::pair<NodeId, NodeId>& unlinked) {
    const auto [dentry, inode] = unlinked;
    AddDeletion(actor, dentry);
    if (OneIn(3)) return;
    std::vector<Timestamp> dropped = SomeOf(heads_[inode]);
    std::vector<Timestamp> kept = OneIn(2) ? SomeOf(heads_[inode]) : std::vector<Timestamp>();
    const Timestamp time = Tick(actor);
    Add(Unlinked(time, inode, std::move(dropped), std::move(kept),
                 OneIn(5) ? unlinked_[inode] : std::vector<Timestamp>()));
    unlinked_[inode].push_back(time);
  }

  void AddRareOne(crdt::ActorId actor) {
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        Add(Label(Tick(actor), OneOf<std::string>({"x", "y", "laptop"})));
        break;
      case 1:
        if (!dentries_.empty()) {
          const auto [dentry, inode] = OneOf(dentries_);
          Add(Purge(Tick(actor), dentry, OneOf(claims_[dentry]), OneIn(2) ? heads_[inode] : SomeOf(heads_[inode])));
        }
        break;
      case 2:  // An inode where none belongs, and back.
        if (!inodes_.empty()) {
          const NodeId inode = OneOf(inodes_);
          Add(Rename(Tick(actor), inode, kTrash, "x"));
          if (OneIn(2)) Add(Rename(Tick(actor), inode, crdt::kFileInodes, ""));
        }
        break;
      default:
        if (!directories_.empty() && !dentries_.empty()) {
          Add(Rename(Tick(actor), OneOf(directories_), AnyParent(), Name()));
        }
    }
  }

  bool links_much_ = false;  ///< One inode gets nearly all names.
  std::uint64_t counter_ = 0;
  std::vector<Op> ops_;
  std::vector<NodeId> directories_;
  std::vector<NodeId> inodes_;
  std::vector<std::pair<NodeId, NodeId>> dentries_;  // With their inodes.
  std::map<NodeId, std::vector<Timestamp>> claims_;
  std::map<NodeId, std::vector<Timestamp>> heads_;
  std::map<NodeId, std::vector<Timestamp>> unlinked_;
};

}  // namespace

std::vector<Op> RandomOps() { return OpMaker().Make(); }

std::vector<std::vector<Op>> InRandomOrderAndPieces(std::vector<Op> ops) {
  if (*rc::gen::inRange(0, 3) > 0) {
    for (std::size_t i = ops.size(); i > 1; --i) std::swap(ops[i - 1], ops[*rc::gen::inRange<std::size_t>(0, i)]);
  }
  std::vector<std::vector<Op>> pieces;
  for (std::size_t at = 0; at < ops.size();) {
    const std::size_t end = std::min(ops.size(), at + *rc::gen::inRange<std::size_t>(1, 6));
    pieces.emplace_back(ops.begin() + static_cast<std::ptrdiff_t>(at), ops.begin() + static_cast<std::ptrdiff_t>(end));
    at = end;
  }
  return pieces;
}

std::string Describe(const std::vector<std::vector<Op>>& pieces) {
  std::ostringstream out;
  const auto id = [](NodeId node) { return std::to_string(node.counter()) + "@" + std::to_string(node.actor()); };
  for (const auto& piece : pieces) {
    out << "piece\n";
    for (const Op& op : piece) {
      out << "  " << id(op.time.node()) << ": " << id(op.child);
      if (op.place) out << " to " << id(op.place->parent) << " '" << op.place->name << "'";
      if (op.guard) out << " guard " << id(op.guard->node());
      for (const crdt::Field& field : op.fields) {
        out << " register " << field.id.number;
        if (field.id.number == fs::schema::kUnlinked) {
          const auto unlinked = fs::schema::DecodeUnlinked(*field.value);
          for (const Timestamp head : unlinked->dropped) out << " dropped " << id(head.node());
          for (const Timestamp head : unlinked->kept) out << " kept " << id(head.node());
        }
        for (const Timestamp one : field.replaces.value_or(std::vector<Timestamp>()))
          out << " replaces " << id(one.node());
      }
      out << "\n";
    }
  }
  return out.str();
}

}  // namespace copse::fs_test
