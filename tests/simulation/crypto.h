#pragma once

#include <copse/replica/channels.h>
#include <copse/replica/signature_scheme.h>

#include <functional>
#include <memory>
#include <string_view>

namespace copse::simulation {

/// What proves who says something. Sealing and hashing are always real.
struct Crypto {
  const replica::SignatureScheme& signatures;
  std::function<std::shared_ptr<const replica::Channels>(std::string_view signing_secret)> channels;
};

/// Ed25519 and TLS 1.3.
const Crypto& RealCrypto();
/// HashedSignatures() and PlainChannels(): nobody in a simulation forges or listens, and most of the time went there.
const Crypto& LightCrypto();

}  // namespace copse::simulation
