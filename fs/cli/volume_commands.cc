#include "cli/volume_commands.h"

#include <copse/base/status_macros.h>

#include <functional>
#include <map>

namespace copse::cli {

absl::StatusOr<Json> RunVolumeCommand(const VolumeContext& context, const std::string& command, const Json& arguments) {
  using Run = std::function<absl::StatusOr<Json>(const VolumeContext&, const Json&)>;
  const auto without_arguments = [](absl::StatusOr<Json> (*run)(const VolumeContext&)) {
    return [run](const VolumeContext& on, const Json&) { return run(on); };
  };
  static const std::map<std::string, Run> commands = {
      {"status", without_arguments(Status)},
      {"dump", without_arguments(Dump)},
      {"flush", without_arguments(Flush)},
      {"verify", without_arguments(Verify)},
      {"conflicts", without_arguments(ListConflicts)},
      {"members", without_arguments(ListMembers)},
      {"invite", Invite},
      {"sync", Synchronize},
      {"trash-list", without_arguments(ListTrash)},
      {"trash-restore", RestoreFromTrash},
      {"trash-purge", PurgeFromTrash},
  };
  const auto found = commands.find(command);
  if (found == commands.end()) return absl::InvalidArgumentError(command + ": no such command");
  try {
    return found->second(context, arguments);
  } catch (const Json::exception&) {  // An argument of another type than it should be.
    return absl::InvalidArgumentError(command + ": its arguments make no sense");
  }
}

absl::StatusOr<Json> Dump(const VolumeContext& context) { return Json(context.opened.volume().Dump()); }

absl::StatusOr<Json> Flush(const VolumeContext& context) {
  COPSE_RETURN_IF_ERROR(context.opened.volume().Flush());
  const replica::Store::Usage usage = context.opened.store().usage();
  return Json{{"store", context.opened.store().path()}, {"durable_ops", usage.durable_ops}};
}

}  // namespace copse::cli
