#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <copse/fs/staged_file.h>

#include <optional>
#include <set>
#include <utility>

#include "content/staged_file_state.h"
#include "content/staging_context.h"
#include "content/staging_log.h"

// The directory of stagings: who holds which names, and what an earlier process left. A staging is found by its log;
// bytes without a log were never durable, a log without bytes was on its way out or never acknowledged.

namespace copse::fs {
namespace {

constexpr std::string_view kDataSuffix = ".data";
constexpr std::string_view kLogSuffix = ".extents";

/// The stem of a name that ends in `suffix`.
std::optional<std::string> StemOf(const std::string& name, std::string_view suffix) {
  if (name.size() <= suffix.size() || !std::string_view(name).ends_with(suffix)) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

/// Names in the directory, told apart by what they are.
struct Listing {
  std::set<std::string> data;        // Stems.
  std::set<std::string> logs;        // Stems.
  std::set<std::string> unfinished;  // Names of logs that were being replaced.
};

absl::StatusOr<Listing> ListStagings(base::Storage& storage, const std::string& directory) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<base::Storage::Entry> entries, storage.List(directory));
  Listing listing;
  for (const base::Storage::Entry& entry : entries) {
    if (entry.is_directory) continue;
    if (const auto data_stem = StemOf(entry.name, kDataSuffix)) {
      listing.data.insert(*data_stem);
    } else if (const auto log_stem = StemOf(entry.name, kLogSuffix)) {
      listing.logs.insert(*log_stem);
    } else if (entry.name.find(kLogSuffix) != std::string::npos) {
      listing.unfinished.insert(entry.name);
    }
  }
  return listing;
}

/// 16 hexadecimal digits.
std::string StemFor(NodeId node) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(node.value >> shift));
  return base::Hex(bytes);
}

absl::Status RemoveIfThere(base::Storage& storage, const std::string& path) {
  absl::Status removed = storage.Remove(path);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

}  // namespace

std::string StagingContext::ClaimStem(NodeId node) {
  const std::string plain = StemFor(node);
  const std::lock_guard lock(mutex);
  std::string stem = plain;
  for (int n = 2; left.contains(stem) || live.contains(stem); ++n) stem = plain + "-" + std::to_string(n);
  live.insert(stem);
  return stem;
}

std::size_t StagingContext::live_stems() {
  const std::lock_guard lock(mutex);
  return live.size();
}

void StagingContext::ReleaseStem(const std::string& stem, bool remains) {
  const std::lock_guard lock(mutex);
  live.erase(stem);
  if (remains) left.insert(stem);
}

struct StagingArea::State : StagingContext {
  using StagingContext::StagingContext;

  struct Opened {
    std::unique_ptr<base::File> data;
    std::unique_ptr<base::File> log;
    StagingLogContents contents;
  };
  /// Reads the staging of `stem`, and cuts the torn end of its log.
  absl::StatusOr<Opened> OpenStaging(const std::string& stem);
};

absl::StatusOr<StagingArea::State::Opened> StagingArea::State::OpenStaging(const std::string& stem) {
  Opened opened;
  COPSE_ASSIGN_OR_RETURN(const std::string bytes, base::ReadWholeFile(storage, LogPath(stem)));
  COPSE_ASSIGN_OR_RETURN(opened.contents, ParseStagingLog(bytes));
  COPSE_ASSIGN_OR_RETURN(opened.log, storage.Open(LogPath(stem), base::Storage::OpenMode::kReadWrite));
  if (opened.contents.valid_bytes < bytes.size()) {
    COPSE_RETURN_IF_ERROR(opened.log->Truncate(opened.contents.valid_bytes));
  }
  COPSE_ASSIGN_OR_RETURN(opened.data, storage.Open(DataPath(stem), base::Storage::OpenMode::kReadWrite));
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t size, opened.data->Size());
  if (opened.contents.passes_through) {
    // Whatever was written past the log counts.
    StagingChange& sum = opened.contents.sum;
    sum.size = size;
    sum.changes = ChangeSet(0);
    if (size > 0) sum.changes.Set(0, size, RangeKind::kData);
    if (opened.data->descriptor() >= 0) sum.mtime = StampOf(opened.data->descriptor()).mtime;
    return opened;
  }
  for (const auto& [begin, tail] : opened.contents.sum.changes.ranges()) {
    if (tail.kind == RangeKind::kData && tail.end > size) return absl::DataLossError("bytes are missing");
  }
  return opened;
}

StagingArea::StagingArea(std::shared_ptr<State> state) : state_(std::move(state)) {}

StagingArea::~StagingArea() = default;

absl::StatusOr<std::unique_ptr<StagingArea>> StagingArea::Open(base::Storage& storage, base::ContentStore& content,
                                                               std::string directory, std::string_view volume_key,
                                                               const Options& options) {
  absl::Status created = storage.CreateDirectory(directory);
  if (created.ok()) created = storage.SyncDirectory(base::ParentDirectory(directory));
  if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
  COPSE_ASSIGN_OR_RETURN(Listing listing, ListStagings(storage, directory));
  auto state = std::make_shared<State>(storage, content, std::move(directory), volume_key, options);
  state->left = std::move(listing.logs);
  return std::unique_ptr<StagingArea>(new StagingArea(std::move(state)));
}

std::unique_ptr<StagedFile> StagingArea::OpenFile(NodeId node, const Manifest& base,
                                                  std::vector<crdt::Timestamp> base_heads, bool fixed_chunks) {
  auto file = std::make_unique<StagedFile::State>(state_, node, base, std::move(base_heads), fixed_chunks);
  return std::unique_ptr<StagedFile>(new StagedFile(std::move(file)));
}

std::size_t StagingArea::files_on_disk() const { return state_->live_stems(); }

absl::StatusOr<std::vector<StagingArea::Recovered>> StagingArea::Recover(
    const std::function<bool(NodeId node)>& is_file, std::vector<std::string>& left) {
  State& state = *state_;
  COPSE_ASSIGN_OR_RETURN(const Listing listing, ListStagings(state.storage, state.directory));
  std::set<std::string> candidates;
  {
    const std::lock_guard lock(state.mutex);
    for (const std::string& name : listing.unfinished) {
      const std::string stem = name.substr(0, name.find(kLogSuffix));
      if (!state.live.contains(stem)) COPSE_RETURN_IF_ERROR(RemoveIfThere(state.storage, state.directory + "/" + name));
    }
    for (const std::string& stem : listing.data) {
      if (!state.live.contains(stem) && !listing.logs.contains(stem)) {
        COPSE_RETURN_IF_ERROR(RemoveIfThere(state.storage, state.DataPath(stem)));
      }
    }
    for (const std::string& stem : listing.logs) {
      if (state.live.contains(stem)) continue;
      if (listing.data.contains(stem)) {
        candidates.insert(stem);
      } else {
        COPSE_RETURN_IF_ERROR(RemoveIfThere(state.storage, state.LogPath(stem)));
      }
    }
    state.left = candidates;
  }
  std::vector<Recovered> recovered;
  for (const std::string& stem : candidates) {
    absl::StatusOr<State::Opened> opened = state.OpenStaging(stem);
    if (!opened.ok()) {
      left.push_back(state.LogPath(stem) + ": " + std::string(opened.status().message()));
      continue;
    }
    const StagingHeader& header = opened->contents.header;
    if (!is_file(header.node)) {
      left.push_back(state.LogPath(stem) + ": its file is not known here");
      continue;
    }
    auto file =
        std::make_unique<StagedFile::State>(state_, header.node, header.base, header.base_heads, header.fixed_chunks);
    file->Resume(stem, std::move(opened->data), std::move(opened->log), opened->contents);
    {
      const std::lock_guard lock(state.mutex);
      state.left.erase(stem);
      state.live.insert(stem);
    }
    recovered.push_back({header.node, std::unique_ptr<StagedFile>(new StagedFile(std::move(file))),
                         std::move(opened->contents.publications)});
  }
  return recovered;
}

}  // namespace copse::fs
