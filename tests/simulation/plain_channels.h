#pragma once

#include <copse/replica/channels.h>

#include <memory>
#include <string_view>

namespace copse::simulation {

/// Connections that anybody could read, and in the name of anybody, and nobody here does: in place of TLS, with its
/// turns (the server says who it is first, the client after it), its refusals and its end, and a checksum where it
/// authenticates. An inverted bit, a record out of turn and a cut are found as TLS finds them.
std::shared_ptr<const replica::Channels> PlainChannels(std::string_view signing_secret);

}  // namespace copse::simulation
