#include "cli/command_line.h"

// The one place that knows the words of the command line. Each command is a function that fills in its options and says
// what to run; printing goes through Print, which alone knows of --json.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/ask.h"
#include "cli/dump_json.h"
#include "cli/errors.h"
#include "cli/init.h"
#include "cli/join.h"
#include "cli/mount_command.h"
#include "cli/mount_helper.h"
#include "cli/print.h"
#include "cli/repair.h"
#include "cli/serve_process.h"
#include "cli/unmount.h"
#include "cli/version.h"

namespace copse::cli {
namespace {

using TextOf = std::string (*)(const Json& result);

/// What the command that was named runs.
using Run = std::function<int()>;

int Print(const absl::StatusOr<Json>& result, bool as_json, TextOf text_of) {
  if (!result.ok()) return Fail(result.status());
  return Write(as_json ? ToText(*result) + "\n" : text_of(*result));
}

/// Options that commands share. Lives as long as the parser.
struct Options {
  bool json = false;
  std::string path;
  std::string directory;
  std::string label;
  std::string action;
  std::vector<std::string> targets;
  bool all = false;
  MountCommand mount;
  std::string invitation;
  std::string role = "writer";
  std::vector<std::string> addresses;
  std::int64_t timeout_s = 24 * 3600;
  std::int64_t patience_s = 150;
  std::int64_t lifetime_s = 24 * 3600;
  ServeOptions serve;
};

CLI::App* AddCommand(CLI::App& app, Options& options, const std::string& name, const std::string& description) {
  CLI::App* command = app.add_subcommand(name, description);
  command->add_flag("--json", options.json, "Print the result as one line of JSON");
  return command;
}

void AddPath(CLI::App* command, Options& options) {
  command->add_option("PATH", options.path, "A store, or anything inside a mount")->required();
}

/// A command that runs on an open volume, here or in the process of the mount, without arguments.
void AddVolumeCommand(CLI::App& app, Options& options, Run& run, const std::string& name,
                      const std::string& description, TextOf text_of) {
  CLI::App* command = AddCommand(app, options, name, description);
  AddPath(command, options);
  command->final_callback([&options, &run, name, text_of] {
    run = [&options, name, text_of] { return Print(Ask(options.path, name, Json::object()), options.json, text_of); };
  });
}

void AddInit(CLI::App& app, Options& options, Run& run) {
  CLI::App* command = AddCommand(app, options, "init", "Make a new, empty volume");
  command->add_option("STORE", options.path, "Where to keep it: a directory that is empty or does not exist")
      ->required();
  command->add_option("--label", options.label, "Name of this replica, 1 to 16 of a-z and 0-9 (default: the host's)");
  command->final_callback([&options, &run] {
    run = [&options] { return Print(InitStore(options.path, options.label), options.json, InitText); };
  });
}

void AddAddresses(CLI::App* command, std::vector<std::string>& listen, std::vector<std::string>& peers) {
  command->add_option("--listen", listen, "Let other replicas connect there; remembered (port 0: any free one)")
      ->allow_extra_args(false)
      ->type_name("HOST:PORT");
  command->add_option("--peer", peers, "Stay connected to the replica there; remembered")
      ->allow_extra_args(false)
      ->type_name("HOST:PORT");
}

void AddJoin(CLI::App& app, Options& options, Run& run) {
  CLI::App* command = AddCommand(app, options, "join", "Become a replica of a volume, and fetch all of it");
  command->add_option("STORE", options.path, "Where to keep it: a directory that is empty or does not exist")
      ->required();
  command->add_option("INVITATION", options.invitation, "What `copse invite` printed on a machine of the volume")
      ->required();
  command->add_option("--label", options.label, "Name of this replica, 1 to 16 of a-z and 0-9 (default: the host's)");
  command->final_callback([&options, &run] {
    run = [&options] {
      return Print(JoinVolume(options.path, options.invitation, options.label), options.json, JoinText);
    };
  });
}

void AddInvite(CLI::App& app, Options& options, Run& run) {
  CLI::App* command = AddCommand(app, options, "invite", "Make an invitation for one more replica");
  AddPath(command, options);
  command->add_option("--role", options.role, "writer, or admin, who may invite others")
      ->check(CLI::IsMember({"writer", "admin"}));
  command
      ->add_option("--address", options.addresses, "How the new replica reaches this one (default: where it listens)")
      ->allow_extra_args(false)
      ->type_name("HOST:PORT");
  command->add_option("--lifetime", options.lifetime_s, "How long it is good for (default: a day)")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber);
  command->final_callback([&options, &run] {
    run = [&options] {
      const Json arguments{
          {"role", options.role}, {"addresses", options.addresses}, {"lifetime_s", options.lifetime_s}};
      return Print(Ask(options.path, "invite", arguments), options.json, InviteText);
    };
  });
}

void AddSync(CLI::App& app, Options& options, Run& run) {
  CLI::App* command = AddCommand(app, options, "sync", "Exchange with other replicas until all hold the same");
  AddPath(command, options);
  command->add_option("--peer", options.addresses, "With the replica there; remembered (default: those remembered)")
      ->allow_extra_args(false)
      ->type_name("HOST:PORT");
  command->add_option("--timeout", options.timeout_s, "Give up after so many seconds")->type_name("SECONDS");
  command->final_callback([&options, &run] {
    run = [&options] {
      const Json arguments{{"peers", options.addresses}, {"timeout_s", options.timeout_s}};
      return Print(Ask(options.path, "sync", arguments), options.json, SyncText);
    };
  });
}

void AddServe(CLI::App& app, Options& options, Run& run) {
  CLI::App* command =
      app.add_subcommand("serve", "Exchange with other replicas without a mount, until ended by SIGTERM or Ctrl-C");
  command->add_option("STORE", options.path, "The store")->required();
  AddAddresses(command, options.serve.listen, options.serve.peers);
  command->add_flag("-v", options.serve.verbosity, "Say what happens; twice: in detail");
  command->final_callback(
      [&options, &run] { run = [&options] { return RunServeProcess(options.path, options.serve); }; });
}

void AddMount(CLI::App& app, Options& options, Run& run) {
  CLI::App* command = AddCommand(app, options, "mount", "Mount a volume; returns once it is usable");
  MountOptions& mount = options.mount.options;
  command->add_option("STORE", options.mount.store, "The store")->required();
  command->add_option("DIR", options.mount.directory, "An empty directory")->required();
  command->add_flag("--foreground", mount.foreground, "Stay in the foreground, and log to stderr too");
  command->add_flag("--read-only", mount.read_only, "Let nothing be changed");
  AddAddresses(command, mount.listen, mount.peers);
  command->add_flag("--offline", mount.offline, "Exchange nothing with other replicas");
  command->add_flag("-v", mount.verbosity, "Log what happens to STORE/log; twice: in detail");
  command->add_option("-o", options.mount.given, "Options of mount.fuse.copse(8), for example allow_other")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("OPT");
  command->final_callback([&options, &run] {
    run = [&options] {
      options.mount.json = options.json;
      return RunMount(options.mount);
    };
  });
}

void AddUnmount(CLI::App& app, Options& options, Run& run) {
  CLI::App* command =
      AddCommand(app, options, "umount", "Unmount; all that was written is on the disk when it returns");
  command->add_option("DIR", options.directory, "Where it is mounted")->required();
  command->final_callback([&options, &run] {
    run = [&options] { return Print(UnmountDirectory(options.directory), options.json, UnmountText); };
  });
}

int RunDump(const Options& options) {
  const absl::StatusOr<Json> dump = Ask(options.path, "dump", Json::object());
  if (!dump.ok()) return Fail(dump.status());
  if (!dump->is_string()) return Fail(absl::InternalError("the dump is not a text"));
  const auto& text = dump->get_ref<const std::string&>();
  if (!options.json) return Write(text);
  const absl::StatusOr<std::string> json = DumpAsJson(text);
  return json.ok() ? Write(*json + "\n") : Fail(json.status());
}

void AddDump(CLI::App& app, Options& options, Run& run) {
  CLI::App* command = AddCommand(app, options, "dump", "Print the tree, equal on replicas that know the same changes");
  AddPath(command, options);
  command->final_callback([&options, &run] { run = [&options] { return RunDump(options); }; });
}

int RunVerify(const Options& options) {
  const absl::StatusOr<Json> result = Ask(options.path, "verify", Json::object());
  const int printed = Print(result, options.json, VerifyText);
  if (printed != kSuccess || result->at("problems").empty()) return printed;
  return Fail(absl::DataLossError(result->at("store").get<std::string>() + ": " +
                                  std::to_string(result->at("problems").size()) +
                                  " problems, listed above; keep a copy of the store before anything else"));
}

void AddVerify(CLI::App& app, Options& options, Run& run) {
  CLI::App* command = AddCommand(app, options, "verify", "Read the whole store again and prove that it is sound");
  AddPath(command, options);
  command->final_callback([&options, &run] { run = [&options] { return RunVerify(options); }; });
}

void AddRepair(CLI::App& app, Options& options, Run& run) {
  CLI::App* command = AddCommand(app, options, "repair", "Fetch again what the disk has lost of the log");
  command->add_option("STORE", options.path, "The store, which nobody may have open")->required();
  command->add_option("--peer", options.addresses, "From the replica there, too (default: those remembered)")
      ->allow_extra_args(false)
      ->type_name("HOST:PORT");
  command
      ->add_option("--timeout", options.patience_s,
                   "Give up so many seconds after the last frame that came (default: 150)")
      ->type_name("SECONDS")
      ->check(CLI::NonNegativeNumber);
  command->final_callback([&options, &run] {
    run = [&options] {
      const std::chrono::seconds patience(options.patience_s);
      return Print(RepairStore(options.path, options.addresses, patience), options.json, RepairText);
    };
  });
}

int RunTrash(const Options& options) {
  if (options.action == "list")
    return Print(Ask(options.path, "trash-list", Json::object()), options.json, TrashListText);
  Json arguments{{"targets", options.targets}};
  if (options.action == "restore") {
    return Print(Ask(options.path, "trash-restore", arguments), options.json, TrashRestoreText);
  }
  arguments["all"] = options.all;
  return Print(Ask(options.path, "trash-purge", arguments), options.json, TrashPurgeText);
}

void AddTrash(CLI::App& app, Options& options, Run& run) {
  CLI::App* command = AddCommand(app, options, "trash", "List, restore or purge what was deleted");
  AddPath(command, options);
  command->add_option("ACTION", options.action, "list, restore or purge")
      ->required()
      ->check(CLI::IsMember({"list", "restore", "purge"}));
  command->add_option("TARGET", options.targets, "What to restore or purge: the number or the path that list shows");
  command->add_flag("--all", options.all, "Purge everything in the trash");
  command->final_callback([&options, &run] {
    const bool may_be_all = options.action == "purge";
    if (options.all && !may_be_all) throw CLI::ValidationError("--all goes with purge only");
    if (options.action == "list" && !options.targets.empty()) throw CLI::ValidationError("list takes no TARGET");
    if (options.all && !options.targets.empty()) throw CLI::ValidationError("give either --all or a TARGET");
    if (options.action != "list" && !options.all && options.targets.empty()) {
      throw CLI::ValidationError(options.action + " needs a TARGET" + (may_be_all ? " or --all" : ""));
    }
    run = [&options] { return RunTrash(options); };
  });
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  if (argc > 0 && IsMountHelper(argv[0])) return RunMountHelper(argc, argv);
  CLI::App app("A local-first replicated filesystem: every replica keeps all files, works offline, and merges.",
               "copse");
  Options options;
  Run run;
  app.set_version_flag("--version", VersionText);
  app.require_subcommand(1);
  app.get_formatter()->column_width(28);
  AddInit(app, options, run);
  AddJoin(app, options, run);
  AddMount(app, options, run);
  AddUnmount(app, options, run);
  AddVolumeCommand(app, options, run, "status", "Show what a store holds and how it is doing", StatusText);
  AddVolumeCommand(app, options, run, "flush", "Make all that was written here durable", FlushText);
  AddInvite(app, options, run);
  AddVolumeCommand(app, options, run, "members", "List the replicas of the volume", MembersText);
  AddSync(app, options, run);
  AddServe(app, options, run);
  AddVolumeCommand(app, options, run, "conflicts", "List names that changes on several replicas claim", ConflictsText);
  AddTrash(app, options, run);
  AddDump(app, options, run);
  AddVerify(app, options, run);
  AddRepair(app, options, run);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help and --version.
  } catch (const CLI::ParseError& error) {
    std::fputs(ErrorLine(std::string(error.what()) + "; see `copse --help`").c_str(), stderr);
    return kUsage;
  }
  return run();
}

}  // namespace copse::cli
