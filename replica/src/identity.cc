#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <copse/replica/identity.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "hex.h"
#include "json_number.h"
#include "signing.h"

// A JSON object whose member `checksum` is the SHA-256 of the object without it, as nlohmann writes it on one line with
// its members sorted. The checksum finds damage; against forgery only the file's permissions help.

namespace copse::replica {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kIdentityFormat = 2;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kLabelLengthMax = 16;

/// Of an object without its checksum.
std::string ChecksumOf(const Json& object) { return base::Hex(base::AsBytes(base::Sha256(object.dump()))); }

/// Throws Json::exception where a member is missing or of another type; false where a value is impossible.
bool Parse(const Json& object, Identity& identity) {
  std::string volume;
  if (!FromHex(object.at("volume").get<std::string>(), identity.volume.size(), volume)) return false;
  std::copy(volume.begin(), volume.end(), reinterpret_cast<char*>(identity.volume.data()));
  identity.actor = NumberOf<crdt::ActorId>(object.at("actor"));
  identity.actor_range_end = NumberOf<crdt::ActorId>(object.at("actor_range_end"));
  identity.label = object.at("label").get<std::string>();
  for (const auto& [epoch, key] : object.at("epoch_keys").items()) {
    const auto number = NumberOf<std::uint32_t>(Json::parse(epoch));
    if (std::to_string(number) != epoch) return false;
    if (!FromHex(key.get<std::string>(), kKeyBytes, identity.epoch_keys[number])) return false;
  }
  const auto inviter = object.at("inviter").get<std::string>();
  if (!inviter.empty() && !FromHex(inviter, kSigningPublicBytes, identity.inviter)) return false;
  return FromHex(object.at("founder").get<std::string>(), kSigningPublicBytes, identity.founder) &&
         FromHex(object.at("signing_public").get<std::string>(), kSigningPublicBytes, identity.signing_public) &&
         FromHex(object.at("signing_secret").get<std::string>(), kSigningSecretBytes, identity.signing_secret) &&
         FromHex(object.at("volume_key").get<std::string>(), kKeyBytes, identity.volume_key) && identity.actor != 0 &&
         identity.actor < identity.actor_range_end && IsLabel(identity.label) && !identity.epoch_keys.empty();
}

}  // namespace

Identity Identity::New(base::Random& random, std::string label) {
  Identity identity;
  random.Fill({reinterpret_cast<char*>(identity.volume.data()), identity.volume.size()});
  identity.actor = 1;
  identity.actor_range_end = std::numeric_limits<crdt::ActorId>::max();
  identity.label = std::move(label);
  SigningKeys keys = SigningKeysOf(random.Bytes(kSigningSeedBytes));
  identity.founder = keys.public_key;
  identity.signing_public = std::move(keys.public_key);
  identity.signing_secret = std::move(keys.secret_key);
  identity.volume_key = random.Bytes(kKeyBytes);
  identity.epoch_keys[0] = random.Bytes(kKeyBytes);
  return identity;
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kLabelLengthMax && std::all_of(label.begin(), label.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

std::string LabelOfHostName(std::string_view host_name) {
  std::string label;
  for (const char c : host_name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (IsLabel(std::string_view(&lower, 1)) && label.size() < kLabelLengthMax) label.push_back(lower);
  }
  return label.empty() ? "replica" : label;
}

absl::Status WriteIdentity(base::Storage& storage, const std::string& path, const Identity& identity) {
  Json epoch_keys = Json::object();
  for (const auto& [epoch, key] : identity.epoch_keys) epoch_keys[std::to_string(epoch)] = base::Hex(key);
  Json object = {
      {"format", kIdentityFormat},
      {"volume", base::Hex(base::AsBytes(identity.volume))},
      {"actor", identity.actor},
      {"actor_range_end", identity.actor_range_end},
      {"label", identity.label},
      {"founder", base::Hex(identity.founder)},
      {"inviter", base::Hex(identity.inviter)},
      {"signing_public", base::Hex(identity.signing_public)},
      {"signing_secret", base::Hex(identity.signing_secret)},
      {"volume_key", base::Hex(identity.volume_key)},
      {"epoch_keys", std::move(epoch_keys)},
  };
  object["checksum"] = ChecksumOf(object);
  return base::ReplaceFile(storage, path, object.dump(2) + "\n");
}

absl::StatusOr<Identity> ReadIdentity(base::Storage& storage, const std::string& path) {
  COPSE_ASSIGN_OR_RETURN(const base::Storage::Metadata metadata, storage.Stat(path));
  if ((metadata.permissions & 077) != 0) {
    return absl::PermissionDeniedError(path + " holds keys and others may read it; run: chmod 600 " + path);
  }
  COPSE_ASSIGN_OR_RETURN(const std::string text, base::ReadWholeFile(storage, path));
  const absl::Status damaged = absl::DataLossError(path + " is damaged; restore it from a copy");
  Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return damaged;
  try {
    if (const auto format = NumberOf<std::uint32_t>(object.at("format")); format != kIdentityFormat) {
      return absl::FailedPreconditionError("identity format " + std::to_string(format) + " at " + path +
                                           ": this copse reads format " + std::to_string(kIdentityFormat) +
                                           "; use a matching version");
    }
    const Json checksum = object.at("checksum");
    object.erase("checksum");
    Identity identity;
    if (checksum != ChecksumOf(object) || !Parse(object, identity)) return damaged;
    return identity;
  } catch (const Json::exception&) {
    return damaged;
  }
}

}  // namespace copse::replica
