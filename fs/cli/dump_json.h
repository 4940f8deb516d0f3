#pragma once

#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace copse::cli {

/// The text of a dump as nested JSON, on one line: {"id":...,"value":...,"children":[...]}, `children` only where there
/// are some. Works line by line, since a tree may be deeper than a recursive writer can follow.
/// Errors: kInternal a line has not the form of a dump's.
absl::StatusOr<std::string> DumpAsJson(std::string_view dump);

}  // namespace copse::cli
