#include "content/about_to_wait.h"

#include <copse/base/check.h>

#include <utility>

namespace copse::fs {
namespace {

thread_local const WaitHook* present_hook = nullptr;

}  // namespace

WaitHook::WaitHook(std::function<void()> hook) : hook_(std::move(hook)) {
  COPSE_CHECK(present_hook == nullptr);
  present_hook = this;
}

WaitHook::~WaitHook() { present_hook = nullptr; }

void AboutToWait() {
  if (present_hook != nullptr) present_hook->hook_();
}

}  // namespace copse::fs
