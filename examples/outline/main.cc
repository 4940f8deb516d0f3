// A collaborative outliner: two people, two replicas, no server. Everything is in memory and in one process; in a
// program of yours the bytes that Synchronize passes from hand to hand go over a wire.

#include <copse/crdt/document.h>
#include <copse/crdt/position.h>

#include <cstdio>
#include <string>

namespace {

using copse::crdt::kRoot;
using copse::crdt::NodeId;

/// What a node holds. The one function makes it bytes in ops, and serves Boost.Serialization too.
struct Item {
  std::string text;
  bool done = false;
  std::string position;  // Where it stands among its siblings.

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& text& done& position;
  }
};

/// Errors in this example are mistakes in it.
template <typename T>
T Expect(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "outline: %s\n", std::string(result.status().message()).c_str());
    std::exit(1);
  }
  return *std::move(result);
}
void Expect(const absl::Status& status) { Expect(status.ok() ? absl::StatusOr<int>(0) : absl::StatusOr<int>(status)); }

class Outline {
 public:
  Outline(std::string owner, copse::crdt::ActorId actor) : owner_(std::move(owner)), document_(actor) {}

  /// Adds a line below `parent`, after its child `previous`, or as its first.
  NodeId Add(NodeId parent, std::string text, NodeId previous = {}) {
    return Expect(document_.Create(parent, {std::move(text), false, PositionAfter(parent, previous)}));
  }
  void Rename(NodeId node, std::string text) {
    Item item = *document_.MetaOf(node);
    item.text = std::move(text);
    Expect(document_.SetMeta(node, item));
  }
  void Tick(NodeId node) {
    Item item = *document_.MetaOf(node);
    item.done = true;
    Expect(document_.SetMeta(node, item));
  }
  void Move(NodeId node, NodeId parent, NodeId previous = {}) {
    Item item = *document_.MetaOf(node);
    item.position = PositionAfter(parent, previous);
    Expect(document_.Move(node, parent, item));
  }
  void Delete(NodeId node) { Expect(document_.Delete(node)); }
  void Undo() { document_.Undo(); }
  void Redo() { document_.Redo(); }

  /// Takes in what `other` has and this one has not. Says what that changes.
  void MergeFrom(const Outline& other) {
    const std::string bytes = EncodeOpDelta(other.document_.OpsSince(document_.version()));
    for (const auto& event : Expect(document_.Merge(Expect(copse::crdt::DecodeOpDelta(bytes))))) {
      const auto in_trash = [](const auto& where) { return where && where->parent == copse::crdt::kTrash; };
      const char* what = in_trash(event.after)    ? "is deleted"
                         : in_trash(event.before) ? "is back"
                         : event.before           ? "changes"
                                                  : "is new";
      std::printf("  %s sees: '%s' %s\n", owner_.c_str(), event.after->meta.text.c_str(), what);
    }
  }

  void Print(const char* title) const {
    std::printf("%s\n", title);
    Print(kRoot, 2);
  }

 private:
  static bool InOrder(const Item& a, const Item& b) { return a.position < b.position; }

  std::string PositionAfter(NodeId parent, NodeId previous) const {
    std::string before;
    std::string after;
    for (const NodeId child : document_.Children(parent, InOrder)) {
      if (child == previous) {
        before = document_.MetaOf(child)->position;
      } else if (before.empty() == (previous == NodeId{})) {
        after = document_.MetaOf(child)->position;
        break;
      }
    }
    return Expect(copse::crdt::PositionBetween(before, after, document_.next_time()));
  }

  // An outline is as deep as people indent; a program that takes in deeper ones would not recurse.
  void Print(NodeId node, int indent) const {
    for (const NodeId child : document_.Children(node, InOrder)) {
      const Item item = *document_.MetaOf(child);
      std::printf("%*s[%c] %s\n", indent, "", item.done ? 'x' : ' ', item.text.c_str());
      Print(child, indent + 4);
    }
  }

  std::string owner_;
  copse::crdt::Document<Item> document_;
};

void Synchronize(Outline& one, Outline& two) {
  one.MergeFrom(two);
  two.MergeFrom(one);
}

}  // namespace

int main() {
  Outline ann("Ann", 1);
  Outline bob("Bob", 2);

  const NodeId party = ann.Add(kRoot, "Party");
  const NodeId guests = ann.Add(party, "Invite guests");
  const NodeId food = ann.Add(party, "Food", guests);
  const NodeId cake = ann.Add(food, "Bake a cake");
  ann.Print("Ann makes an outline:");
  Synchronize(ann, bob);

  std::printf("\nBoth go offline. Ann adds drinks and ticks the guests off; Bob adds music at the same place.\n");
  const NodeId drinks = ann.Add(party, "Drinks", food);
  ann.Add(party, "Ice", drinks);
  ann.Tick(guests);
  const NodeId music = bob.Add(party, "Music", food);
  bob.Add(party, "Speakers", music);
  Synchronize(ann, bob);
  ann.Print("What each wrote stands together:");

  std::printf("\nAnn deletes 'Food'; Bob, who has not seen that, renames it.\n");
  ann.Delete(food);
  ann.Print("Ann, before they meet:");
  bob.Rename(food, "Food for twelve");
  Synchronize(ann, bob);
  ann.Print("The change wins over a deletion that did not know of it:");

  std::printf("\nAnn moves 'Food' into 'Drinks' while Bob moves 'Drinks' into 'Food'.\n");
  ann.Move(food, drinks);
  bob.Move(drinks, food);
  Synchronize(ann, bob);
  ann.Print("One of the two counts, the same for both, and nothing is lost:");

  std::printf("\nBob deletes the cake, thinks better of it, and undoes.\n");
  bob.Delete(cake);
  Synchronize(ann, bob);
  bob.Undo();
  Synchronize(ann, bob);
  ann.Print("It is the same cake, at Ann's too:");

  std::printf(
      "\nBob's move did not count, and 'Food' was changed since he renamed it: his next undo takes the speakers.\n");
  bob.Undo();
  Synchronize(ann, bob);
  ann.Print("Without speakers:");
  bob.Redo();
  Synchronize(ann, bob);
  ann.Print("Bob did it again:");
  return 0;
}
