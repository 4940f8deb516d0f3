#include "cli/kind_name.h"

namespace copse::cli {

const char* KindName(fs::Kind kind) {
  switch (kind) {
    case fs::Kind::kDirectory:
      return "directory";
    case fs::Kind::kRegular:
      return "file";
    case fs::Kind::kSymlink:
      return "symlink";
    case fs::Kind::kFifo:
      return "fifo";
    case fs::Kind::kSocket:
      return "socket";
    case fs::Kind::kCharacterDevice:
      return "character device";
    case fs::Kind::kBlockDevice:
      return "block device";
  }
  return "unknown";
}

}  // namespace copse::cli
