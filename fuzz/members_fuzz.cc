// Any grants in any feeds, of members or not: whoever reads the feeds in whatever order finds the same members, who
// hold disjoint ranges; and a range that is handed out next is accepted.

#include <algorithm>
#include <set>

#include "choices.h"
#include "fuzz.h"
#include "members.h"

namespace copse::fuzz {
namespace {

using crdt::ActorId;
using replica::Grant;
using replica::Member;
using replica::Members;
using replica::Role;

constexpr unsigned kKeys = 5;
constexpr std::size_t kGrantsMax = 24;
const std::string kFounder(32, 'f');

std::string KeyOf(unsigned number) { return number == 0 ? kFounder : std::string(32, static_cast<char>('0' + number)); }

/// What a replica that reads the grants one by one knows after them.
class Reader {
 public:
  explicit Reader(const std::map<ActorId, std::vector<Grant>>& feeds) : feeds_(feeds) {}

  const Members& members() const { return members_; }

  /// Reads the next grant of `granter`'s feed, unless it is no member, whose frames nobody takes.
  bool Read(ActorId granter) {
    const auto feed = feeds_.find(granter);
    std::size_t& next = read_[granter];
    if (feed == feeds_.end() || next == feed->second.size() || members_.OfActor(granter) == nullptr) return false;
    members_.Add(granter, feed->second[next++]);
    return true;
  }
  void ReadAll(bool backward) {
    std::vector<ActorId> granters;
    for (const auto& [granter, grants] : feeds_) granters.push_back(granter);
    if (backward) std::reverse(granters.begin(), granters.end());
    while (std::any_of(granters.begin(), granters.end(), [this](ActorId granter) { return Read(granter); })) {
    }
  }

 private:
  const std::map<ActorId, std::vector<Grant>>& feeds_;
  std::map<ActorId, std::size_t> read_;
  Members members_{kFounder};
};

/// Grants as bytes decide them, most of them such as the granter may make.
std::map<ActorId, std::vector<Grant>> AnyFeeds(Choices& choices) {
  std::map<ActorId, std::vector<Grant>> feeds;
  Members members(kFounder);
  for (std::size_t left = kGrantsMax; left > 0 && !choices.is_done(); --left) {
    const std::vector<Member> all = members.All();
    ActorId granter = all[choices.Below(static_cast<unsigned>(all.size()))].grant.actor;
    if (choices.Below(8) == 0) granter = static_cast<ActorId>(granter + choices.Below(20));
    Grant grant{KeyOf(choices.Below(kKeys)), choices.Below(2) == 0 ? Role::kAdmin : Role::kWriter, 0, 0,
                std::string(1, static_cast<char>('a' + choices.Below(3)))};
    const auto next = members.NextRange(granter, grant.role);
    grant.actor = next ? next->first : granter;
    grant.range_end = next ? next->second : static_cast<ActorId>(granter + 1);
    if (choices.Below(8) == 0) grant.actor = static_cast<ActorId>(grant.actor + choices.Below(40));
    if (choices.Below(8) == 0) grant.range_end = static_cast<ActorId>(grant.range_end + choices.Below(40));
    if (grant.actor == 0 || grant.range_end <= grant.actor) continue;
    const bool is_next = next && *next == std::pair(grant.actor, grant.range_end);
    Require(members.Add(granter, grant) || !is_next);
    feeds[granter].push_back(grant);
  }
  return feeds;
}

std::vector<std::pair<Grant, ActorId>> AllOf(const Members& members) {
  std::vector<std::pair<Grant, ActorId>> all;
  for (const Member& member : members.All()) all.emplace_back(member.grant, member.granted_by);
  return all;
}

void Run(std::string_view bytes) {
  Choices choices(bytes);
  const std::map<ActorId, std::vector<Grant>> feeds = AnyFeeds(choices);
  Members at_once(kFounder);
  at_once.AddAll(feeds);
  for (const bool backward : {false, true}) {
    Reader reader(feeds);
    reader.ReadAll(backward);
    Require(AllOf(reader.members()) == AllOf(at_once));
  }
  // Nobody writes as two.
  std::set<ActorId> taken;
  for (const Member& member : at_once.All()) {
    const unsigned end = std::min<unsigned>(member.grant.actor + Members::kOwnActors, member.grant.range_end);
    for (unsigned actor = member.grant.actor; actor < end; ++actor) {
      Require(taken.insert(static_cast<ActorId>(actor)).second);
      const Member* const of_actor = at_once.OfActor(static_cast<ActorId>(actor));
      Require((of_actor != nullptr) == (actor == member.grant.actor));
      Require(of_actor == nullptr || of_actor->grant == member.grant);
    }
  }
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  copse::fuzz::Run(copse::fuzz::Bytes(data, size));
  return 0;
}
