#include "frontend/libfuse_log.h"

#include <fuse_log.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <optional>
#include <utility>

#include "frontend/libfuse.h"

namespace copse::fs {
namespace {

std::mutex log_mutex;
Frontend::Log process_log;
thread_local std::optional<std::string> gathered;

void OnMessage(fuse_log_level, const char* format, std::va_list arguments) {
  char text[512];
  std::vsnprintf(text, sizeof text, format, arguments);
  std::string line = text;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  if (gathered) {
    if (line.starts_with("fuse: ")) line.erase(0, 6);
    if (!gathered->empty()) *gathered += "; ";
    *gathered += line;
    return;
  }
  const std::lock_guard lock(log_mutex);
  if (process_log) process_log(line);
}

}  // namespace

void SetLibfuseLog(Frontend::Log log) {
  {
    const std::lock_guard lock(log_mutex);
    process_log = std::move(log);
  }
  fuse_set_log_func(&OnMessage);
}

LibfuseMessages::LibfuseMessages() { gathered.emplace(); }
LibfuseMessages::~LibfuseMessages() { gathered.reset(); }

std::string LibfuseMessages::Text() const { return *gathered; }

}  // namespace copse::fs
