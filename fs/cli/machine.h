#pragma once

#include <copse/base/asio_network.h>
#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/posix_storage.h>
#include <copse/base/random.h>
#include <copse/replica/exchange.h>
#include <copse/replica/store.h>

namespace copse::cli {

/// The world as it is: storage, clock, randomness, network and executors are chosen here and nowhere else.
struct Machine {
  // A callback may still be posting to an executor.
  ~Machine() { network.Stop(); }

  base::PosixStorage storage;
  base::SystemClock clock;
  base::SystemRandom random;
  base::AsioNetwork network;
  // Three threads: publishing a file waits for the store's sync, which the store's own timer may be at, and neither is
  // to wait for what other replicas send.
  base::ThreadExecutor store_executor;
  base::ThreadExecutor volume_executor;
  base::ThreadExecutor exchange_executor;

  replica::Store::Environment store_environment() { return {storage, clock, random, store_executor}; }
  /// What an exchange with other replicas runs on.
  replica::Exchange::Environment exchange_environment() { return {network, exchange_executor, clock, random}; }
};

}  // namespace copse::cli
