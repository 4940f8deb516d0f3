#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace copse::cli {

/// Keeps keys in the order in which a command gives them.
using Json = nlohmann::ordered_json;

/// On one line. Bytes that are not UTF-8 (a name may hold any) show as U+FFFD.
inline std::string ToText(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace copse::cli
