// Two replicas of a tree, each with a store of its own on disk, that exchange what they do over TLS. There is no
// filesystem here: nodes have names, and that is all. Two machines would do the same, in two processes.

#include <stdlib.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "replica.h"

namespace {

using copse::crdt::kRoot;
using copse::crdt::NodeId;
using copse::crdt::TreeReplica;

/// An example ends at the first error.
template <typename T>
T Expect(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "replicated_tree: %s\n", std::string(result.status().message()).c_str());
    std::exit(1);
  }
  return *std::move(result);
}
void Expect(const absl::Status& status) { Expect(status.ok() ? absl::StatusOr<int>(0) : absl::StatusOr<int>(status)); }
void Expect(bool reached, const char* what) {
  Expect(reached ? absl::OkStatus() : absl::DeadlineExceededError(std::string("it did not come to: ") + what));
}

NodeId Create(Replica& replica, NodeId parent, const std::string& name) {
  return replica.With([&](TreeReplica& tree) {
    const NodeId node = tree.NodeOfNextOp(0);
    Expect(tree.Submit({{node, copse::crdt::Place{parent, name}, std::nullopt, {}}}).status());
    return node;
  });
}

void Move(Replica& replica, NodeId node, NodeId parent, const std::string& name) {
  replica.With([&](TreeReplica& tree) {
    Expect(tree.Submit({{node, copse::crdt::Place{parent, name}, std::nullopt, {}}}).status());
  });
}

std::string Text(const copse::crdt::Tree& tree, NodeId node = kRoot, std::size_t indent = 2) {
  std::string text;
  for (const NodeId child : tree.ChildrenOf(node)) {
    text +=
        std::string(indent, ' ') + std::string(tree.PlacementOf(child)->name) + "\n" + Text(tree, child, indent + 2);
  }
  return text;
}

std::string Text(Replica& replica) {
  return replica.With([](TreeReplica& tree) { return Text(tree.tree()); });
}

/// Waits until `replica` knows every op that `other` knows.
void CatchUp(Replica& replica, Replica& other) {
  const auto version = other.With([](TreeReplica& tree) { return tree.version(); });
  Expect(replica.WaitUntil([&](TreeReplica& tree) { return tree.version().Covers(version); }), "catching up");
}

/// Makes the store `path` a replica of the volume of the invitation, and opens it: the way of every new member.
std::unique_ptr<Replica> Join(Machine& machine, const std::string& path, const std::string& invitation_text) {
  const auto invitation = Expect(copse::replica::DecodeInvitation(invitation_text));
  auto joining = Expect(copse::replica::Joining::Begin(machine.storage, machine.random, path, invitation, "second"));
  const std::string peer = invitation.endpoints.front();
  const std::string welcome = Expect(copse::replica::RequestAdmission(
      machine.network, machine.exchange_executor,
      {peer, joining.signing_secret(), invitation.inviter, invitation.secret, joining.label()}));
  Expect(joining.Admit(machine.storage, welcome));
  auto replica = Expect(Replica::Open(machine, path, true));
  Expect(replica->StartExchange("", peer).status());
  // It may write once it holds what was there when it was admitted.
  Expect(replica->WaitUntil([&](TreeReplica&) { return joining.HasAll(replica->store()); }), "fetching the volume");
  Expect(joining.Finish(machine.storage));
  return replica;
}

void Play(const std::string& directory) {
  Machine machine;
  {
    Expect(copse::replica::Store::Create(machine.for_store(), directory + "/first", "first"));
    const auto first = Expect(Replica::Open(machine, directory + "/first"));
    const NodeId trees = Create(*first, kRoot, "trees");
    const NodeId oak = Create(*first, trees, "oak");
    std::printf("The first replica makes a volume:\n%s", Text(*first).c_str());

    const std::string listening = Expect(first->StartExchange("127.0.0.1:0", ""));
    const auto invitation =
        Expect(first->store().Invite(copse::replica::Role::kWriter, std::chrono::hours(1), {listening}));
    const auto second = Join(machine, directory + "/second", EncodeInvitation(invitation));
    std::printf("\nThe second joins, with an invitation of one line, and has it too:\n%s", Text(*second).c_str());

    Create(*first, trees, "hazel");
    const NodeId shrubs = Create(*second, kRoot, "shrubs");
    Move(*second, oak, shrubs, "dwarf oak");
    CatchUp(*first, *second);
    CatchUp(*second, *first);
    std::printf("\nBoth write at the same time, and both have:\n%s", Text(*first).c_str());
    Expect(Text(*first) == Text(*second), "equal trees");
    Expect(first->store().Sync());
    Expect(second->store().Sync());
  }
  const auto again = Expect(Replica::Open(machine, directory + "/second"));
  std::printf("\nThe second is opened again, alone:\n%s", Text(*again).c_str());
  std::printf("\nIts store holds %s.\n", Expect(again->store().Verify()).problems.empty() ? "no damage" : "damage");
}

}  // namespace

int main() {
  std::string directory = std::filesystem::temp_directory_path() / "copse-replicated-tree-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    std::perror("replicated_tree: mkdtemp");
    return 1;
  }
  Play(directory);
  std::filesystem::remove_all(directory);
  return 0;
}
