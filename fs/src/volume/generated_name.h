#pragma once

#include <copse/crdt/timestamp.h>

#include <string>
#include <string_view>

namespace copse::fs {

/// The name that an entry is shown under where another holds its stored name, `claim` being that of the entry and
/// `label` its author's:
///   attempt 1    STEM-LABEL.EXT; left out (it is attempt 2) where STEM would have to be cut
///   attempt 2    STEM-LABEL_N.EXT, N being actor (four digits) and counter of the claim in hexadecimal
///   attempt 3... STEM-LABEL_N_2.EXT, STEM-LABEL_N_3.EXT, ...
/// Directories keep their dots and append. At most 255 bytes: STEM is cut where UTF-8 allows. docs/semantics.md, Names.
std::string GeneratedName(std::string_view stored, bool is_directory, std::string_view label, crdt::Timestamp claim,
                          unsigned attempt);

}  // namespace copse::fs
