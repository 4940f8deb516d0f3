#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <copse/crdt/op.h>

#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace copse::crdt {

/// Many ops in few bytes, for snapshots and bulk transfer: docs/format/columns.md. Ops of any actors in any order,
/// which is kept; what belongs together stands together, so the bytes compress further. An op without its name takes
/// about 0.1 byte if it creates in order, some 3 in a mix of creations, renames and deletions of a million ops.
///
/// Not canonical: other bytes may mean the same ops. Equal ops in equal order get equal bytes from this function.
/// No checksum: whoever stores or sends the bytes has one (a frame, a TLS connection).
/// The fields of each op must ascend, and so must the times that a field replaces; ops need not pass ValidateOp.
/// Cost: O(ops), and a hash table of the nodes.
std::string EncodeOpColumns(std::span<const Op> ops);

/// Ops as columns are decoded for so many ops unless a caller says how many it is ready for: see DecodeOpColumns.
inline constexpr std::size_t kAnyNumberOfOps = std::numeric_limits<std::size_t>::max();

/// The inverse, for bytes from anywhere. Cost: O(bytes + ops), no hashing.
///
/// An encoding has at least one byte for every 8 ops, so that what it makes us allocate is bounded: about 1.5 KiB for
/// each byte, at the worst. Who takes bytes from a stranger passes `ops_max`, the number of ops that it is ready for:
/// then it is also at most about 250 bytes for each of these, and some hundred for each byte.
///
/// Errors: kDataLoss with the offset and what was expected there; kResourceExhausted for more than `ops_max` ops, seen
/// before anything is allocated. Nothing is returned in part.
absl::StatusOr<std::vector<Op>> DecodeOpColumns(std::string_view bytes, std::size_t ops_max = kAnyNumberOfOps);

/// The same in pieces, for replaying a large snapshot: a million ops in memory take longer to make room for than to
/// read. Only for bytes that are known to be whole, by a checksum: what is wrong is found when its turn comes, and the
/// ops before it have been given out. Not copyable.
class OpColumnsReader {
 public:
  /// `bytes` must outlive the reader. Errors: as DecodeOpColumns, for what is wrong before the first op.
  static absl::StatusOr<OpColumnsReader> Open(std::string_view bytes, std::size_t ops_max = kAnyNumberOfOps);
  OpColumnsReader(OpColumnsReader&& other) noexcept;
  OpColumnsReader& operator=(OpColumnsReader&& other) noexcept;
  ~OpColumnsReader();

  /// Ops that are still to come.
  std::size_t remaining() const;
  /// Puts the next `count` ops, or as many as remain, into `ops` instead of what is there. With the last of them all
  /// bytes have been looked at. Errors: kDataLoss as DecodeOpColumns; then `ops` is empty, and nothing can be read any
  /// more.
  absl::Status Read(std::size_t count, std::vector<Op>& ops);

 private:
  struct State;
  explicit OpColumnsReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace copse::crdt
