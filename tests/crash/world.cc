#include "crash/world.h"

#include <copse/base/status_macros.h>
#include <copse/fs/named_content.h>
#include <copse/replica/join.h>

#include <algorithm>
#include <set>

#include "session.h"
#include "session_host.h"

namespace copse::crash {
namespace {

using std::chrono::milliseconds;
using Keep = base::MemoryStorage::Keep;

constexpr int kRoundsMax = 10'000;

absl::Status In(const char* where, const absl::Status& status) {
  return status.ok() ? status : absl::Status(status.code(), std::string(where) + ": " + std::string(status.message()));
}

/// One end of a conversation.
struct End {
  End(Replica& owner, Replica& peer) : replica(owner) {
    replica::Session::Options options;
    options.volume = owner.store().identity().volume;
    options.actor = owner.store().identity().actor;
    options.label = owner.store().identity().label;
    options.peer = "memory:peer:1";
    options.peer_key = peer.store().identity().signing_public;
    const auto send = [this](const std::string& bytes) { sent += bytes; };
    session.emplace(owner.store().exchange_side(), options, send, std::chrono::nanoseconds(0));
  }

  /// Takes what the other end sent, and asks for chunks that are missing; whether there was anything.
  bool Take(End& from) {
    const std::string bytes = std::exchange(from.sent, {});
    if (!bytes.empty()) {
      from.session->OnSent(bytes.size());
      session->OnBytes(bytes, std::chrono::nanoseconds(0));
    }
    const std::vector<base::Hash> missing = replica.store().MissingChunks();
    std::vector<base::Hash> to_ask;
    for (const base::Hash& id : missing) {
      if (to_ask.size() < session->ChunkCapacity() && asked.insert(id).second) to_ask.push_back(id);
    }
    session->RequestChunks(to_ask);
    // As the store's own timer does: that nothing is missing is said once it is durable.
    if (missing.empty() && !asked.empty()) replica.store().Sync().IgnoreError();
    session->OnHeadsChanged();
    return !bytes.empty() || !to_ask.empty();
  }

  Replica& replica;
  std::optional<replica::Session> session;
  std::string sent;
  std::set<base::Hash> asked;
};

bool IsPrefix(const Record::Ops& prefix, const Record::Ops& of) {
  return prefix.size() <= of.size() && std::equal(prefix.begin(), prefix.end(), of.begin());
}

absl::Status CheckSound(Replica& replica) {
  COPSE_ASSIGN_OR_RETURN(const replica::Store::Verification verification, replica.store().Verify());
  if (!verification.problems.empty()) return absl::DataLossError("verify: " + verification.problems.front());
  return absl::OkStatus();
}

/// What was written here may be missing nowhere but elsewhere.
absl::Status CheckOwnChunks(Replica& replica) {
  const std::vector<base::Hash> missing = replica.store().MissingChunks();
  const auto own = replica.replayed().find(replica.store().identity().actor);
  if (own == replica.replayed().end()) return absl::OkStatus();
  for (const crdt::Op& op : own->second) {
    for (const base::NamedContent& named : fs::ContentNamedBy(op)) {
      if (std::binary_search(missing.begin(), missing.end(), named.chunk.id)) {
        return absl::DataLossError("an own op names a chunk that is not here");
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

World::World(std::uint64_t seed)
    : founder_(std::make_unique<Replica>(std::make_unique<base::MemoryStorage>(), seed)),
      guest_(std::make_unique<Replica>(std::make_unique<base::MemoryStorage>(), seed + 1)) {}

World::World(const World& before, Machine machine, const std::vector<bool>& kept, std::uint64_t seed)
    : invitation_(before.invitation_), has_joined_(before.has_joined_) {
  const auto copy = [&](const Replica& replica, bool is_cut, std::uint64_t its_seed) {
    std::unique_ptr<base::MemoryStorage> disk = replica.disk().Copy();
    if (is_cut) disk->Crash(kept);
    return std::make_unique<Replica>(std::move(disk), its_seed, replica.record());
  };
  founder_ = copy(*before.founder_, machine == Machine::kFounder, seed);
  guest_ = copy(*before.guest_, machine == Machine::kGuest, seed + 1);
}

absl::Status World::Found() {
  if (!founder_->record().is_made()) {
    const absl::Status created = founder_->Create("founder");
    // It was made to the end, and the power went before that was said.
    if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
    founder_->record().Made();
  }
  return founder_->Open();
}

absl::Status World::RestartFounder() {
  founder_->Kill();
  COPSE_RETURN_IF_ERROR(Found());
  return CheckShown(*founder_, *guest_, false);
}

absl::Status World::Invite() {
  COPSE_ASSIGN_OR_RETURN(invitation_,
                         founder_->store().Invite(replica::Role::kWriter, std::chrono::hours(1), {"founder:1"}));
  return absl::OkStatus();
}

absl::Status World::Join() {
  base::MemoryStorage& disk = guest_->disk();
  if (has_joined_) return guest_->Open();
  auto begun = replica::Joining::Begin(disk, guest_->random(), Replica::kStore, *invitation_, "guest");
  if (!begun.ok()) {
    // It had joined to the end, and the power went before that was said.
    if (!absl::IsAlreadyExists(begun.status())) return begun.status();
    has_joined_ = true;
    return guest_->Open();
  }
  replica::Joining joining = *std::move(begun);
  if (!joining.is_admitted()) {
    COPSE_ASSIGN_OR_RETURN(const std::string welcome, founder_->store().exchange_side().Admit(
                                                          joining.signing_public(), invitation_->secret, "guest"));
    COPSE_RETURN_IF_ERROR(joining.Admit(disk, welcome));
  }
  COPSE_RETURN_IF_ERROR(guest_->Open(/*joining=*/true));
  COPSE_RETURN_IF_ERROR(Meet());
  if (!joining.HasAll(guest_->store())) return absl::InternalError("the guest lacks what it was to fetch");
  COPSE_RETURN_IF_ERROR(joining.Finish(disk));
  has_joined_ = true;
  guest_->record().Made();
  guest_->Kill();
  return guest_->Open();
}

absl::Status World::Meet() {
  End founder(*founder_, *guest_);
  End guest(*guest_, *founder_);
  for (int round = 0; round < kRoundsMax; ++round) {
    const bool to_guest = guest.Take(founder);
    const bool to_founder = founder.Take(guest);
    if (founder_->disk().power_is_cut() || guest_->disk().power_is_cut()) return absl::UnavailableError("power cut");
    for (const End* end : {&founder, &guest}) {
      if (end->session->has_ended()) return In("the exchange ended", end->session->status());
    }
    if (!to_guest && !to_founder) {
      const bool is_done = founder.session->IsInSync() && guest.session->IsInSync();
      return is_done ? absl::OkStatus() : absl::InternalError("the exchange came to rest before both were in sync");
    }
  }
  return absl::InternalError("the exchange does not end");
}

absl::Status World::CheckOpsOfEachOther() {
  for (const auto& [here, there] : {std::pair(founder_.get(), guest_.get()), std::pair(guest_.get(), founder_.get())}) {
    if (!here->is_open() || !there->is_open()) continue;
    const crdt::ActorId actor = there->store().identity().actor;
    const auto found = here->replayed().find(actor);
    if (found == here->replayed().end()) continue;
    const auto own = there->replayed().find(actor);
    if (own == there->replayed().end() || !IsPrefix(found->second, own->second)) {
      return absl::DataLossError("ops that a peer has seen are not at their author's");
    }
  }
  return absl::OkStatus();
}

absl::Status World::CheckShown(Replica& replica, const Replica& other, bool has_met) {
  COPSE_ASSIGN_OR_RETURN(const Names names, WalkNames(replica.volume()));
  std::vector<std::pair<crdt::NodeId, std::string>> found;
  for (const auto& [path, what] : names) {
    unsigned kind = 0;
    crdt::NodeId node;
    if (std::sscanf(what.c_str(), "%u %lu", &kind, &node.value) != 2) return absl::InternalError(what);
    if (static_cast<fs::Kind>(kind) != fs::Kind::kRegular) continue;
    absl::StatusOr<std::string> content = ReadAll(replica.volume(), node);
    if (!content.ok()) {
      // Of a version from elsewhere the bytes may still be there only; that none of here is, CheckOwnChunks sees.
      if (!has_met && !replica.store().MissingChunks().empty()) continue;
      return In(path.c_str(), content.status());
    }
    const bool is_own = replica.record().HasWritten(node);
    const bool is_others = other.record().HasVersion(&node, *content);
    const bool is_sibling =
        !is_own && !other.record().HasWritten(node) &&
        (replica.record().HasVersion(nullptr, *content) || other.record().HasVersion(nullptr, *content));
    if (is_own && !(is_others && other.record().HasWritten(node))) {
      COPSE_RETURN_IF_ERROR(In(path.c_str(), replica.record().CheckContent(node, *content)));
    } else if (!is_others && !is_sibling) {
      return absl::DataLossError(path + " holds what nobody wrote");
    }
    found.emplace_back(node, *std::move(content));
  }
  for (auto& [node, content] : found) replica.record().RestartContent(node, std::move(content));
  return absl::OkStatus();
}

absl::Status World::ExpectEqual() {
  if (founder_->volume().Dump() != guest_->volume().Dump()) return absl::DataLossError("the dumps differ");
  COPSE_ASSIGN_OR_RETURN(const Names one, WalkNames(founder_->volume()));
  COPSE_ASSIGN_OR_RETURN(const Names two, WalkNames(guest_->volume()));
  return one == two ? absl::OkStatus() : absl::DataLossError("the names differ");
}

absl::Status World::GoOn() {
  for (Replica* replica : {founder_.get(), guest_.get()}) {
    const std::string label = replica->store().identity().label;
    COPSE_RETURN_IF_ERROR(replica->Write("later-" + label, 0, "written at the " + label + " after the crash"));
    COPSE_RETURN_IF_ERROR(replica->Fsync("later-" + label));
    COPSE_RETURN_IF_ERROR(replica->MakeDirectory("never-synced-" + label));
    replica->Kill();
    replica->disk().Crash(Keep::kNothing);
    COPSE_RETURN_IF_ERROR(replica->Open());
    COPSE_ASSIGN_OR_RETURN(const Names names, WalkNames(replica->volume()));
    if (!names.contains("later-" + label)) return absl::DataLossError("what was fsynced after the crash is gone");
  }
  COPSE_RETURN_IF_ERROR(In("the founder once more", CheckShown(*founder_, *guest_, true)));
  COPSE_RETURN_IF_ERROR(In("the guest once more", CheckShown(*guest_, *founder_, true)));
  COPSE_RETURN_IF_ERROR(Meet());
  return ExpectEqual();
}

absl::Status World::StartAgainAndCheck() {
  const bool guest_is_member = has_joined_;
  COPSE_RETURN_IF_ERROR(In("the founder opens", Found()));
  if (guest_is_member) COPSE_RETURN_IF_ERROR(In("the guest opens", guest_->Open()));
  COPSE_RETURN_IF_ERROR(CheckOpsOfEachOther());
  for (const auto& [replica, other] :
       {std::pair(founder_.get(), guest_.get()), std::pair(guest_.get(), founder_.get())}) {
    if (!replica->is_open()) continue;
    const char* where = replica == founder_.get() ? "the founder" : "the guest";
    COPSE_ASSIGN_OR_RETURN(const Names expected, replica->NamesOfReplayed());
    COPSE_ASSIGN_OR_RETURN(const Names names, WalkNames(replica->volume()));
    if (names != expected) return In(where, absl::DataLossError("shows other names than its ops make"));
    COPSE_RETURN_IF_ERROR(In(where, CheckOwnChunks(*replica)));
    COPSE_RETURN_IF_ERROR(In(where, CheckShown(*replica, *other, false)));
    COPSE_RETURN_IF_ERROR(In(where, CheckSound(*replica)));
  }
  if (!invitation_) COPSE_RETURN_IF_ERROR(In("inviting", Invite()));
  if (!guest_is_member) COPSE_RETURN_IF_ERROR(In("joining", Join()));
  COPSE_RETURN_IF_ERROR(In("meeting", Meet()));
  COPSE_RETURN_IF_ERROR(ExpectEqual());
  COPSE_RETURN_IF_ERROR(In("the founder, after meeting", CheckShown(*founder_, *guest_, true)));
  COPSE_RETURN_IF_ERROR(In("the guest, after meeting", CheckShown(*guest_, *founder_, true)));
  COPSE_RETURN_IF_ERROR(GoOn());
  for (Replica* replica : {founder_.get(), guest_.get()}) COPSE_RETURN_IF_ERROR(CheckSound(*replica));
  return absl::OkStatus();
}

}  // namespace copse::crash
