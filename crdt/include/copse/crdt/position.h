#pragma once

#include <absl/status/statusor.h>
#include <copse/crdt/timestamp.h>

#include <string>
#include <string_view>

namespace copse::crdt {

/// A key for something that is to stand between two others in a list that several participants edit: put it into the
/// metadata of siblings and order them by it, as strings. No other key ever needs to change.
///
/// `before` and `after` are the keys of the neighbours; empty: there is none on that side. `now` is the time of the op
/// that puts the key into the tree (next_time() of the document or batch): it makes the key unlike every other.
///
/// What several participants write at one place concurrently does not interleave: who goes on after, or in front of,
/// his own last key gets keys next to it, with nothing between but what others put there after they had seen them.
///
/// Keys are of 0-9, A-Z, a-z, '-' and '_'. A key has some 7 characters, and as many again for each level of a deepest
/// bisection: only inserting again and again between the two keys inserted last makes keys longer, by 7 characters each
/// time. Appending, prepending, and inserting ever before or ever after the same key do not, whoever does it; the
/// counter's digits add a few over the years. New keys for a whole list, in one batch, are short again.
///
/// Errors: kInvalidArgument `before` or `after` is no key, or they are not ascending; kOutOfRange no participant makes
/// such keys, and they leave no room.
///
/// Source: runs that stay together and the tree of positions are those of Weidner, Kleppmann, "The Art of the Fugue",
/// arXiv:2305.00583; new siblings outermost, in front or behind, keep it shallow.
absl::StatusOr<std::string> PositionBetween(std::string_view before, std::string_view after, Timestamp now);

/// Whether PositionBetween can have made it.
bool IsPosition(std::string_view key);

}  // namespace copse::crdt
