#pragma once

#include <copse/fs/attributes.h>

namespace copse::cli {

/// A kind of inode as the --json forms of docs/commands.md spell it.
const char* KindName(fs::Kind kind);

}  // namespace copse::cli
