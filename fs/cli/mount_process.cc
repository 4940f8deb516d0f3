#include "cli/mount_process.h"

// The life of a mount: open the store, then the log (only the holder of the store's lock may write there), detach a
// dead mount, mount, answer on the control socket, report, serve. Whatever ends the serving (umount, SIGTERM, an umount
// from outside) then takes the same way out: flush, tell a waiting `copse umount` how that went, close everything.

#include <copse/base/asio_network.h>
#include <copse/base/status_macros.h>
#include <copse/fs/frontend.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include "cli/ask.h"
#include "cli/control_server.h"
#include "cli/descriptor_limit.h"
#include "cli/errors.h"
#include "cli/exchanging.h"
#include "cli/log.h"
#include "cli/open_volume.h"
#include "cli/stop_signals.h"
#include "cli/volume_commands.h"

namespace copse::cli {
namespace {

// The kernel says that a killed process is gone a little before that process has let go of its lock.
constexpr std::chrono::seconds kTakeOverMax{5};
constexpr std::chrono::milliseconds kTakeOverPause{20};
// All of them are kept awake for the sake of one program that waits, so not of large machines unless they are told to.
constexpr long kFewProcessors = 8;

class MountProcess {
 public:
  MountProcess(const MountPlan& plan, const MountOptions& options) : plan_(plan), options_(options) {}
  ~MountProcess() { ObeyStopSignals(nullptr); }

  absl::Status Start();
  /// Calls `ready` when the mount can be used and unmounted.
  absl::Status Serve(const std::function<void()>& ready);

 private:
  absl::Status OpenVolumeOfPlan();
  absl::Status OpenLog();
  absl::Status Mount();
  absl::Status StartExchanging();
  absl::Status StartControl();
  absl::StatusOr<Json> Answer(const std::string& command, const Json& arguments);
  absl::StatusOr<Json> Unmount();

  const MountPlan& plan_;
  const MountOptions& options_;
  std::function<void()> stop_;  // What a signal does.
  std::promise<absl::Status> ended_;
  const std::shared_future<absl::Status> end_{ended_.get_future()};

  // Destroyed from the last to the first.
  std::unique_ptr<OpenVolume> opened_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<fs::Frontend> frontend_;
  std::unique_ptr<Exchanging> exchanging_;
  base::AsioNetwork network_;
  std::unique_ptr<ControlServer> control_;
};

absl::Status MountProcess::OpenVolumeOfPlan() {
  OpenVolume::Options options;
  options.read_only = options_.read_only;
  const auto give_up = std::chrono::steady_clock::now() + kTakeOverMax;
  for (;;) {
    absl::StatusOr<std::unique_ptr<OpenVolume>> opened = OpenVolume::Open(plan_.store, options);
    const bool may_come_free = plan_.takes_over && absl::IsUnavailable(opened.status());
    if (!may_come_free || std::chrono::steady_clock::now() > give_up) {
      COPSE_RETURN_IF_ERROR(opened.status());
      opened_ = std::move(*opened);
      return absl::OkStatus();
    }
    std::this_thread::sleep_for(kTakeOverPause);
  }
}

absl::Status MountProcess::OpenLog() {
  Log::Options options;
  options.level = static_cast<LogLevel>(std::min(options_.verbosity, static_cast<int>(LogLevel::kDebug)));
  options.to_stderr = options_.foreground;
  options.stderr_to_file = !options_.foreground;
  COPSE_ASSIGN_OR_RETURN(log_, Log::Open(plan_.store + "/log", opened_->clock(), options));
  for (const std::string& note : opened_->notes()) log_->Error(note);
  return absl::OkStatus();
}

absl::Status MountProcess::Mount() {
  if (plan_.takes_over) {
    log_->Info(plan_.mount_point + ": taking over the mount of a process that is gone");
    COPSE_RETURN_IF_ERROR(fs::Unmount(plan_.mount_point, true));
  }
  fs::Frontend::Options options;
  options.mount_point = plan_.mount_point;
  options.source = plan_.store;
  options.mount_options = options_.fuse_options;
  options.owners = options_.owners;
  options.read_only = options_.read_only;
  options.passthrough = options_.passthrough;
  options.keep_awake = options_.keep_awake.value_or(sysconf(_SC_NPROCESSORS_CONF) <= kFewProcessors);
  COPSE_ASSIGN_OR_RETURN(
      frontend_, fs::Frontend::Mount(opened_->volume(), options, [this](std::string_view line) { log_->Error(line); }));
  log_->Info("mounted " + plan_.store + " at " + plan_.mount_point + (options_.read_only ? ", read-only" : ""));
  return absl::OkStatus();
}

absl::Status MountProcess::StartExchanging() {
  if (options_.offline) return absl::OkStatus();
  Exchanging::Options options;
  options.listen = options_.listen;
  options.peers = options_.peers;
  options.log = [this](std::string_view line) { log_->Info(line); };
  COPSE_ASSIGN_OR_RETURN(exchanging_, Exchanging::Start(*opened_, std::move(options)));
  return absl::OkStatus();
}

absl::Status MountProcess::StartControl() {
  // We hold the store's lock, so whoever made a socket that is there is gone.
  std::remove((plan_.store + "/control").c_str());
  COPSE_ASSIGN_OR_RETURN(control_, ControlServer::Start(network_, ControlEndpoint(plan_.store),
                                                        [this](const std::string& command, const Json& arguments) {
                                                          return Answer(command, arguments);
                                                        }));
  return absl::OkStatus();
}

absl::Status MountProcess::Start() {
  COPSE_RETURN_IF_ERROR(OpenVolumeOfPlan());
  COPSE_RETURN_IF_ERROR(OpenLog());
  // Before the mount: an address in use is to fail without a trace.
  COPSE_RETURN_IF_ERROR(StartExchanging());
  COPSE_RETURN_IF_ERROR(Mount());
  return StartControl();
}

absl::StatusOr<Json> MountProcess::Answer(const std::string& command, const Json& arguments) {
  log_->Debug("asked for " + command);
  absl::StatusOr<Json> result =
      command == "unmount"
          ? Unmount()
          : RunVolumeCommand({*opened_, plan_.mount_point, exchanging_.get(), nullptr}, command, arguments);
  if (!result.ok()) log_->Info(command + ": " + std::string(result.status().message()));
  return result;
}

absl::StatusOr<Json> MountProcess::Unmount() {
  COPSE_RETURN_IF_ERROR(opened_->volume().Flush());
  COPSE_RETURN_IF_ERROR(fs::Unmount(plan_.mount_point, false));
  // Where a container has a copy of the mount in its own mount namespace, the connection would stay open without end.
  stop_();
  // Programs may have written between the flush and the unmounting: the answer is that of the flush after serving.
  COPSE_RETURN_IF_ERROR(end_.get());
  return Json{{"store", plan_.store}, {"mount_point", plan_.mount_point}, {"process_was_gone", false}};
}

absl::Status MountProcess::Serve(const std::function<void()>& ready) {
  stop_ = [frontend = frontend_.get()] { frontend->Stop(); };
  ObeyStopSignals(&stop_);
  const absl::Status served = frontend_->Serve(ready);
  ObeyStopSignals(nullptr);
  const absl::Status flushed = opened_->volume().Flush();
  ended_.set_value(flushed);
  for (const absl::Status& status : {served, flushed}) {
    if (!status.ok()) log_->Error(std::string(status.message()));
  }
  control_.reset();
  exchanging_.reset();  // After the flush: what was written last goes out as well.
  frontend_.reset();
  log_->Info("unmounted " + plan_.mount_point);
  return flushed.ok() ? served : flushed;
}

}  // namespace

int RunMountProcess(const MountPlan& plan, const MountOptions& options, const std::string& ready, StartReport& report) {
  HoldStopSignals();
  RaiseDescriptorLimit();
  MountProcess process(plan, options);
  const absl::Status started = process.Start();
  if (!started.ok()) {
    report.Failed(started);
    return kFailure;
  }
  bool is_ready = false;
  const absl::Status served = process.Serve([&] {
    report.Ready(ready);
    is_ready = true;
  });
  if (!is_ready) report.Failed(served);
  return served.ok() ? kSuccess : kFailure;
}

}  // namespace copse::cli
