#include "feed_repair.h"

#include <copse/base/status_macros.h>

#include <utility>

// A segment is written again as a whole, beside the feed, and renamed into it: a file in the feed that is no segment
// would be damage itself.

namespace copse::replica {
namespace {

absl::Status ReplaceSegment(base::Storage& storage, const std::string& path, std::string_view contents,
                            const std::string& scratch) {
  if (absl::Status removed = storage.Remove(scratch); !removed.ok() && !absl::IsNotFound(removed)) return removed;
  const auto write = [&]() -> absl::Status {
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<base::File> file,
                           storage.Open(scratch, base::Storage::OpenMode::kCreate));
    COPSE_RETURN_IF_ERROR(file->WriteAt(0, contents));
    COPSE_RETURN_IF_ERROR(file->Sync());
    return storage.Rename(scratch, path);
  };
  if (absl::Status written = write(); !written.ok()) {
    storage.Remove(scratch).IgnoreError();  // On a full disk it would hold space.
    return written;
  }
  return storage.SyncDirectory(base::ParentDirectory(path));
}

absl::StatusOr<SegmentReader> OpenSegment(base::Storage& storage, const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<base::File> file, storage.Open(path, base::Storage::OpenMode::kRead));
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  return SegmentReader(std::move(file), size);
}

/// Whether there is no sound record at the gap's beginning: else frames are wrong, and not lost.
absl::StatusOr<bool> IsLost(base::Storage& storage, const FeedGap& gap) {
  absl::StatusOr<SegmentReader> segment = OpenSegment(storage, gap.segment);
  if (absl::IsNotFound(segment.status())) return true;
  COPSE_RETURN_IF_ERROR(segment.status());
  segment->Seek(gap.begin);
  std::string payload;
  COPSE_ASSIGN_OR_RETURN(const SegmentReader::Outcome outcome, segment->Next(payload));
  return outcome != SegmentReader::Outcome::kRecord;
}

}  // namespace

absl::StatusOr<FeedScan> ScanFeed(base::Storage& storage, const std::string& directory, const VolumeId& volume,
                                  crdt::ActorId actor) {
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<FeedReader> reader, FeedReader::Open(storage, directory, volume, actor));
  FeedScan scan;
  for (;;) {
    const FeedEnd before = reader->end();
    FeedItem item;
    const absl::StatusOr<bool> more = reader->Next(item);
    if (!more.ok() && !absl::IsDataLoss(more.status())) return more.status();
    if (more.ok() && !*more) break;
    if (!more.ok()) {
      if (scan.gap) continue;
      const FeedEnd& reached = reader->end();
      scan.end = before;
      scan.gap.emplace();
      scan.gap->segment = reached.segment.empty() ? directory + "/" + SegmentName(0) : reached.segment;
      scan.gap->begin = reached.segment_bytes;
      scan.gap->what = std::string(more.status().message());
      continue;
    }
    const FrameHeader& header = item.frame.header;
    scan.grants.insert(scan.grants.end(), header.grants.begin(), header.grants.end());
    if (scan.gap && !scan.gap->next_frame) {
      scan.gap->next_frame = header.number;
      scan.gap->last_frame = header.previous;
    }
    scan.newest = std::move(item);
  }
  if (!scan.gap) scan.end = reader->end();
  scan.index = std::move(*reader).TakeIndex();
  scan.index.frames.resize(scan.end.frames);
  if (!scan.gap) return scan;
  COPSE_ASSIGN_OR_RETURN(const bool is_lost, IsLost(storage, *scan.gap));
  if (!is_lost || (scan.gap->next_frame && *scan.gap->next_frame <= scan.end.frames)) scan.gap->next_frame.reset();
  return scan;
}

absl::StatusOr<std::vector<std::string>> MendSegmentHeaders(base::Storage& storage, const std::string& directory,
                                                            const VolumeId& volume, crdt::ActorId actor,
                                                            const std::string& scratch) {
  std::vector<std::string> mended;
  COPSE_ASSIGN_OR_RETURN(const auto entries, storage.List(directory));
  for (const base::Storage::Entry& entry : entries) {
    const std::optional<std::uint64_t> first_op = FirstOpOf(entry.name);
    if (!first_op) continue;
    const std::string path = directory + "/" + entry.name;
    COPSE_ASSIGN_OR_RETURN(SegmentReader segment, OpenSegment(storage, path));
    const absl::StatusOr<SegmentHeader> header = segment.ReadHeader();
    if (header.ok() || !absl::IsDataLoss(header.status())) continue;
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> valid, segment.FindRecordAfter(0));
    if (!valid && &entry == &entries.back()) continue;  // It was being made when the machine stopped.
    COPSE_ASSIGN_OR_RETURN(const std::string bytes, base::ReadWholeFile(storage, path));
    std::string contents = EncodeSegmentHeader({volume, actor, *first_op});
    if (bytes.size() > contents.size()) contents += bytes.substr(contents.size());
    COPSE_RETURN_IF_ERROR(ReplaceSegment(storage, path, contents, scratch));
    mended.push_back(path + ": its header");
  }
  return mended;
}

absl::Status FillGap(base::Storage& storage, const VolumeId& volume, crdt::ActorId actor, const FeedScan& scan,
                     std::span<const std::string> frames, const std::string& scratch) {
  const FeedGap& gap = *scan.gap;
  std::string contents;
  std::string rest;
  absl::StatusOr<SegmentReader> segment = OpenSegment(storage, gap.segment);
  if (segment.ok()) {
    COPSE_ASSIGN_OR_RETURN(const std::string bytes, base::ReadWholeFile(storage, gap.segment));
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> valid, segment->FindRecordAfter(gap.begin));
    contents = bytes.substr(0, gap.begin);
    if (valid) rest = bytes.substr(*valid);
  } else if (absl::IsNotFound(segment.status())) {
    contents = EncodeSegmentHeader({volume, actor, scan.end.ops});
  } else {
    return segment.status();
  }
  for (const std::string& frame : frames) contents += EncodeRecord(frame);
  return ReplaceSegment(storage, gap.segment, contents + rest, scratch);
}

}  // namespace copse::replica
