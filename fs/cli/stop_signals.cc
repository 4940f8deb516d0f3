#include "cli/stop_signals.h"

#include <pthread.h>

#include <atomic>
#include <csignal>

namespace copse::cli {
namespace {

std::atomic<const std::function<void()>*> stopping = nullptr;

extern "C" void Stop(int) {
  if (const std::function<void()>* stop = stopping.load()) (*stop)();
}

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

bool IsIgnored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

void HoldStopSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // That nobody reads the messages any more is no reason to end.
  std::signal(SIGPIPE, SIG_IGN);
}

void ObeyStopSignals(const std::function<void()>* stop) {
  stopping = stop;
  if (stop == nullptr) return;
  struct sigaction action {};
  action.sa_handler = Stop;
  // Without SA_RESTART: the wait that the signal ends must return. All our system calls go on after EINTR by
  // themselves.
  action.sa_flags = 0;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  if (!IsIgnored(SIGHUP)) sigaction(SIGHUP, &action, nullptr);
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

}  // namespace copse::cli
