// Who belongs to the volume, how others come in, and where they are reached.

#include <copse/base/status_macros.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "address_book.h"
#include "admission_codec.h"
#include "invitations.h"
#include "store_state.h"

namespace copse::replica {

absl::StatusOr<std::string> Store::State::Admit(const std::string& peer_key, std::string_view secret,
                                                const std::string& label) {
  const std::lock_guard admission_lock(admission_mutex);
  if (!IsLabel(label)) return absl::InvalidArgumentError("a label has 1 to 16 of a-z and 0-9");
  Admission admission{.volume = identity.volume,
                      .founder = identity.founder,
                      .volume_key = identity.volume_key,
                      .epoch_keys = identity.epoch_keys,
                      .grant = {},
                      .frames = {}};
  COPSE_ASSIGN_OR_RETURN(Invitations invitations, Invitations::Read(environment.storage, layout.invitations()));
  std::optional<Member> present;
  {
    const std::lock_guard lock(feeds_mutex);
    if (const Member* const holder = members->OfLabel(label); holder != nullptr && holder->grant.key != peer_key) {
      return absl::AlreadyExistsError("another member has the label " + label +
                                      "; choose one: copse join --label LABEL");
    }
    if (const Member* const member = members->OfKey(peer_key)) present = *member;
  }
  // First the invitation becomes this key's, then it is a member: after a crash in between it comes again.
  COPSE_ASSIGN_OR_RETURN(const Role role, invitations.Use(secret, peer_key, environment.clock.Now()));
  if (present) {
    admission.grant = present->grant;
  } else {
    std::optional<std::pair<crdt::ActorId, crdt::ActorId>> range;
    {
      const std::lock_guard lock(feeds_mutex);
      range = members->NextRange(identity.actor, role);
    }
    if (!range) return absl::ResourceExhaustedError("this replica has no actors left to hand out; ask another admin");
    admission.grant = {peer_key, role, range->first, range->second, label};
    COPSE_RETURN_IF_ERROR(WriteGrants({admission.grant}));
  }
  for (const auto& [actor, frames] : FrameCounts()) admission.frames[actor] = frames;
  return EncodeAdmission(admission);
}

std::vector<Member> Store::members() const {
  const std::lock_guard lock(state_->feeds_mutex);
  std::vector<Member> all = state_->members->All();
  // The founder of a volume without a frame has not named itself yet.
  for (Member& member : all) {
    if (member.grant.key == state_->identity.signing_public) member.grant.label = state_->identity.label;
  }
  return all;
}

bool Store::IsWelcome(const std::string& key) const {
  const std::lock_guard lock(state_->feeds_mutex);
  return state_->members->OfKey(key) != nullptr || key == state_->identity.inviter;
}

std::string Store::LabelOf(const std::string& key) const {
  const std::lock_guard lock(state_->feeds_mutex);
  const Member* const member = state_->members->OfKey(key);
  return member == nullptr ? "" : member->grant.label;
}

absl::StatusOr<Invitation> Store::Invite(Role role, std::chrono::nanoseconds lifetime,
                                         std::vector<std::string> endpoints) {
  const std::lock_guard admission_lock(state_->admission_mutex);
  const Identity& identity = state_->identity;
  {
    const std::lock_guard lock(state_->feeds_mutex);
    const Member* const self = state_->members->OfKey(identity.signing_public);
    if (self == nullptr || self->grant.role != Role::kAdmin) {
      return absl::PermissionDeniedError(identity.label + " is no admin of the volume; ask one to invite");
    }
    if (!state_->members->NextRange(identity.actor, role)) {
      return absl::ResourceExhaustedError("this replica has no actors left to hand out; ask another admin");
    }
  }
  COPSE_ASSIGN_OR_RETURN(Invitations invitations,
                         Invitations::Read(state_->environment.storage, state_->layout.invitations()));
  const base::UnixNanoseconds now = state_->environment.clock.Now();
  Invitation invitation{.volume = identity.volume,
                        .inviter = identity.signing_public,
                        .secret = "",
                        .expires = now + lifetime.count(),
                        .endpoints = std::move(endpoints)};
  COPSE_ASSIGN_OR_RETURN(invitation.secret, invitations.Add(state_->environment.random, role, now, invitation.expires));
  return invitation;
}

Store::Addresses Store::addresses() const {
  const std::lock_guard lock(state_->mutex);
  return state_->addresses;
}

absl::Status Store::RememberAddresses(const Addresses& added) {
  Addresses all = addresses();
  if (!added.listen.empty()) all.listen = added.listen;
  for (const std::string& peer : added.peers) {
    if (std::find(all.peers.begin(), all.peers.end(), peer) == all.peers.end()) all.peers.push_back(peer);
  }
  if (all == addresses()) return absl::OkStatus();
  const std::lock_guard admission_lock(state_->admission_mutex);
  COPSE_RETURN_IF_ERROR(WriteAddresses(state_->environment.storage, state_->layout.addresses(), all));
  const std::lock_guard lock(state_->mutex);
  state_->addresses = std::move(all);
  return absl::OkStatus();
}

}  // namespace copse::replica
