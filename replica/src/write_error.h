#pragma once

#include <absl/status/status.h>

#include <string>

namespace copse::replica {

/// Whether what failed so has changed nothing and may succeed later: for a full disk, and for a want of descriptors.
inline bool MayPass(const absl::Status& error) {
  return absl::IsResourceExhausted(error) || absl::IsUnavailable(error);
}

/// `error` as one after which the file must not be written again. A full disk found by a write leaves a file that can
/// be cut back, and is kResourceExhausted; found by a sync, or followed by another failure, it is as final as any
/// other. So is kUnavailable, a want of descriptors, where something was changed before.
inline absl::Status FatalWriteError(const absl::Status& error) {
  return MayPass(error) ? absl::InternalError(std::string(error.message())) : error;
}

}  // namespace copse::replica
