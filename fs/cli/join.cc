#include "cli/join.h"

#include <copse/base/status_macros.h>
#include <copse/replica/invitation.h>
#include <copse/replica/join.h>

#include <chrono>
#include <memory>
#include <utility>

#include "cli/exchanging.h"
#include "cli/open_volume.h"
#include "cli/progress.h"
#include "cli/store_path.h"

namespace copse::cli {
namespace {

constexpr std::chrono::hours kFetchMax{24 * 7};

/// Fetches what the volume holds from the inviter, at whichever of its addresses answers.
absl::Status FetchAll(OpenVolume& opened, const std::vector<std::string>& endpoints, Progress& progress) {
  Exchanging::Options options;
  options.use_remembered = false;
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<Exchanging> exchanging, Exchanging::Start(opened, std::move(options)));
  absl::Status status;
  for (const std::string& endpoint : endpoints) {
    status =
        exchanging->Synchronize({endpoint}, kFetchMax, [&](const std::string& detail) { progress.Update(detail); });
    if (status.ok()) return opened.store().RememberAddresses({{}, {endpoint}});
  }
  return status;
}

}  // namespace

absl::StatusOr<Json> JoinVolume(const std::string& store, const std::string& invitation_text,
                                const std::string& label) {
  COPSE_ASSIGN_OR_RETURN(const std::string path, StorePath(store));
  COPSE_ASSIGN_OR_RETURN(const replica::Invitation invitation, replica::DecodeInvitation(invitation_text));
  if (invitation.endpoints.empty()) {
    return absl::InvalidArgumentError("the invitation names no address; ask for one made with --address HOST:PORT");
  }
  Progress progress("joining " + path);
  COPSE_ASSIGN_OR_RETURN(replica::Joining joining, OpenVolume::BeginJoining(path, invitation, LabelOrDefault(label)));
  OpenVolume::Options options;
  options.joining = true;
  options.on_progress = [&](std::uint64_t ops) { progress.Update(std::to_string(ops) + " changes replayed"); };
  COPSE_ASSIGN_OR_RETURN(const std::unique_ptr<OpenVolume> opened, OpenVolume::Open(path, options));
  COPSE_RETURN_IF_ERROR(FetchAll(*opened, invitation.endpoints, progress));
  if (!joining.HasAll(opened->store())) {
    return absl::UnavailableError("the inviter went away before everything was here; run it again to go on");
  }
  COPSE_RETURN_IF_ERROR(joining.Finish(opened->storage()));
  return Json{{"store", path},
              {"label", joining.label()},
              {"fingerprint", replica::FingerprintOf(joining.signing_public())},
              {"inviter", opened->store().LabelOf(invitation.inviter)},
              {"inviter_fingerprint", replica::FingerprintOf(invitation.inviter)},
              {"entries", opened->volume().GetUsage().entries},
              {"next", "copse mount " + path + " DIR"}};
}

}  // namespace copse::cli
