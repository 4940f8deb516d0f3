#include "cli/serve_process.h"

#include <copse/base/asio_network.h>
#include <copse/base/status_macros.h>
#include <semaphore.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <utility>

#include "cli/ask.h"
#include "cli/control_server.h"
#include "cli/descriptor_limit.h"
#include "cli/errors.h"
#include "cli/exchanging.h"
#include "cli/log.h"
#include "cli/open_volume.h"
#include "cli/stop_signals.h"
#include "cli/store_path.h"
#include "cli/volume_commands.h"

namespace copse::cli {
namespace {

/// Ended from a signal's handler.
class Stop {
 public:
  Stop() { sem_init(&semaphore_, 0, 0); }
  ~Stop() { sem_destroy(&semaphore_); }
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;
  void Signal() { sem_post(&semaphore_); }
  void Wait() {
    while (sem_wait(&semaphore_) != 0 && errno == EINTR) {
    }
  }

 private:
  sem_t semaphore_{};
};

absl::Status Serve(const std::string& store, const ServeOptions& options) {
  COPSE_ASSIGN_OR_RETURN(const std::string path, StorePath(store));
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<OpenVolume> opened, OpenVolume::Open(path, {}));
  Log::Options log_options;
  log_options.level = static_cast<LogLevel>(std::min(options.verbosity, static_cast<int>(LogLevel::kDebug)));
  log_options.to_stderr = true;
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<Log> log, Log::Open(path + "/log", opened->clock(), log_options));
  Exchanging::Options exchange_options;
  exchange_options.listen = options.listen;
  exchange_options.peers = options.peers;
  exchange_options.log = [&log](std::string_view line) { log->Info(line); };
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<Exchanging> exchanging,
                         Exchanging::Start(*opened, std::move(exchange_options)));
  if (exchanging->listening().empty() && opened->store().addresses().peers.empty()) {
    return absl::FailedPreconditionError("nobody to exchange with: give --listen HOST:PORT or --peer HOST:PORT");
  }
  base::AsioNetwork network;
  // We hold the store's lock, so whoever made a socket that is there is gone.
  std::remove((path + "/control").c_str());
  COPSE_ASSIGN_OR_RETURN(
      const std::unique_ptr<ControlServer> control,
      ControlServer::Start(network, ControlEndpoint(path), [&](const std::string& command, const Json& arguments) {
        return RunVolumeCommand({*opened, std::nullopt, exchanging.get(), nullptr}, command, arguments);
      }));
  Stop stop;
  const std::function<void()> signal = [&stop] { stop.Signal(); };
  ObeyStopSignals(&signal);
  for (const std::string& endpoint : exchanging->listening()) std::printf("listening at %s\n", endpoint.c_str());
  std::fflush(stdout);
  stop.Wait();
  ObeyStopSignals(nullptr);
  return opened->volume().Flush();
}

}  // namespace

int RunServeProcess(const std::string& store, const ServeOptions& options) {
  HoldStopSignals();
  RaiseDescriptorLimit();
  const absl::Status served = Serve(store, options);
  return served.ok() ? kSuccess : Fail(served);
}

}  // namespace copse::cli
