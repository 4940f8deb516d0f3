#include "content/publisher.h"

#include <copse/base/status_macros.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "content/manifest_page.h"
#include "content/manifest_writer.h"

// Publishing without reading what did not change. Contents are holes (those that are known and long enough) and the
// stretches of data between them. Each stretch is cut from its start on; where a chunk ends depends on nothing but the
// bytes from its own start. So wherever a cut falls on the start of a base chunk that is untouched, that chunk is what
// cutting would give, and is taken without reading. The one exception is a base chunk that ended because its stretch
// did: it is taken only if it ends a stretch here too.

namespace copse::fs {
namespace {

struct Stretch {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class Publisher {
 public:
  explicit Publisher(const Publication& publication)
      : in_(publication), sizes_(ChunkSizesFor(publication.size)), limit_(publication.changes.limit()) {}

  absl::StatusOr<Manifest> Run() {
    if (in_.size <= Manifest::kInlineBytesMax) {
      std::string bytes(in_.size, '\0');
      COPSE_RETURN_IF_ERROR(in_.read(0, bytes));
      return InlineManifest(std::move(bytes), in_.mtime, in_.fixed_chunks);
    }
    COPSE_ASSIGN_OR_RETURN(base_leaves_, in_.base.Leaves());
    std::uint64_t begin = 0;
    for (const Stretch& hole : KnownHoles()) {
      if (hole.end - hole.begin < kHoleBytesMin) continue;
      COPSE_RETURN_IF_ERROR(CutStretch({begin, hole.begin}));
      leaves_.push_back({hole.end - hole.begin, true, {}});
      begin = hole.end;
    }
    COPSE_RETURN_IF_ERROR(CutStretch({begin, in_.size}));
    return ChunkedManifest(in_.content, std::move(leaves_), in_.mtime, in_.fixed_chunks);
  }

 private:
  /// Every maximal range known to be a hole, in order: punched, beyond the limit, or a hole of the base.
  std::vector<Stretch> KnownHoles() const {
    std::vector<Stretch> holes;
    const auto add = [&](std::uint64_t begin, std::uint64_t end) {
      if (begin >= end) return;
      if (!holes.empty() && holes.back().end == begin) {
        holes.back().end = end;
      } else {
        holes.push_back({begin, end});
      }
    };
    std::size_t leaf = 0;
    std::uint64_t leaf_begin = 0;
    const auto add_base = [&](std::uint64_t begin, std::uint64_t end) {
      while (leaf < base_leaves_.size() && leaf_begin < end) {
        const std::uint64_t leaf_end = leaf_begin + base_leaves_[leaf].length;
        if (base_leaves_[leaf].is_hole) add(std::max(begin, leaf_begin), std::min(end, leaf_end));
        if (leaf_end > end) return;
        leaf_begin = leaf_end;
        ++leaf;
      }
    };
    const auto add_unchanged = [&](std::uint64_t begin, std::uint64_t end) {
      if (begin < limit_) add_base(begin, std::min(end, limit_));
      add(std::max(begin, limit_), end);
    };
    std::uint64_t done = 0;
    for (const auto& [begin, tail] : in_.changes.ranges()) {
      add_unchanged(done, begin);
      if (tail.kind == RangeKind::kHole) add(begin, tail.end);
      done = tail.end;
    }
    add_unchanged(done, in_.size);
    return holes;
  }

  absl::Status CutStretch(const Stretch& stretch) {
    for (std::uint64_t begin = stretch.begin; begin < stretch.end;) {
      if (const ManifestEntry* reused = BaseChunkAt(begin, stretch.end)) {
        leaves_.push_back(*reused);
      } else {
        COPSE_RETURN_IF_ERROR(StoreChunkAt(begin, stretch.end));
      }
      begin += leaves_.back().length;
      if (leaves_.size() > kLeavesMax) return absl::ResourceExhaustedError("a file of more chunks than a version has");
    }
    return absl::OkStatus();
  }

  /// The base's chunk that cutting at `begin` is known to give, if there is one. Calls come with ascending `begin`.
  const ManifestEntry* BaseChunkAt(std::uint64_t begin, std::uint64_t stretch_end) {
    const Manifest& base = in_.base.manifest();
    if (base.fixed_chunks != in_.fixed_chunks) return nullptr;
    if (!in_.fixed_chunks && ChunkSizesFor(base.size) != sizes_) return nullptr;
    while (leaf_ < base_leaves_.size() && leaf_begin_ < begin) leaf_begin_ += base_leaves_[leaf_++].length;
    if (leaf_ == base_leaves_.size() || leaf_begin_ != begin || base_leaves_[leaf_].is_hole) return nullptr;
    const std::uint64_t end = begin + base_leaves_[leaf_].length;
    if (end > stretch_end || end > limit_) return nullptr;
    if (const auto change = in_.changes.FirstFrom(begin); change && change->begin < end) return nullptr;
    const bool ended_stretch = leaf_ + 1 == base_leaves_.size() || base_leaves_[leaf_ + 1].is_hole;
    if (ended_stretch && end != stretch_end) return nullptr;
    return &base_leaves_[leaf_];
  }

  absl::Status StoreChunkAt(std::uint64_t begin, std::uint64_t stretch_end) {
    if (in_.gives_up()) return absl::AbortedError("publication gave way");
    const std::uint64_t max =
        in_.fixed_chunks ? kFixedChunkBytes - begin % kFixedChunkBytes : std::uint64_t{sizes_.max};
    COPSE_RETURN_IF_ERROR(FillWindow(begin, std::min(stretch_end, begin + max)));
    const std::size_t length = in_.fixed_chunks ? window_.size() : in_.chunker.Cut(window_, sizes_);
    ManifestEntry entry;
    entry.length = length;
    COPSE_ASSIGN_OR_RETURN(entry.chunk, in_.content.Put(std::string_view(window_).substr(0, length)));
    leaves_.push_back(entry);
    return absl::OkStatus();
  }

  /// Makes the window hold [begin, end); what it held of that is not read again.
  absl::Status FillWindow(std::uint64_t begin, std::uint64_t end) {
    if (begin >= window_begin_ && begin - window_begin_ <= window_.size()) {
      window_.erase(0, begin - window_begin_);
    } else {
      window_.clear();
    }
    window_begin_ = begin;
    const std::size_t have = window_.size();
    window_.resize(end - begin);
    if (have >= window_.size()) return absl::OkStatus();
    return in_.read(begin + have, std::span(window_).subspan(have));
  }

  const Publication& in_;
  const ChunkSizes sizes_;
  const std::uint64_t limit_;
  std::vector<ManifestEntry> base_leaves_;
  std::vector<ManifestEntry> leaves_;
  std::size_t leaf_ = 0;          // The base's leaf at or after the last cut asked for,
  std::uint64_t leaf_begin_ = 0;  // and where it begins.
  std::string window_;
  std::uint64_t window_begin_ = 0;
};

}  // namespace

absl::StatusOr<Manifest> PublishContents(const Publication& publication) { return Publisher(publication).Run(); }

}  // namespace copse::fs
