#pragma once

#include <copse/replica/member.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace copse::replica {

/// Who belongs to the volume: a function of the grants in the feeds, beginning with the key of who made the volume.
///
/// Actors are handed out without a coordinator: an admin's range is its own, its first kOwnActors are itself and its
/// spares, and the rest it hands out from below, each grant beginning where the one before it ended or later. A grant
/// that breaks this, so also one that hands out an actor twice, makes nobody a member. Since the grants of one feed
/// come in its order, and no grant depends on those of other admins but through its granter's own, all replicas decide
/// alike. A key that was let in several times is a member under each of these actors. Not thread-safe.
class Members {
 public:
  static constexpr unsigned kOwnActors = 16;     ///< What a writer gets: one to use and 15 spares.
  static constexpr unsigned kAdminActors = 256;  ///< What an admin gets.

  /// The volume was made by the owner of `founder`, which is actor 1 and holds every range.
  explicit Members(std::string founder);

  /// Takes in the next grant of `granter`'s feed; returns whether it made, or names, a member.
  bool Add(crdt::ActorId granter, const Grant& grant);

  /// A grant of one feed that makes nobody a member.
  struct Ineffective {
    crdt::ActorId granter = 0;
    Grant grant;
  };
  /// Takes in all grants of all feeds, each feed's in its order; the feeds may come in any order. Returns those that
  /// make nobody a member, ascending by granter, each feed's in its order.
  std::vector<Ineffective> AddAll(const std::map<crdt::ActorId, std::vector<Grant>>& grants);

  /// Who writes ops of `actor`; nullptr if nobody does. Nobody writes as one of its spares yet: what is stable here is
  /// reckoned by the actors that members have, and an op of any other could come below that.
  const Member* OfActor(crdt::ActorId actor) const;
  /// Of several, the one with the lowest actor.
  const Member* OfKey(const std::string& key) const;
  const Member* OfLabel(const std::string& label) const;
  /// Ascending by actor.
  std::vector<Member> All() const;

  /// What `granter` would hand out next; nothing if it may not, or has nothing left.
  std::optional<std::pair<crdt::ActorId, crdt::ActorId>> NextRange(crdt::ActorId granter, Role role) const;

 private:
  std::map<crdt::ActorId, Member> by_actor_;
  std::map<std::string, crdt::ActorId> by_key_;
  std::map<crdt::ActorId, crdt::ActorId> handed_out_;  // Of each admin that granted: where its next range may begin.
};

}  // namespace copse::replica
