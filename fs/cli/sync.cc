#include <copse/base/status_macros.h>

#include <chrono>
#include <string>
#include <vector>

#include "cli/exchanging.h"
#include "cli/volume_commands.h"

namespace copse::cli {

absl::StatusOr<Json> Synchronize(const VolumeContext& context, const Json& arguments) {
  replica::Store& store = context.opened.store();
  auto peers = arguments.value("peers", std::vector<std::string>());
  if (!peers.empty()) COPSE_RETURN_IF_ERROR(store.RememberAddresses({{}, peers}));
  if (peers.empty()) peers = store.addresses().peers;
  if (peers.empty()) {
    return absl::FailedPreconditionError("no peer is known; give one: copse sync STORE --peer HOST:PORT");
  }
  COPSE_RETURN_IF_ERROR(context.opened.volume().Flush());
  std::unique_ptr<Exchanging> own;
  Exchanging* exchanging = context.exchanging;
  if (exchanging == nullptr) {
    Exchanging::Options options;
    options.use_remembered = false;
    COPSE_ASSIGN_OR_RETURN(own, Exchanging::Start(context.opened, std::move(options)));
    exchanging = own.get();
  }
  const std::chrono::seconds time_max(arguments.value("timeout_s", std::int64_t{24 * 3600}));
  COPSE_RETURN_IF_ERROR(exchanging->Synchronize(peers, time_max, context.on_progress));
  COPSE_RETURN_IF_ERROR(context.opened.volume().Flush());
  return Json{{"store", store.path()}, {"peers", peers}, {"frames", store.usage().frames}};
}

}  // namespace copse::cli
