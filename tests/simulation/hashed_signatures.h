#pragma once

#include <copse/replica/signature_scheme.h>

namespace copse::simulation {

/// Signatures that anybody could forge, and nobody here does: a hash of the public key and the message. As real ones,
/// they are not those of another key or of other bytes; a thousandth of the work.
const replica::SignatureScheme& HashedSignatures();

}  // namespace copse::simulation
