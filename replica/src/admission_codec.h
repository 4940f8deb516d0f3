#pragma once

#include <absl/status/statusor.h>
#include <copse/replica/identity.h>
#include <copse/replica/member.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace copse::replica {

/// What a new member is given: its membership, the volume's keys, and how far the feeds were when it was let in. It
/// writes nothing before it holds that much.
struct Admission {
  VolumeId volume{};
  std::string founder;
  std::string volume_key;
  std::map<std::uint32_t, std::string> epoch_keys;
  Grant grant;
  std::map<crdt::ActorId, std::uint64_t> frames;  ///< Of each feed.
};

/// docs/format/exchange.md, Welcome. Errors of the inverse: kDataLoss with the offset.
std::string EncodeAdmission(const Admission& admission);
absl::StatusOr<Admission> DecodeAdmission(std::string_view bytes);

}  // namespace copse::replica
