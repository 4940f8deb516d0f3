#include "cli/mount_command.h"

#include <absl/status/statusor.h>
#include <copse/fs/frontend.h>

#include "cli/detach.h"
#include "cli/errors.h"
#include "cli/json.h"
#include "cli/mount_plan.h"
#include "cli/mount_process.h"

namespace copse::cli {
namespace {

std::string TextOf(const MountPlan& plan) {
  if (plan.already_mounted) return plan.store + " is already mounted at " + plan.mount_point;
  return "mounted " + plan.store + " at " + plan.mount_point + "\nunmount: copse umount " + plan.mount_point;
}

std::string JsonOf(const MountPlan& plan) {
  return ToText(Json{{"store", plan.store},
                     {"mount_point", plan.mount_point},
                     {"already_mounted", plan.already_mounted},
                     {"took_over", plan.takes_over}});
}

}  // namespace

int RunMount(const MountCommand& command) {
  MountOptions options = command.options;
  const absl::Status taken = TakeMountOptions(command.given, options);
  if (!taken.ok()) return Fail(taken);
  const absl::StatusOr<std::vector<fs::MountedVolume>> mounts = fs::ListMounts();
  if (!mounts.ok()) return Fail(mounts.status());
  const absl::StatusOr<MountPlan> plan = PlanMount(command.store, command.directory, *mounts);
  if (!plan.ok()) return Fail(plan.status());
  const std::string said = command.quiet ? "" : (command.json ? JsonOf(*plan) : TextOf(*plan)) + "\n";
  if (plan->already_mounted) return Write(said);
  const auto serve = [&](StartReport& report) { return RunMountProcess(*plan, options, said, report); };
  return options.foreground ? RunInForeground(serve) : RunDetached(plan->store + "/log", serve);
}

}  // namespace copse::cli
