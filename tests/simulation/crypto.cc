#include "simulation/crypto.h"

#include "simulation/hashed_signatures.h"
#include "simulation/plain_channels.h"

namespace copse::simulation {

const Crypto& RealCrypto() {
  static const Crypto crypto{replica::Ed25519(), replica::TlsChannels};
  return crypto;
}

const Crypto& LightCrypto() {
  static const Crypto crypto{HashedSignatures(), PlainChannels};
  return crypto;
}

}  // namespace copse::simulation
