#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <unistd.h>

#include <string_view>
#include <utility>
#include <vector>

#include "cli/exchanging.h"
#include "cli/volume_commands.h"

namespace copse::cli {

absl::StatusOr<Json> Status(const VolumeContext& context) {
  replica::Store& store = context.opened.store();
  const replica::Identity& identity = store.identity();
  const replica::Store::Usage kept = store.usage();
  const fs::Volume::Usage shown = context.opened.volume().GetUsage();
  COPSE_ASSIGN_OR_RETURN(const base::Storage::Space disk, context.opened.storage().FreeSpace(store.path()));
  Json peers = Json::array();
  for (const replica::PeerStatus& peer :
       context.exchanging == nullptr ? std::vector<replica::PeerStatus>() : context.exchanging->peers()) {
    peers.push_back({{"address", peer.endpoint},
                     {"label", peer.label},
                     {"connected", peer.connected},
                     {"in_sync", peer.in_sync},
                     {"last_contact_ns", peer.last_contact},
                     {"ops_to_send", peer.ops_to_send},
                     {"ops_to_receive", peer.ops_to_receive},
                     {"bytes_in", peer.bytes_in},
                     {"bytes_out", peer.bytes_out},
                     {"last_error", peer.last_error}});
  }
  return Json{
      {"store", store.path()},
      {"volume", base::Hex(base::AsBytes(identity.volume))},
      {"label", identity.label},
      {"actor", identity.actor},
      {"format", replica::kStoreFormat},
      {"mounted_at", context.mount_point ? Json(*context.mount_point) : Json()},
      {"pid", context.mount_point ? Json(::getpid()) : Json()},
      {"read_only", context.opened.read_only() || kept.read_only},
      {"entries", shown.entries},
      {"trash_entries", shown.trash_entries},
      {"dirty_files", shown.dirty_files},
      {"open_files", shown.open_handles},
      {"own_ops", kept.own_ops},
      {"durable_ops", kept.durable_ops},
      {"waiting_ops", kept.own_ops - kept.durable_ops},
      {"frames", kept.frames},
      {"feed_bytes", kept.feed_bytes},
      {"chunks", kept.chunks},
      {"chunk_bytes", kept.chunk_bytes},
      {"chunks_missing", kept.chunks_missing},
      {"chunk_bytes_missing", kept.chunk_bytes_missing},
      {"conflicts", shown.conflicts},
      {"refused_feeds", kept.refused_feeds},
      {"listening", context.exchanging == nullptr ? std::vector<std::string>() : context.exchanging->listening()},
      {"peers", std::move(peers)},
      {"disk_free_bytes", disk.free_bytes},
      {"last_error", kept.last_error},
  };
}

}  // namespace copse::cli
