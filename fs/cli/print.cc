#include "cli/print.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <string>

namespace copse::cli {
namespace {

std::string Text(const Json& result, const char* key) {
  const Json& value = result.at(key);
  return value.is_string() ? value.get<std::string>() : ToText(value);
}

std::string Count(const Json& result, const char* key, const std::string& one) {
  const auto count = result.at(key).get<std::uint64_t>();
  if (count != 1 && one.back() == 'y') return std::to_string(count) + " " + one.substr(0, one.size() - 1) + "ies";
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string Size(const Json& result, const char* key) { return SizeText(result.at(key).get<std::uint64_t>()); }

/// "name:      value", values below each other.
std::string Row(const std::string& name, const std::string& value) {
  constexpr std::size_t kValueColumn = 12;
  std::string row = name + ":";
  row.resize(std::max(row.size() + 1, kValueColumn), ' ');
  return row + value + "\n";
}

std::string LocalTime(std::int64_t nanoseconds) {
  const std::time_t seconds = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

/// One peer of a status: who, and how it stands.
std::string PeerText(const Json& peer) {
  std::string text = Text(peer, "label");
  const std::string address = Text(peer, "address");
  if (text.empty()) {
    text = address;
  } else if (!address.empty()) {
    text += " (" + address + ")";
  }
  if (peer.at("connected") == true) {
    text += peer.at("in_sync") == true ? ": in sync"
                                       : ": " + Text(peer, "ops_to_send") + " changes to send, " +
                                             Text(peer, "ops_to_receive") + " to receive";
  } else {
    const auto last_contact = peer.at("last_contact_ns").get<std::int64_t>();
    text += ": not connected, last contact " + (last_contact == 0 ? "never" : LocalTime(last_contact));
  }
  if (!Text(peer, "last_error").empty()) text += "; " + Text(peer, "last_error");
  return text;
}

/// A path as it may be shown on a terminal: control characters could move the cursor.
std::string Printable(const std::string& path) {
  std::string shown;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    shown += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  return shown;
}

}  // namespace

std::string SizeText(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  static constexpr std::array<const char*, 6> units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < units.size(); ++unit) size /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", size, units[unit]);
  return text.data();
}

std::string InitText(const Json& result) {
  return "made the store " + Text(result, "store") + ", label " + Text(result, "label") +
         "\nnext: " + Text(result, "next") + "\n";
}

std::string UnmountText(const Json& result) {
  const std::string mount_point = Text(result, "mount_point");
  if (result.at("process_was_gone") == true) {
    return "removed the mount " + mount_point + " of a process that was gone; the next mount of " +
           Text(result, "store") + " recovers what was written\n";
  }
  return "unmounted " + mount_point + "; all of it is on the disk\n";
}

std::string StatusText(const Json& result) {
  const bool mounted = result.at("mounted_at").is_string();
  std::string text = Row("store", Text(result, "store"));
  text += Row("mounted at",
              mounted ? Text(result, "mounted_at") + " (process " + Text(result, "pid") + ")" : "not mounted");
  text += Row("volume", Text(result, "volume"));
  text += Row("replica", Text(result, "label") + " (actor " + Text(result, "actor") + ")");
  text += Row("entries", Text(result, "entries") + ", " + Text(result, "trash_entries") + " in the trash");
  text += Row("files", Count(result, "open_files", "handle") + " open, " + Text(result, "dirty_files") +
                           " written and not yet published");
  text += Row("changes", Text(result, "own_ops") + " made here, " + Text(result, "durable_ops") + " durable, " +
                             Text(result, "waiting_ops") + " waiting");
  for (const Json& endpoint : result.at("listening")) text += Row("listening", endpoint.get<std::string>());
  for (const Json& peer : result.at("peers")) text += Row("peer", PeerText(peer));
  text += Row("conflicts",
              Text(result, "conflicts") +
                  (result.at("conflicts") == 0 ? "" : "; list them: copse conflicts " + Text(result, "store")));
  if (result.at("chunks_missing") != 0) {
    text += Row("to fetch", Count(result, "chunks_missing", "chunk") + ", " + Size(result, "chunk_bytes_missing"));
  }
  for (const Json& line : result.at("refused_feeds")) text += Row("refused", line.get<std::string>());
  text += Row("log", Count(result, "frames", "frame") + ", " + Size(result, "feed_bytes"));
  text += Row("contents", Count(result, "chunks", "chunk") + ", " + Size(result, "chunk_bytes"));
  text += Row("disk", Size(result, "disk_free_bytes") + " free");
  text += Row("format", Text(result, "format"));
  if (result.at("read_only") == true) text += Row("read-only", "yes");
  if (!Text(result, "last_error").empty()) text += Row("error", Text(result, "last_error"));
  return text;
}

std::string FlushText(const Json& result) {
  return "all that was written is on the disk: " + Count(result, "durable_ops", "change") + "\n";
}

std::string VerifyText(const Json& result) {
  std::string text;
  for (const Json& problem : result.at("problems")) text += problem.get<std::string>() + "\n";
  text += "verified " + Count(result, "frames", "frame") + ", " + Count(result, "ops", "change") + " and " +
          Count(result, "chunks", "chunk") + ": " +
          (result.at("problems").empty() ? "sound" : Count({{"n", result.at("problems").size()}}, "n", "problem")) +
          "\n";
  if (result.at("chunks_missing") != 0) {
    text += Count(result, "chunks_missing", "chunk") + " to be fetched from a replica that has them\n";
  }
  for (const Json& grant : result.at("ineffective_grants")) {
    text += "makes nobody a member: " + grant.get<std::string>() + "\n";
  }
  return text;
}

std::string RepairText(const Json& result) {
  std::string text;
  for (const Json& place : result.at("mended")) text += "mended: " + place.get<std::string>() + "\n";
  return text.empty() ? "the log is sound\n" : text;
}

std::string JoinText(const Json& result) {
  return "joined as " + Text(result, "label") + ", with " + Count(result, "entries", "entry") +
         "\nthis replica: " + Text(result, "fingerprint") + "\ninvited by:   " + Text(result, "inviter_fingerprint") +
         " (" + Text(result, "inviter") + ")\nnext: " + Text(result, "next") + "\n";
}

std::string InviteText(const Json& result) {
  std::string addresses;
  for (const Json& address : result.at("addresses")) addresses += " " + address.get<std::string>();
  return "On the new machine, within a day, run:\n\n    copse join STORE " + Text(result, "invitation") +
         "\n\nIt is good for one replica, as " + Text(result, "role") + ", and reaches this one at" + addresses +
         "\nthis replica: " + Text(result, "fingerprint") + "\n";
}

std::string MembersText(const Json& result) {
  std::string text;
  for (const Json& member : result.at("members")) {
    std::array<char, 64> columns{};
    std::snprintf(columns.data(), columns.size(), "%-16s %-7s %5s  ", Text(member, "label").c_str(),
                  Text(member, "role").c_str(), Text(member, "actor").c_str());
    text += columns.data() + Text(member, "fingerprint");
    if (member.at("invited_by").is_string()) text += "  invited by " + Text(member, "invited_by");
    text += member.at("self") == true ? "  (this replica)\n" : "\n";
  }
  return text;
}

std::string SyncText(const Json& result) {
  std::string text;
  for (const Json& peer : result.at("peers")) text += "in sync with " + peer.get<std::string>() + "\n";
  return text;
}

std::string ConflictsText(const Json& result) {
  const Json& groups = result.at("conflicts");
  if (groups.empty()) return "no name is claimed by several entries\n";
  std::string text;
  for (const Json& group : groups) {
    text += Printable(Text(group, "path")) + "\n";
    for (const Json& entry : group.at("entries")) {
      text += "    " + Printable(Text(entry, "path")) + (entry.at("kind") == "directory" ? "/" : "") + "  by " +
              Text(entry, "label") + ": " + Text(entry, "why") + "\n";
    }
  }
  return text;
}

std::string TrashListText(const Json& result) {
  const Json& entries = result.at("entries");
  if (entries.empty()) return "the trash is empty\n";
  std::string text;
  for (const Json& entry : entries) {
    std::array<char, 96> columns{};
    std::snprintf(columns.data(), columns.size(), "%-16s %s %12s  ", Text(entry, "node").c_str(),
                  LocalTime(entry.at("deleted_at_ns").get<std::int64_t>()).c_str(), Size(entry, "size").c_str());
    text += columns.data() + Printable(Text(entry, "path")) + (entry.at("kind") == "directory" ? "/" : "") + "\n";
  }
  return text;
}

std::string TrashRestoreText(const Json& result) {
  std::string text;
  for (const Json& entry : result.at("restored")) text += "restored " + Printable(Text(entry, "path")) + "\n";
  return text;
}

std::string TrashPurgeText(const Json& result) {
  std::string text;
  for (const Json& entry : result.at("purged")) text += "purged " + Printable(Text(entry, "path")) + "\n";
  return text.empty() ? "the trash is empty\n" : text;
}

}  // namespace copse::cli
