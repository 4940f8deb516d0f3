#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>
#include <absl/status/statusor.h>
#include <copse/base/hash.h>
#include <copse/fs/content.h>

#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace copse::fs {

/// A chunk as readers want it: bytes of a file, or the entries of a page.
struct CachedChunk {
  std::string bytes;
  std::vector<ManifestEntry> entries;
  std::vector<std::uint64_t> ends;  ///< Of each entry, in bytes from the start of the page.

  std::size_t MemoryBytes() const;
};

/// The chunks read last, up to a sum of bytes. Thread-safe: whoever asks for a chunk that another thread is loading
/// waits for it, so that parallel reads (the kernel's read-ahead) decode a chunk once.
class ChunkCache {
 public:
  using Value = std::shared_ptr<const CachedChunk>;
  struct Key {
    base::Hash id;
    bool is_page = false;
    std::uint8_t level = 0;  ///< Of a page.

    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const Key& key) {
      return H::combine(std::move(state), key.id, key.is_page, key.level);
    }
  };

  explicit ChunkCache(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// What `load` gave when it was last called for `key`, or gives now. An error is not kept.
  absl::StatusOr<Value> GetOrLoad(const Key& key, absl::FunctionRef<absl::StatusOr<CachedChunk>()> load);

 private:
  struct Loading {
    bool done = false;
    absl::StatusOr<Value> result = Value();
  };
  using Order = std::list<std::pair<Key, Value>>;

  void Keep(const Key& key, const Value& value);

  const std::uint64_t bytes_max_;
  std::mutex mutex_;
  std::condition_variable loaded_;
  std::uint64_t bytes_ = 0;
  Order order_;  // The latest used first.
  absl::flat_hash_map<Key, Order::iterator> kept_;
  absl::flat_hash_map<Key, std::shared_ptr<Loading>> loading_;
};

}  // namespace copse::fs
