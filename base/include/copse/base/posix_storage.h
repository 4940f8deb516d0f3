#pragma once

#include <copse/base/storage.h>

namespace copse::base {

/// The machine's file systems. Every descriptor is close-on-exec.
class PosixStorage final : public Storage {
 public:
  absl::StatusOr<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::Status CreateDirectory(const std::string& path) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveDirectory(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::StatusOr<std::vector<Entry>> List(const std::string& directory) override;
  absl::StatusOr<Metadata> Stat(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& directory) override;
  absl::StatusOr<Space> FreeSpace(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<StorageLock>> Lock(const std::string& path) override;
};

}  // namespace copse::base
