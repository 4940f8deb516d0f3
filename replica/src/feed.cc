#include "feed.h"

#include <copse/base/check.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "write_again.h"
#include "write_error.h"

// A record is written and synced before the next one is written, so only the last record of the last segment can be
// torn by a crash; frames that arrive together are one record, so that they are torn together. A bad record is
// therefore a torn tail when nothing valid follows it, and damage in every other case. After damage the reader goes on
// with the next valid record, for Verify, which wants to list all of it.

namespace copse::replica {
namespace {

constexpr std::string_view kSegmentSuffix = ".segment";
constexpr std::size_t kSegmentDigits = 16;

std::string Place(const std::string& path, std::uint64_t offset) { return path + " offset " + std::to_string(offset); }

absl::Status Damage(const std::string& place, const std::string& what) {
  return absl::DataLossError(place + ": " + what);
}

}  // namespace

std::string SegmentName(std::uint64_t first_op) {
  char name[kSegmentDigits + 1];
  std::snprintf(name, sizeof name, "%016" PRIx64, first_op);
  return name + std::string(kSegmentSuffix);
}

std::optional<std::uint64_t> FirstOpOf(const std::string& segment_name) {
  const bool is_one = segment_name.size() == kSegmentDigits + kSegmentSuffix.size() &&
                      segment_name.find_first_not_of("0123456789abcdef") == kSegmentDigits &&
                      segment_name.compare(kSegmentDigits, std::string::npos, kSegmentSuffix.data()) == 0;
  return is_one ? std::optional(std::stoull(segment_name.substr(0, kSegmentDigits), nullptr, 16)) : std::nullopt;
}

std::string FeedName(crdt::ActorId actor) {
  char name[5];
  std::snprintf(name, sizeof name, "%04x", static_cast<unsigned>(actor));
  return name;
}

absl::StatusOr<std::unique_ptr<FeedReader>> FeedReader::Open(base::Storage& storage, std::string directory,
                                                             const VolumeId& volume, crdt::ActorId actor,
                                                             const FeedEnd* limit) {
  std::unique_ptr<FeedReader> reader(new FeedReader(storage, std::move(directory), volume, actor));
  COPSE_ASSIGN_OR_RETURN(const auto entries, storage.List(reader->directory_));
  for (const base::Storage::Entry& entry : entries) {
    if (!FirstOpOf(entry.name)) return Damage(reader->Path(entry.name), "is not a segment");
    if (limit != nullptr && reader->Path(entry.name) > limit->segment) break;
    reader->segments_.push_back(entry.name);
  }
  if (limit != nullptr && !limit->segment.empty()) reader->last_segment_limit_ = limit->segment_bytes;
  return reader;
}

absl::Status FeedReader::ResumeAt(const FeedEnd& end, FeedIndex index) {
  if (end.frames == 0) return absl::OkStatus();
  absl::Status other = Damage(directory_, "is not the feed that the snapshot covers");
  // A closed segment that was written again since (Repair) has its frames in other places, and another length.
  for (std::size_t i = 0; i + 1 < index.frames.size() && i < end.frames; ++i) {
    const FeedIndex::Place& frame = index.frames[i];
    if (frame.segment == index.frames[i + 1].segment) continue;
    if (frame.segment >= index.segments.size()) return other;
    COPSE_ASSIGN_OR_RETURN(const base::Storage::Metadata file, storage_.Stat(Path(index.segments[frame.segment])));
    if (file.size != frame.offset + frame.length) return other;
  }
  index.frames.resize(std::min<std::size_t>(index.frames.size(), end.frames));
  if (index.frames.size() != end.frames || index.frames.back().segment >= index.segments.size()) return other;
  index.segments.resize(index.frames.back().segment + 1);
  if (index.segments.back() != end.segment || index.segments.size() > segments_.size() ||
      !std::equal(index.segments.begin(), index.segments.end(), segments_.begin())) {
    return other;
  }
  next_segment_ = index.segments.size();
  const std::string path = Path(end.segment);
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<base::File> file, storage_.Open(path, base::Storage::OpenMode::kRead));
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  segment_.emplace(std::move(file), size);
  const absl::StatusOr<SegmentHeader> header = segment_->ReadHeader();
  if (!header.ok() || size < end.segment_bytes || header->volume != volume_ || header->actor != actor_) return other;
  segment_->Seek(end.segment_bytes);
  end_ = end;
  end_.segment = path;
  end_.bytes += size - end.segment_bytes;
  for (std::string& segment : index.segments) segment = Path(segment);
  index_ = std::move(index);
  return absl::OkStatus();
}

absl::StatusOr<bool> FeedReader::OpenNextSegment() {
  if (IsLastSegment()) return false;
  const std::string& name = segments_[next_segment_++];
  const std::string path = Path(name);
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<base::File> file, storage_.Open(path, base::Storage::OpenMode::kRead));
  COPSE_ASSIGN_OR_RETURN(std::uint64_t size, file->Size());
  if (IsLastSegment() && last_segment_limit_) size = std::min(size, *last_segment_limit_);
  segment_.emplace(std::move(file), size);
  index_.segments.push_back(path);
  at_segment_start_ = true;
  end_.bytes += size;
  const absl::StatusOr<SegmentHeader> header = segment_->ReadHeader();
  if (!header.ok() && IsLastSegment()) {
    COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> valid, segment_->FindRecordAfter(0));
    if (!valid) {  // The machine stopped while the segment was made.
      end_.bytes -= size;
      torn_bytes_ = size;
      torn_segment_ = path;
      segment_.reset();
      return false;
    }
  }
  const std::uint64_t first_op = *FirstOpOf(name);
  end_.segment = path;
  end_.segment_first_op = first_op;
  end_.segment_bytes = kSegmentHeaderBytes;
  if (!header.ok()) return Damage(path, std::string(header.status().message()));
  if (header->volume != volume_ || header->actor != actor_ || header->first_op != first_op) {
    return Damage(path, "its header is that of another segment");
  }
  if (is_chain_known_ && first_op != end_.ops) {
    is_chain_known_ = false;
    return Damage(path, "begins with op " + std::to_string(first_op) + ", but the feed before it ends at op " +
                            std::to_string(end_.ops) + ": a segment is missing");
  }
  unproved_ = 0;
  return true;
}

absl::StatusOr<bool> FeedReader::NextRecord() {
  for (;;) {
    if (!segment_) {
      COPSE_ASSIGN_OR_RETURN(const bool opened, OpenNextSegment());
      if (!opened) return false;
    }
    record_offset_ = segment_->offset() + kRecordHeaderBytes;
    auto bytes = std::make_shared<std::string>();
    COPSE_ASSIGN_OR_RETURN(const SegmentReader::Outcome outcome, segment_->Next(*bytes));
    switch (outcome) {
      case SegmentReader::Outcome::kRecord:
        record_ = std::move(bytes);
        record_position_ = 0;
        unproved_ = record_offset_ - kRecordHeaderBytes;
        return true;
      case SegmentReader::Outcome::kEnd:
        segment_.reset();
        break;
      case SegmentReader::Outcome::kBad:
        COPSE_RETURN_IF_ERROR(HandleBadRecord());
        break;
    }
  }
}

absl::StatusOr<bool> FeedReader::Next(FeedItem& item) {
  if (record_ == nullptr) {
    COPSE_ASSIGN_OR_RETURN(const bool more, NextRecord());
    if (!more) return false;
  }
  COPSE_RETURN_IF_ERROR(Accept(item));
  return true;
}

absl::Status FeedReader::HandleBadRecord() {
  const std::string place = Place(Path(segments_[next_segment_ - 1]), segment_->offset());
  COPSE_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> valid, segment_->FindRecordAfter(segment_->offset()));
  if (valid) {
    segment_->Seek(*valid);
    is_chain_known_ = false;
    at_segment_start_ = false;
    return Damage(place, "a record is damaged, and valid ones follow at offset " + std::to_string(*valid));
  }
  const std::uint64_t rest = segment_->size() - segment_->offset();
  segment_.reset();
  if (!IsLastSegment()) {
    is_chain_known_ = false;
    return Damage(place, "the last record is damaged, and another segment follows");
  }
  end_.bytes -= rest;
  torn_bytes_ = rest;
  return absl::OkStatus();
}

absl::Status FeedReader::Accept(FeedItem& item) {
  const bool starts_segment = std::exchange(at_segment_start_, false);
  const bool check_chain = std::exchange(is_chain_known_, false);
  const std::uint64_t offset = record_offset_ + record_position_;
  item.place = Place(Path(segments_[next_segment_ - 1]), offset);
  item.record = record_;
  absl::StatusOr<Frame> frame = DecodeFirstFrame(std::string_view(*record_).substr(record_position_));
  if (!frame.ok()) {
    record_.reset();  // Where the next frame would begin is not known.
    return Damage(item.place, "in the frame, " + std::string(frame.status().message()));
  }
  item.frame = *std::move(frame);
  const std::size_t length = item.frame.bytes.size();
  record_position_ += length;
  if (record_position_ == record_->size()) record_.reset();
  item.hash = base::Sha256(item.frame.bytes);
  const FrameHeader& header = item.frame.header;
  if (header.volume != volume_ || header.actor != actor_) return Damage(item.place, "a frame of another feed");
  const bool continues =
      header.number == end_.frames && header.first_op == end_.ops && header.previous == end_.last_frame;
  end_.ops = header.first_op + header.op_count;
  end_.last_frame = item.hash;
  end_.clock = header.clock;
  end_.segment_bytes = record_ == nullptr ? segment_->offset() : end_.segment_bytes;
  end_.frames = header.number + 1;
  index_.frames.push_back(
      {static_cast<std::uint32_t>(index_.segments.size() - 1), static_cast<std::uint32_t>(length), offset});
  is_chain_known_ = true;
  if (check_chain && !continues) return Damage(item.place, "the frame does not follow the one before it");
  if (starts_segment && !header.dependencies_are_full) {
    return Damage(item.place, "the first frame of a segment does not state all its dependencies");
  }
  if (header.dependencies_are_full) dependencies_.clear();
  for (const Dependency& dependency : header.dependencies) dependencies_[dependency.actor] = dependency;
  return absl::OkStatus();
}

absl::Status FeedReader::Repair() {
  if (!torn_segment_.empty()) {
    COPSE_RETURN_IF_ERROR(storage_.Remove(torn_segment_));
  }
  if (!end_.segment.empty()) {
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<base::File> file,
                           storage_.Open(end_.segment, base::Storage::OpenMode::kReadWrite));
    if (torn_bytes_ && torn_segment_.empty()) COPSE_RETURN_IF_ERROR(file->Truncate(end_.segment_bytes));
    COPSE_RETURN_IF_ERROR(WriteAgain(*file, unproved_, end_.segment_bytes));
    COPSE_RETURN_IF_ERROR(file->Sync());
  }
  return storage_.SyncDirectory(directory_);
}

FeedEnd Feed::end() const {
  const std::lock_guard lock(mutex_);
  return end_;
}

FeedHead Feed::head() const {
  const std::lock_guard lock(mutex_);
  return {actor_, end_.frames, end_.ops, end_.last_frame};
}

bool Feed::WantsSegment() const {
  const FeedEnd end = this->end();
  // A segment is named by its first op, so one that holds only empty frames goes on: its successor has the same name.
  return end.segment.empty() || end.segment_bytes == kSegmentHeaderBytes ||
         (end.segment_bytes >= segment_bytes_max_ && end.ops > end.segment_first_op);
}

bool Feed::NeedsSegment(const FrameHeader& first) const {
  if (end_.segment.empty()) return true;
  return first.dependencies_are_full && end_.segment_bytes >= segment_bytes_max_ && end_.ops > end_.segment_first_op;
}

absl::Status Feed::StartSegment() {
  const std::string path = directory_ + "/" + SegmentName(end_.ops);
  COPSE_ASSIGN_OR_RETURN(std::unique_ptr<base::File> file, storage_.Open(path, base::Storage::OpenMode::kCreate));
  if (absl::Status written = file->WriteAt(0, EncodeSegmentHeader({volume_, actor_, end_.ops})); !written.ok()) {
    // With the file gone the feed is as it was.
    return absl::IsResourceExhausted(written) && storage_.Remove(path).ok() ? written : FatalWriteError(written);
  }
  COPSE_RETURN_IF_ERROR(FatalWriteError(file->Sync()));
  if (absl::Status synced = storage_.SyncDirectory(directory_); !synced.ok()) {
    return absl::IsUnavailable(synced) && storage_.Remove(path).ok() ? synced : FatalWriteError(synced);
  }
  file_ = std::move(file);
  const std::lock_guard lock(mutex_);
  end_.segment = path;
  end_.segment_first_op = end_.ops;
  end_.segment_bytes = kSegmentHeaderBytes;
  end_.bytes += kSegmentHeaderBytes;
  index_.segments.push_back(path);
  return absl::OkStatus();
}

absl::Status Feed::WriteRun(std::span<const Frame> run) {
  std::string payload;
  for (const Frame& frame : run) payload += frame.bytes;
  const std::string record = EncodeRecord(payload);
  if (absl::Status written = file_->WriteAt(end_.segment_bytes, record); !written.ok()) {
    const bool restored = absl::IsResourceExhausted(written) && file_->Truncate(end_.segment_bytes).ok();
    return restored ? written : FatalWriteError(written);
  }
  COPSE_RETURN_IF_ERROR(FatalWriteError(file_->Sync()));
  const std::lock_guard lock(mutex_);
  std::uint64_t offset = end_.segment_bytes + kRecordHeaderBytes;
  for (const Frame& frame : run) {
    index_.frames.push_back({static_cast<std::uint32_t>(index_.segments.size() - 1),
                             static_cast<std::uint32_t>(frame.bytes.size()), offset});
    offset += frame.bytes.size();
    end_.ops += frame.header.op_count;
  }
  end_.last_frame = base::Sha256(run.back().bytes);
  end_.clock = run.back().header.clock;
  end_.segment_bytes += record.size();
  end_.bytes += record.size();
  end_.frames += run.size();
  return absl::OkStatus();
}

absl::Status Feed::Append(std::span<const Frame> run) {
  const std::lock_guard lock(append_mutex_);
  while (!run.empty()) {
    const FrameHeader& first = run.front().header;
    COPSE_CHECK(first.number == end_.frames && first.first_op == end_.ops && first.previous == end_.last_frame);
    if (NeedsSegment(first)) {
      COPSE_RETURN_IF_ERROR(StartSegment());
    } else if (file_ == nullptr) {
      COPSE_ASSIGN_OR_RETURN(file_, storage_.Open(end_.segment, base::Storage::OpenMode::kReadWrite));
    }
    // A frame that may begin a segment begins a record, and the next round decides.
    std::size_t length = 1;
    while (length < run.size() && !run[length].header.dependencies_are_full) ++length;
    COPSE_RETURN_IF_ERROR(WriteRun(run.first(length)));
    run = run.subspan(length);
  }
  return absl::OkStatus();
}

FeedIndex Feed::index() const {
  const std::lock_guard lock(mutex_);
  return index_;
}

absl::StatusOr<std::vector<std::string>> Feed::Read(std::uint64_t first, std::size_t bytes_max) const {
  std::vector<FeedIndex::Place> places;
  std::vector<std::string> paths;
  {
    const std::lock_guard lock(mutex_);
    std::size_t bytes = 0;
    for (std::uint64_t i = first; i < index_.frames.size(); ++i) {
      bytes += index_.frames[i].length;
      if (bytes > bytes_max && i > first) break;
      places.push_back(index_.frames[i]);
      paths.push_back(index_.segments[places.back().segment]);
    }
  }
  std::vector<std::string> frames;
  std::unique_ptr<base::File> file;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (i == 0 || paths[i] != paths[i - 1]) {
      COPSE_ASSIGN_OR_RETURN(file, storage_.Open(paths[i], base::Storage::OpenMode::kRead));
    }
    std::string& frame = frames.emplace_back(places[i].length, '\0');
    COPSE_ASSIGN_OR_RETURN(const std::size_t count, file->ReadAt(places[i].offset, frame));
    if (count != frame.size()) {
      return absl::DataLossError(Place(paths[i], places[i].offset) + ": a frame that was written is cut off");
    }
  }
  return frames;
}

}  // namespace copse::replica
