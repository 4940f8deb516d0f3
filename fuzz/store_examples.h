#pragma once

#include <copse/base/hash.h>
#include <copse/replica/identity.h>
#include <copse/replica/invitation.h>
#include <copse/replica/store.h>

#include <string>

#include "frame_keys.h"

namespace copse::fuzz {

/// Of the corpus, and what the target puts beside the file that it reads.
inline replica::Identity ExampleIdentity() {
  replica::Identity identity;
  identity.volume.fill(0x11);
  identity.actor = 17;
  identity.actor_range_end = 33;
  identity.label = "desk";
  identity.founder = std::string(32, '\x22');
  identity.inviter = std::string(32, '\x23');
  identity.signing_public = FrameKeys().public_key;
  identity.signing_secret = FrameKeys().secret_key;
  identity.volume_key = std::string(32, '\x33');
  identity.epoch_keys = {{0, std::string(32, '\x44')}, {7, std::string(32, '\x45')}};
  return identity;
}

inline std::string ExampleFormat() {
  return "copse store\nformat " + std::to_string(replica::kStoreFormat) + "\nvolume " +
         base::Hex(base::AsBytes(ExampleIdentity().volume)) + "\n";
}

inline replica::Invitation ExampleInvitation() {
  replica::Invitation invitation;
  invitation.volume.fill(0x11);
  invitation.inviter = std::string(32, '\x22');
  invitation.secret = std::string(32, '\x33');
  invitation.expires = 1'700'000'000'000'000'000;
  invitation.endpoints = {"192.0.2.1:4711", "[2001:db8::1]:4711"};
  return invitation;
}

}  // namespace copse::fuzz
