#pragma once

#include <copse/base/content_store.h>
#include <copse/base/storage.h>
#include <copse/fs/attributes.h>
#include <copse/fs/staged_file.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "content/chunk_cache.h"
#include "content/chunker.h"

namespace copse::fs {

/// What the files of one staging area share. Thread-safe.
///
/// A staging is two files with one stem, the node's id in hex. A stem that an unrecovered staging of an earlier
/// process holds is never written over: the node's next staging gets "-2", "-3", ... behind it.
struct StagingContext {
  StagingContext(base::Storage& the_storage, base::ContentStore& the_content, std::string the_directory,
                 std::string_view volume_key, const StagingArea::Options& the_options)
      : storage(the_storage),
        content(the_content),
        directory(std::move(the_directory)),
        options(the_options),
        chunker(volume_key),
        cache(std::make_shared<ChunkCache>(the_options.cache_bytes_max)) {}

  std::string DataPath(const std::string& stem) const { return directory + "/" + stem + ".data"; }
  std::string LogPath(const std::string& stem) const { return directory + "/" + stem + ".extents"; }

  /// A stem that nobody holds; held until Release.
  std::string ClaimStem(NodeId node);
  /// `remains`: its files stay on disk, for Recover.
  void ReleaseStem(const std::string& stem, bool remains);
  std::size_t live_stems();

  base::Storage& storage;
  base::ContentStore& content;
  const std::string directory;
  const StagingArea::Options options;
  const Chunker chunker;
  const std::shared_ptr<ChunkCache> cache;

  std::mutex mutex;
  std::set<std::string> live;  // Of files that are open. Guarded by `mutex`.
  std::set<std::string> left;  // On disk, of nobody. Guarded by `mutex`.
};

}  // namespace copse::fs
