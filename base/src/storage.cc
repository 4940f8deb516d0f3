#include <copse/base/status_macros.h>
#include <copse/base/storage.h>

namespace copse::base {

absl::StatusOr<std::string> ReadWholeFile(Storage& storage, const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, storage.Open(path, Storage::OpenMode::kRead));
  COPSE_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  std::string contents(size, '\0');
  COPSE_ASSIGN_OR_RETURN(const std::size_t read, file->ReadAt(0, contents));
  contents.resize(read);
  return contents;
}

absl::Status ReplaceFile(Storage& storage, const std::string& path, std::string_view contents) {
  const std::string temporary = path + ".new";
  // One left by a crash is of no use to anyone.
  if (absl::Status removed = storage.Remove(temporary); !removed.ok() && !absl::IsNotFound(removed)) return removed;
  const auto write = [&]() -> absl::Status {
    COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, storage.Open(temporary, Storage::OpenMode::kCreate));
    COPSE_RETURN_IF_ERROR(file->WriteAt(0, contents));
    COPSE_RETURN_IF_ERROR(file->Sync());
    return storage.Rename(temporary, path);
  };
  if (absl::Status written = write(); !written.ok()) {
    storage.Remove(temporary).IgnoreError();  // On a full disk it would hold space; the first error is the one to tell.
    return written;
  }
  return storage.SyncDirectory(ParentDirectory(path));
}

std::string ParentDirectory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace copse::base
