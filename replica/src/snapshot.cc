// A snapshot as a file, and what it says of the feeds.

#include "snapshot.h"

#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <limits>

namespace copse::replica {
namespace {

constexpr std::string_view kMagic = "copsesnp";
constexpr std::string_view kSuffix = ".snapshot";
constexpr std::size_t kDigits = 16;
constexpr std::size_t kBlockBytes = 1 << 20;  // What has one checksum.
constexpr std::size_t kFixedBytes = 32;       // Of the header: up to the lengths of the parts.
constexpr std::size_t kChecksumBytes = 4;
constexpr std::size_t kPartsMax = 16;

std::size_t BlocksOf(std::uint64_t length) {
  return static_cast<std::size_t>((length + kBlockBytes - 1) / kBlockBytes);
}

std::string EncodeHeader(const VolumeId& volume, crdt::ActorId actor, const std::vector<std::string_view>& parts) {
  crdt::ByteWriter header;
  header.Raw(kMagic);
  header.U32(kSnapshotFormat);
  header.Raw(base::AsBytes(volume));
  header.U16(actor);
  header.U16(static_cast<std::uint16_t>(parts.size()));
  for (const std::string_view part : parts) header.U64(part.size());
  for (const std::string_view part : parts) {
    for (std::size_t at = 0; at < part.size(); at += kBlockBytes) {
      header.U32(base::Crc32c(part.substr(at, kBlockBytes)));
    }
  }
  header.U32(base::Crc32c(header.bytes()));
  return std::move(header).Take();
}

class Reading {
 public:
  Reading(const base::File& file, std::string path, std::uint64_t size)
      : file_(file), path_(std::move(path)), size_(size) {}

  absl::StatusOr<std::vector<crdt::ImageBuffer>> Run(const VolumeId& volume, crdt::ActorId actor) {
    COPSE_RETURN_IF_ERROR(ReadHeader(volume, actor));
    std::vector<crdt::ImageBuffer> parts;
    std::size_t block = 0;
    for (const std::uint64_t length : lengths_) {
      crdt::ImageBuffer& part = parts.emplace_back(static_cast<std::size_t>(length));
      for (std::size_t at = 0; at < part.size(); at += kBlockBytes) {
        const std::span<char> bytes(part.data() + at, std::min(kBlockBytes, part.size() - at));
        COPSE_RETURN_IF_ERROR(Read(bytes));
        if (base::Crc32c({bytes.data(), bytes.size()}) != checksums_[block++]) return Damage("a checksum is wrong");
      }
    }
    return at_ == size_ ? absl::StatusOr<std::vector<crdt::ImageBuffer>>(std::move(parts)) : Damage("is too long");
  }

 private:
  absl::Status Damage(const std::string& what) const {
    return absl::DataLossError(path_ + " offset " + std::to_string(at_) + ": " + what);
  }

  absl::Status Read(std::span<char> out) {
    COPSE_ASSIGN_OR_RETURN(const std::size_t count, file_.ReadAt(at_, out));
    if (count != out.size()) return Damage("is cut off");
    at_ += count;
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Read(std::uint64_t count) {
    if (count > size_ - at_) return Damage("is cut off");
    std::string bytes(static_cast<std::size_t>(count), '\0');
    COPSE_RETURN_IF_ERROR(Read(std::span<char>(bytes)));
    return bytes;
  }

  absl::Status ReadHeader(const VolumeId& volume, crdt::ActorId actor) {
    COPSE_ASSIGN_OR_RETURN(std::string header, Read(kFixedBytes));
    if (header.compare(0, kMagic.size(), kMagic.data(), kMagic.size()) != 0) return Damage("is no snapshot");
    crdt::ByteReader fixed(std::string_view(header).substr(kMagic.size()));
    const std::uint32_t format = fixed.U32().value();
    if (format != kSnapshotFormat) {
      return absl::FailedPreconditionError(path_ + ": has format " + std::to_string(format) + ", not " +
                                           std::to_string(kSnapshotFormat));
    }
    const bool is_of_volume = fixed.Raw(volume.size()).value() == base::AsBytes(volume);
    const bool is_of_actor = fixed.U16().value() == actor;
    const std::uint16_t parts = fixed.U16().value();
    if (parts > kPartsMax) return Damage("has too many parts");
    COPSE_ASSIGN_OR_RETURN(const std::string lengths, Read(parts * sizeof(std::uint64_t)));
    crdt::ByteReader lengths_reader(lengths);
    std::uint64_t blocks = 0;
    for (unsigned i = 0; i < parts; ++i) {
      lengths_.push_back(lengths_reader.U64().value());
      if (lengths_.back() > size_) return Damage("a part is longer than the file");
      blocks += BlocksOf(lengths_.back());
    }
    COPSE_ASSIGN_OR_RETURN(const std::string checksums, Read(blocks * kChecksumBytes));
    COPSE_ASSIGN_OR_RETURN(const std::string last, Read(kChecksumBytes));
    header += lengths + checksums;
    crdt::ByteReader last_reader(last);
    if (base::Crc32c(header) != last_reader.U32().value()) return Damage("the checksum of the header is wrong");
    crdt::ByteReader checksums_reader(checksums);
    for (; blocks > 0; --blocks) checksums_.push_back(checksums_reader.U32().value());
    if (is_of_volume && is_of_actor) return absl::OkStatus();
    return absl::FailedPreconditionError(path_ + ": is of another replica");
  }

  const base::File& file_;
  std::string path_;
  std::uint64_t size_;
  std::uint64_t at_ = 0;
  std::vector<std::uint64_t> lengths_;
  std::vector<std::uint32_t> checksums_;
};

bool IsSnapshotName(const std::string& name) {
  return name.size() == kDigits + kSuffix.size() && name.find_first_not_of("0123456789abcdef") == kDigits &&
         name.compare(kDigits, std::string::npos, kSuffix.data()) == 0;
}

std::string NameIn(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::uint64_t EndOf(const FrameHeader& header) { return header.first_op + header.op_count; }

/// Whether the first `count` frames are the whole of some records.
bool EndsRecord(const FeedIndex& index, std::size_t count) {
  if (count == 0 || count == index.frames.size()) return true;
  const FeedIndex::Place& before = index.frames[count - 1];
  const FeedIndex::Place& after = index.frames[count];
  return before.segment != after.segment || before.offset + before.length != after.offset;
}

/// Reads frames from the end of a feed backward, and proves by the chain of hashes that they are what was written:
/// opening takes the last frame that a snapshot covers for proved.
class BackwardReader {
 public:
  BackwardReader(const Feed& feed, const base::Hash& last) : feed_(feed), previous_(last) {}

  /// To be called for each frame in turn. Errors: kDataLoss the disk has changed it.
  absl::Status Read(std::size_t number) {
    COPSE_ASSIGN_OR_RETURN(const std::vector<std::string> frames, feed_.Read(number, 1));
    hash_ = base::Sha256(frames.at(0));
    if (hash_ != previous_) {
      return absl::DataLossError("frame " + std::to_string(number) + " of actor " + std::to_string(feed_.actor()) +
                                 " is damaged on the disk; run: copse verify");
    }
    COPSE_ASSIGN_OR_RETURN(const Frame frame, DecodeFrame(frames.front()));
    header_ = frame.header;
    previous_ = header_.previous;
    return absl::OkStatus();
  }
  /// Of the frame read last.
  const FrameHeader& header() const { return header_; }
  const base::Hash& hash() const { return hash_; }

 private:
  const Feed& feed_;
  base::Hash previous_;
  FrameHeader header_;
  base::Hash hash_{};
};

/// Where opening goes on that has what `last` has read, the last frame of a record.
absl::StatusOr<FeedEnd> ResumeBehind(base::Storage& storage, const FeedIndex& index, const BackwardReader& last) {
  const FrameHeader& header = last.header();
  const FeedIndex::Place& place = index.frames[header.number];
  FeedEnd end;
  end.ops = EndOf(header);
  end.frames = header.number + 1;
  end.clock = header.clock;
  end.last_frame = last.hash();
  end.segment = NameIn(index.segments[place.segment]);
  end.segment_first_op = std::stoull(end.segment, nullptr, 16);
  end.segment_bytes = place.offset + place.length;
  end.bytes = end.segment_bytes;
  for (std::uint32_t segment = 0; segment < place.segment; ++segment) {
    COPSE_ASSIGN_OR_RETURN(const base::Storage::Metadata metadata, storage.Stat(index.segments[segment]));
    end.bytes += metadata.size;
  }
  return end;
}

}  // namespace

absl::Status WriteSnapshotFile(base::Storage& storage, const std::string& path, const VolumeId& volume,
                               crdt::ActorId actor, const std::vector<std::string_view>& parts) {
  const std::string temporary = path + ".new";
  // One left by a crash is of no use to anyone.
  if (absl::Status removed = storage.Remove(temporary); !removed.ok() && !absl::IsNotFound(removed)) return removed;
  const auto write = [&]() -> absl::Status {
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<base::File> file,
                           storage.Open(temporary, base::Storage::OpenMode::kCreate));
    const std::string header = EncodeHeader(volume, actor, parts);
    COPSE_RETURN_IF_ERROR(file->WriteAt(0, header));
    std::uint64_t at = header.size();
    for (const std::string_view part : parts) {
      COPSE_RETURN_IF_ERROR(file->WriteAt(at, part));
      at += part.size();
    }
    COPSE_RETURN_IF_ERROR(file->Sync());
    return storage.Rename(temporary, path);
  };
  if (absl::Status written = write(); !written.ok()) {
    storage.Remove(temporary).IgnoreError();  // On a full disk it would hold space; the first error is the one to tell.
    return written;
  }
  return storage.SyncDirectory(base::ParentDirectory(path));
}

absl::StatusOr<std::vector<crdt::ImageBuffer>> ReadSnapshotFile(base::Storage& storage, const std::string& path,
                                                                const VolumeId& volume, crdt::ActorId actor) {
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<base::File> file, storage.Open(path, base::Storage::OpenMode::kRead));
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  return Reading(*file, path, size).Run(volume, actor);
}

absl::StatusOr<std::vector<std::string>> ListSnapshots(base::Storage& storage, const std::string& directory) {
  std::vector<std::string> paths;
  const auto entries = storage.List(directory);
  if (absl::IsNotFound(entries.status())) return paths;
  COPSE_RETURN_IF_ERROR(entries.status());
  for (const base::Storage::Entry& entry : *entries) {
    if (IsSnapshotName(entry.name)) paths.push_back(directory + "/" + entry.name);
  }
  std::reverse(paths.begin(), paths.end());
  return paths;
}

std::string NextSnapshot(const std::string& directory, const std::vector<std::string>& snapshots) {
  const std::uint64_t number = snapshots.empty() ? 1 : std::stoull(NameIn(snapshots.front()), nullptr, 16) + 1;
  char name[kDigits + 1];
  std::snprintf(name, sizeof name, "%016" PRIx64, number);
  return directory + "/" + name + std::string(kSuffix);
}

absl::StatusOr<SnapshotFeed> DescribeFeed(base::Storage& storage, const Feed& feed, std::uint64_t ops) {
  SnapshotFeed described;
  described.ops = ops;
  const FeedEnd feed_end = feed.end();
  FeedIndex index = feed.index();
  index.frames.resize(feed_end.frames);
  BackwardReader reader(feed, feed_end.last_frame);
  // Backwards: what is not covered is little.
  std::size_t frames = index.frames.size();
  for (; frames > 0; --frames) {
    COPSE_RETURN_IF_ERROR(reader.Read(frames - 1));
    if (reader.header().op_count > 0 && EndOf(reader.header()) <= ops) break;
  }
  if (frames == 0 || EndOf(reader.header()) != ops) {
    return absl::FailedPreconditionError("no frame of actor " + std::to_string(feed.actor()) + " ends with its op " +
                                         std::to_string(ops));
  }
  described.frames = frames;
  described.last_frame = reader.hash();
  // Frames that came together lie in one record, and a record is read as a whole.
  std::size_t resume = frames;
  while (!EndsRecord(index, resume)) {
    --resume;
    if (resume > 0) COPSE_RETURN_IF_ERROR(reader.Read(resume - 1));
  }
  if (resume > 0) {
    COPSE_ASSIGN_OR_RETURN(described.resume, ResumeBehind(storage, index, reader));
  }
  index.frames.resize(frames);
  index.segments.resize(index.frames.back().segment + 1);
  for (std::string& segment : index.segments) segment = NameIn(segment);
  described.index = std::move(index);
  return described;
}

absl::Status CheckLastFrame(base::Storage& storage, const std::string& directory, const SnapshotFeed& feed) {
  const FeedIndex::Place& place = feed.index.frames.back();
  const std::string path = directory + "/" + feed.index.segments[place.segment];
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<base::File> file, storage.Open(path, base::Storage::OpenMode::kRead));
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  absl::Status other = absl::DataLossError(path + ": the feed does not hold all that the snapshot covers");
  if (place.offset > size || place.length > size - place.offset) return other;
  std::string frame(place.length, '\0');
  COPSE_ASSIGN_OR_RETURN(const std::size_t count, file->ReadAt(place.offset, frame));
  return count == frame.size() && base::Sha256(frame) == feed.last_frame ? absl::OkStatus() : other;
}

}  // namespace copse::replica
