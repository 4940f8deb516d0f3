#include "simulation/crypto.h"

#include <map>
#include <string>

#include "simulation/hashed_signatures.h"
#include "simulation/plain_channels.h"

namespace copse::simulation {
namespace {

/// Of one key, in whatever process: what TLS needs takes longer to make than a process that uses it takes to start.
std::shared_ptr<const replica::Channels> TlsChannelsOnce(std::string_view signing_secret) {
  static std::map<std::string, std::shared_ptr<const replica::Channels>, std::less<>> made;
  constexpr std::size_t kMadeMax = 64;  // Of a few seeds.
  const auto found = made.find(signing_secret);
  if (found != made.end()) return found->second;
  if (made.size() >= kMadeMax) made.clear();
  return made[std::string(signing_secret)] = replica::TlsChannels(signing_secret);
}

}  // namespace

const Crypto& RealCrypto() {
  static const Crypto crypto{replica::Ed25519(), TlsChannelsOnce};
  return crypto;
}

const Crypto& LightCrypto() {
  static const Crypto crypto{HashedSignatures(), PlainChannels};
  return crypto;
}

}  // namespace copse::simulation
