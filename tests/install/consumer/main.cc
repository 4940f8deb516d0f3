// The ten lines that a program needs to have a tree: installed headers and library only.

#include <copse/crdt/journal.h>
#include <copse/crdt/tree_replica.h>

#include <cstdio>

int main() {
  copse::crdt::NullJournal journal;
  copse::crdt::TreeReplica replica(1, journal);
  const copse::crdt::NodeId node = replica.NodeOfNextOp(0);
  const auto made = replica.Submit({{node, copse::crdt::Place{copse::crdt::kRoot, "hello"}, {}, {}}});
  if (!made.ok()) return 1;
  std::printf("%s\n", std::string(replica.tree().PlacementOf(node)->name).c_str());
  return 0;
}
