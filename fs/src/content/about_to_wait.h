#pragma once

#include <functional>

namespace copse::fs {

/// Says that this thread is about to wait for work of others that may take long, such as the publication of a large
/// file. Does nothing where no WaitHook lives.
void AboutToWait();

/// While it lives, AboutToWait runs `hook` on the thread that made it; at most one at a time on a thread.
class WaitHook {
 public:
  explicit WaitHook(std::function<void()> hook);
  ~WaitHook();
  WaitHook(const WaitHook&) = delete;
  WaitHook& operator=(const WaitHook&) = delete;

 private:
  friend void AboutToWait();
  const std::function<void()> hook_;
};

}  // namespace copse::fs
