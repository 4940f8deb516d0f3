#include "feed_repair.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <utility>

// A segment is written again as a whole, beside the feeds, and renamed into its own: a file in a feed that is no
// segment would be damage itself. All are written before the first is renamed, for which a disk that is full has no
// say.

namespace copse::replica {
namespace {

absl::StatusOr<SegmentReader> OpenSegment(base::Storage& storage, const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<base::File> file, storage.Open(path, base::Storage::OpenMode::kRead));
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  return SegmentReader(std::move(file), size);
}

/// Whether no sound record begins where the feed ends: else frames are wrong, and not lost.
absl::StatusOr<bool> IsLost(base::Storage& storage, const FeedEnd& end) {
  if (end.segment.empty()) return true;
  COPSE_ASSIGN_OR_RETURN(SegmentReader segment, OpenSegment(storage, end.segment));
  segment.Seek(end.segment_bytes);
  std::string payload;
  COPSE_ASSIGN_OR_RETURN(const SegmentReader::Outcome outcome, segment.Next(payload));
  return outcome != SegmentReader::Outcome::kRecord;
}

/// Reads a feed to its end, over all damage.
class Scanner {
 public:
  Scanner(base::Storage& storage, FeedReader& reader) : storage_(storage), reader_(reader) {}

  absl::StatusOr<FeedScan> Run() {
    for (;;) {
      before_ = reader_.end();
      FeedItem item;
      const absl::StatusOr<bool> more = reader_.Next(item);
      if (!more.ok()) {
        COPSE_RETURN_IF_ERROR(OnError(more.status(), item));
      } else if (*more) {
        COPSE_RETURN_IF_ERROR(OnFrame(std::move(item)));
      } else {
        break;
      }
    }
    scan_.end = reader_.end();
    scan_.segments = reader_.index().segments;
    scan_.dependencies = reader_.dependencies();
    return std::move(scan_);
  }

 private:
  absl::Status OnError(const absl::Status& status, FeedItem& item) {
    if (!absl::IsDataLoss(status)) return status;
    const FeedEnd reached = reader_.end();
    const bool is_of_frame = reached.frames != before_.frames;
    if (!gap_is_open_) {
      FeedGap& gap = scan_.gaps.emplace_back();
      gap.before = before_;
      gap.what = std::string(status.message());
    }
    gap_is_open_ = true;
    // A segment that begins with a later frame than it should: all records of the one before may be sound, and lost
    // frames without ops leave no other trace.
    const bool is_later =
        is_of_frame && item.frame.header.number > before_.frames && before_.segment != reached.segment;
    return is_later ? OnFrame(std::move(item)) : absl::OkStatus();
  }

  absl::Status OnFrame(FeedItem item) {
    const FrameHeader& header = item.frame.header;
    const FeedIndex::Place place = reader_.index().frames.back();
    if (gap_is_open_) {
      FeedGap& gap = scan_.gaps.back();
      COPSE_ASSIGN_OR_RETURN(const bool is_lost, IsLost(storage_, gap.before));
      if (is_lost && header.number > gap.before.frames) {
        gap.next = {header.number, header.previous, reader_.index().segments[place.segment],
                    place.offset - kRecordHeaderBytes};
      }
      gap_is_open_ = false;
    }
    scan_.grants.insert(scan_.grants.end(), header.grants.begin(), header.grants.end());
    if (!scan_.newest || scan_.newest->record != item.record) scan_.proved = before_;
    if (scan_.frames.size() <= header.number) scan_.frames.resize(header.number + 1);
    scan_.frames[header.number] = place;
    scan_.newest = std::move(item);
    return absl::OkStatus();
  }

  base::Storage& storage_;
  FeedReader& reader_;
  FeedScan scan_;
  FeedEnd before_;
  bool gap_is_open_ = false;
};

/// The segments that a gap reaches over, in the place of which others are written.
class Filler {
 public:
  Filler(base::Storage& storage, SegmentRewrites& rewrites, const std::string& directory, const VolumeId& volume,
         crdt::ActorId actor)
      : storage_(storage), rewrites_(rewrites), directory_(directory), volume_(volume), actor_(actor) {}

  absl::Status Begin(const FeedGap& gap) {
    const FeedEnd& before = gap.before;
    path_ = before.segment.empty() ? directory_ + "/" + SegmentName(0) : before.segment;
    COPSE_ASSIGN_OR_RETURN(const auto entries, storage_.List(directory_));
    for (const base::Storage::Entry& entry : entries) {
      const std::string path = directory_ + "/" + entry.name;
      if (gap.next && path > path_ && path <= gap.next->segment) later_.push_back(entry.name);
    }
    if (before.segment.empty()) {
      contents_ = HeaderOf(0);
      return absl::OkStatus();
    }
    COPSE_ASSIGN_OR_RETURN(contents_, rewrites_.Read(path_));
    contents_.resize(std::min<std::size_t>(contents_.size(), before.segment_bytes));
    return absl::OkStatus();
  }

  absl::Status Add(const std::string& bytes) {
    COPSE_ASSIGN_OR_RETURN(const Frame frame, DecodeFrame(bytes));
    const bool begins_next = position_ < later_.size() && frame.header.dependencies_are_full &&
                             FirstOpOf(later_[position_]) == frame.header.first_op;
    if (begins_next) GoOn();
    contents_ += EncodeRecord(bytes);
    return absl::OkStatus();
  }

  /// From the sound record behind the gap on all stays.
  absl::Status End(const std::optional<FeedGap::Next>& next) {
    if (next) COPSE_RETURN_IF_ERROR(AddRest(*next));
    GoOn();
    for (const auto& [path, contents] : done_) COPSE_RETURN_IF_ERROR(rewrites_.Write(path, contents));
    return absl::OkStatus();
  }

 private:
  absl::Status AddRest(const FeedGap::Next& next) {
    if (path_ != next.segment && position_ + 1 == later_.size()) GoOn();
    if (path_ != next.segment) return absl::DataLossError(directory_ + ": its segments are not those of its frames");
    COPSE_ASSIGN_OR_RETURN(const std::string bytes, rewrites_.Read(next.segment));
    contents_ += std::string_view(bytes).substr(next.offset);
    return absl::OkStatus();
  }

  std::string HeaderOf(std::uint64_t first_op) const { return EncodeSegmentHeader({volume_, actor_, first_op}); }

  void GoOn() {
    done_.emplace_back(path_, std::move(contents_));
    if (position_ == later_.size()) return;
    const std::string& name = later_[position_++];
    path_ = directory_ + "/" + name;
    contents_ = HeaderOf(*FirstOpOf(name));
  }

  base::Storage& storage_;
  SegmentRewrites& rewrites_;
  const std::string& directory_;
  const VolumeId& volume_;
  const crdt::ActorId actor_;
  std::vector<std::string> later_;  // Names of segments behind that in which the gap begins, up to that of its end.
  std::size_t position_ = 0;        // Of the next of them.
  std::string path_;                // Of the segment that is being made.
  std::string contents_;
  std::vector<std::pair<std::string, std::string>> done_;
};

}  // namespace

absl::StatusOr<FeedScan> ScanFeed(base::Storage& storage, const std::string& directory, const VolumeId& volume,
                                  crdt::ActorId actor) {
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<FeedReader> reader, FeedReader::Open(storage, directory, volume, actor));
  return Scanner(storage, *reader).Run();
}

absl::StatusOr<std::map<crdt::ActorId, FeedScan>> ScanFeeds(base::Storage& storage, const Layout& layout,
                                                            const VolumeId& volume, crdt::ActorId own) {
  COPSE_ASSIGN_OR_RETURN(const std::vector<crdt::ActorId> actors, ListFeeds(storage, layout));
  std::map<crdt::ActorId, FeedScan> scans;
  std::map<crdt::ActorId, Dependency> durable;
  for (const crdt::ActorId actor : actors) {
    FeedScan& scan = scans[actor];
    COPSE_ASSIGN_OR_RETURN(scan, ScanFeed(storage, layout.feed(actor), volume, actor));
    for (const auto& [on, dependency] : scan.dependencies) {
      const bool shows = actor == own || on == own;
      if (shows && dependency.count > durable[on].count) durable[on] = dependency;
    }
  }
  for (auto& [actor, scan] : scans) {
    const Dependency& last = durable[actor];
    if (last.count <= scan.end.ops) continue;
    FeedGap& gap = scan.gaps.emplace_back();
    gap.before = scan.end;
    gap.until = last;
    gap.what = (scan.end.segment.empty() ? layout.feed(actor) : scan.end.segment) + " offset " +
               std::to_string(scan.end.segment_bytes) + ": frames that were there are missing";
  }
  return scans;
}

absl::Status SegmentRewrites::Begin() {
  COPSE_RETURN_IF_ERROR(Clear());
  return storage_.CreateDirectory(scratch_);
}

absl::Status SegmentRewrites::Clear() {
  written_.clear();
  const auto entries = storage_.List(scratch_);
  if (absl::IsNotFound(entries.status())) return absl::OkStatus();
  COPSE_RETURN_IF_ERROR(entries.status());
  for (const base::Storage::Entry& entry : *entries) {
    COPSE_RETURN_IF_ERROR(storage_.Remove(scratch_ + "/" + entry.name));
  }
  return storage_.RemoveDirectory(scratch_);
}

absl::StatusOr<std::string> SegmentRewrites::Read(const std::string& path) const {
  const auto written = written_.find(path);
  return base::ReadWholeFile(storage_, written == written_.end() ? path : written->second);
}

absl::Status SegmentRewrites::Write(const std::string& path, std::string_view contents) {
  const std::string scratch = scratch_ + "/" + std::to_string(count_++);
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<base::File> file,
                         storage_.Open(scratch, base::Storage::OpenMode::kCreate));
  COPSE_RETURN_IF_ERROR(file->WriteAt(0, contents));
  COPSE_RETURN_IF_ERROR(file->Sync());
  written_[path] = scratch;
  return absl::OkStatus();
}

absl::Status SegmentRewrites::Commit() {
  for (auto each = written_.rbegin(); each != written_.rend(); ++each) {
    COPSE_RETURN_IF_ERROR(storage_.Rename(each->second, each->first));
    COPSE_RETURN_IF_ERROR(storage_.SyncDirectory(base::ParentDirectory(each->first)));
  }
  return Clear();
}

absl::StatusOr<std::vector<std::string>> MendSegmentHeaders(SegmentRewrites& rewrites, base::Storage& storage,
                                                            const std::string& directory, const VolumeId& volume,
                                                            crdt::ActorId actor) {
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
    if (bytes.size() > contents.size()) contents += std::string_view(bytes).substr(contents.size());
    COPSE_RETURN_IF_ERROR(rewrites.Write(path, contents));
    mended.push_back(path + ": its header");
  }
  return mended;
}

absl::Status FillGap(SegmentRewrites& rewrites, base::Storage& storage, const std::string& directory,
                     const VolumeId& volume, crdt::ActorId actor, const FeedGap& gap,
                     std::span<const std::string> frames) {
  Filler filler(storage, rewrites, directory, volume, actor);
  COPSE_RETURN_IF_ERROR(filler.Begin(gap));
  for (const std::string& frame : frames) COPSE_RETURN_IF_ERROR(filler.Add(frame));
  return filler.End(gap.next);
}

}  // namespace copse::replica
