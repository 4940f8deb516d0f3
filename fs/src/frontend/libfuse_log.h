#pragma once

#include <copse/fs/frontend.h>

#include <string>

namespace copse::fs {

/// Has libfuse's messages go to `log` instead of stderr. libfuse has one log for the whole process: the last call wins.
void SetLibfuseLog(Frontend::Log log);

/// While it lives, gathers libfuse's messages from this thread, so that they can become part of an error. Not nested.
class LibfuseMessages {
 public:
  LibfuseMessages();
  ~LibfuseMessages();
  LibfuseMessages(const LibfuseMessages&) = delete;
  LibfuseMessages& operator=(const LibfuseMessages&) = delete;

  /// All so far, in one line, without libfuse's own prefix.
  std::string Text() const;
};

}  // namespace copse::fs
