#pragma once

#include <cstdint>
#include <string>

#include "cli/json.h"

namespace copse::cli {

// The results of commands in words, for people: whole lines. They take the --json forms of docs/commands.md.
std::string InitText(const Json& result);
std::string UnmountText(const Json& result);
std::string StatusText(const Json& result);
std::string FlushText(const Json& result);
std::string VerifyText(const Json& result);
std::string RepairText(const Json& result);
std::string JoinText(const Json& result);
std::string InviteText(const Json& result);
std::string MembersText(const Json& result);
std::string SyncText(const Json& result);
std::string ConflictsText(const Json& result);
std::string TrashListText(const Json& result);
std::string TrashRestoreText(const Json& result);
std::string TrashPurgeText(const Json& result);

/// "512 bytes", "1.5 MiB".
std::string SizeText(std::uint64_t bytes);

}  // namespace copse::cli
