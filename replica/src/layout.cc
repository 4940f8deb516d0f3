#include "layout.h"

#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <copse/replica/store.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "feed.h"

namespace copse::replica {
namespace {

constexpr std::string_view kFormatBegin = "copse store\nformat ";

/// Whether `entries` are what a Create that never ended can leave.
bool IsHalfMade(const std::vector<base::Storage::Entry>& entries) {
  static const std::set<std::string> kNames = {"chunks",       "feeds",   "format.new",  "identity",
                                               "identity.new", "joining", "joining.new", "lock"};
  return std::all_of(entries.begin(), entries.end(), [](const auto& entry) { return kNames.count(entry.name) != 0; });
}

/// What `format` ends with.
std::string VolumeLine(const Identity& identity) {
  return "volume " + base::Hex(base::AsBytes(identity.volume)) + "\n";
}

absl::Status FormatIsDamaged(const Layout& layout) {
  return absl::DataLossError(layout.format() + " is damaged; restore it from a copy");
}

absl::Status CreateDirectoryUnlessThere(base::Storage& storage, const std::string& path) {
  const absl::Status created = storage.CreateDirectory(path);
  return absl::IsAlreadyExists(created) ? absl::OkStatus() : created;
}

/// Makes `path` an empty or half made directory that only its owner may enter.
absl::Status PrepareDirectory(base::Storage& storage, const std::string& path) {
  absl::Status created = storage.CreateDirectory(path);
  if (created.ok()) return storage.SyncDirectory(base::ParentDirectory(path));
  if (!absl::IsAlreadyExists(created)) return created;
  COPSE_ASSIGN_OR_RETURN(const base::Storage::Metadata metadata, storage.Stat(path));
  if (!metadata.is_directory) return absl::AlreadyExistsError(path + " is not a directory; choose another path");
  COPSE_ASSIGN_OR_RETURN(const auto entries, storage.List(path));
  const bool is_store =
      std::any_of(entries.begin(), entries.end(), [](const auto& entry) { return entry.name == "format"; });
  if (is_store) return absl::AlreadyExistsError(path + " is a store already");
  if (!IsHalfMade(entries)) return absl::AlreadyExistsError(path + " is not empty; choose another path");
  if ((metadata.permissions & 077) != 0) {
    return absl::PermissionDeniedError("others may enter " + path + ", which is to hold keys; run: chmod 700 " + path);
  }
  return absl::OkStatus();
}

/// A feed or chunk of a half made store would belong to another identity.
absl::Status CheckEmpty(base::Storage& storage, const std::string& directory) {
  COPSE_ASSIGN_OR_RETURN(const auto entries, storage.List(directory));
  if (entries.empty()) return absl::OkStatus();
  return absl::AlreadyExistsError(directory + " is not empty though " + base::ParentDirectory(directory) +
                                  " has no `format`; choose another path");
}

}  // namespace

absl::Status PrepareStoreDirectory(base::Storage& storage, const Layout& layout) {
  return PrepareDirectory(storage, layout.store);
}

std::string Layout::feed(crdt::ActorId actor) const { return feeds() + "/" + FeedName(actor); }

absl::Status CreateStore(base::Storage& storage, const Layout& layout, const Identity& identity) {
  COPSE_RETURN_IF_ERROR(PrepareDirectory(storage, layout.store));
  COPSE_ASSIGN_OR_RETURN(const auto lock, storage.Lock(layout.lock()));
  for (const std::string& path : {layout.feeds(), layout.feed(identity.actor), layout.chunks()}) {
    COPSE_RETURN_IF_ERROR(CreateDirectoryUnlessThere(storage, path));
  }
  COPSE_RETURN_IF_ERROR(CheckEmpty(storage, layout.feed(identity.actor)));
  COPSE_RETURN_IF_ERROR(CheckEmpty(storage, layout.chunks()));
  COPSE_RETURN_IF_ERROR(storage.SyncDirectory(layout.feeds()));
  COPSE_RETURN_IF_ERROR(WriteIdentity(storage, layout.identity(), identity));
  COPSE_RETURN_IF_ERROR(storage.SyncDirectory(layout.store));
  return base::ReplaceFile(storage, layout.format(),
                           std::string(kFormatBegin) + std::to_string(kStoreFormat) + "\n" + VolumeLine(identity));
}

absl::StatusOr<std::string> CheckFormat(base::Storage& storage, const Layout& layout) {
  const std::string& path = layout.store;
  const absl::StatusOr<base::Storage::Metadata> metadata = storage.Stat(path);
  if (absl::IsNotFound(metadata.status()) || (metadata.ok() && !metadata->is_directory)) {
    return absl::NotFoundError("there is no store at " + path + "; run: copse init " + path);
  }
  COPSE_RETURN_IF_ERROR(metadata.status());
  if (metadata->owner != geteuid()) {
    return absl::PermissionDeniedError("another user (uid " + std::to_string(metadata->owner) + ") owns the store " +
                                       path + "; run as that user");
  }
  const absl::StatusOr<std::string> text = base::ReadWholeFile(storage, layout.format());
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(path + " is not a store: it has no file `format`; run: copse init " + path);
  }
  COPSE_RETURN_IF_ERROR(text.status());
  const absl::Status damaged = FormatIsDamaged(layout);
  if (text->compare(0, kFormatBegin.size(), kFormatBegin.data(), kFormatBegin.size()) != 0) return damaged;
  const std::size_t line_end = text->find('\n', kFormatBegin.size());
  if (line_end == std::string::npos) return damaged;
  const std::string number = text->substr(kFormatBegin.size(), line_end - kFormatBegin.size());
  if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) return damaged;
  if (number != std::to_string(kStoreFormat)) {
    return absl::FailedPreconditionError("store format " + number + " at " + path + ": this copse reads format " +
                                         std::to_string(kStoreFormat) + "; use a matching version");
  }
  return text->substr(line_end + 1);
}

absl::StatusOr<Identity> CheckStore(base::Storage& storage, const Layout& layout) {
  COPSE_ASSIGN_OR_RETURN(const std::string volume_line, CheckFormat(storage, layout));
  absl::StatusOr<Identity> identity = ReadIdentity(storage, layout.identity());
  if (absl::IsNotFound(identity.status())) {
    return absl::DataLossError(layout.identity() + " is missing; restore it from a copy");
  }
  COPSE_RETURN_IF_ERROR(identity.status());
  if (volume_line != VolumeLine(*identity)) return FormatIsDamaged(layout);
  return identity;
}

absl::StatusOr<std::vector<crdt::ActorId>> ListFeeds(base::Storage& storage, const Layout& layout) {
  COPSE_ASSIGN_OR_RETURN(const auto entries, storage.List(layout.feeds()));
  std::vector<crdt::ActorId> actors;
  for (const base::Storage::Entry& entry : entries) {
    const bool is_hex = entry.name.size() == 4 && entry.name.find_first_not_of("0123456789abcdef") == std::string::npos;
    const auto actor = is_hex ? static_cast<crdt::ActorId>(std::stoul(entry.name, nullptr, 16)) : crdt::ActorId{0};
    if (actor == 0 || !entry.is_directory) {
      return absl::DataLossError(layout.feeds() + "/" + entry.name + ": is not a feed; move it out of the store");
    }
    actors.push_back(actor);
  }
  return actors;
}

}  // namespace copse::replica
