#pragma once

#include <copse/crdt/timestamp.h>

#include <string>
#include <string_view>

namespace copse::fs {

/// The name that an entry is shown under where another holds its stored name: `STEM_N.EXT`, N being the actor (four
/// digits) and counter of its claim in hexadecimal; from the second attempt on, `STEM_N_ATTEMPT.EXT`. Directories keep
/// their dots and append. At most 255 bytes: STEM is cut where UTF-8 allows. docs/semantics.md, Names.
std::string GeneratedName(std::string_view stored, bool is_directory, crdt::Timestamp claim, unsigned attempt);

}  // namespace copse::fs
