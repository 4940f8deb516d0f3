#pragma once

#include <string>

namespace copse::cli {

/// What `copse --version` prints: version, commit, store format and the libraries, a line each.
std::string VersionText();

}  // namespace copse::cli
