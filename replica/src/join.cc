#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <copse/replica/join.h>

#include <nlohmann/json.hpp>

#include "admission_codec.h"
#include "hex.h"
#include "json_number.h"
#include "layout.h"
#include "signing.h"

namespace copse::replica {
namespace {

using Json = nlohmann::json;

constexpr std::uint32_t kJoiningFormat = 1;

}  // namespace

absl::Status Joining::Write(base::Storage& storage) const {
  Json required = Json::object();
  for (const auto& [actor, frames] : required_) required[std::to_string(actor)] = frames;
  const Json object = {{"format", kJoiningFormat},
                       {"invitation", EncodeInvitation(invitation_)},
                       {"label", label_},
                       {"seed", base::Hex(std::string_view(signing_secret_).substr(0, kSigningSeedBytes))},
                       {"required", std::move(required)}};
  return base::ReplaceFile(storage, Layout(path_).joining(), object.dump(2) + "\n");
}

// Whether the inviter's answer has come is what the file `format` says, which comes last when the store is made:
// nothing can be interrupted between the two.
absl::Status Joining::Read(base::Storage& storage) {
  const std::string file = Layout(path_).joining();
  COPSE_ASSIGN_OR_RETURN(const std::string text, base::ReadWholeFile(storage, file));
  const absl::Status damaged = absl::DataLossError(file + " is damaged; remove " + path_ + " and join again");
  const Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    if (NumberOf<std::uint32_t>(object.at("format")) != kJoiningFormat) return damaged;
    absl::StatusOr<Invitation> invitation = DecodeInvitation(object.at("invitation").get<std::string>());
    std::string seed;
    if (!invitation.ok() || !FromHex(object.at("seed").get<std::string>(), kSigningSeedBytes, seed)) return damaged;
    invitation_ = *std::move(invitation);
    SigningKeys keys = SigningKeysOf(seed);
    signing_public_ = std::move(keys.public_key);
    signing_secret_ = std::move(keys.secret_key);
    label_ = object.at("label").get<std::string>();
    if (!IsLabel(label_)) return damaged;
    for (const auto& [actor, frames] : object.at("required").items()) {
      required_[NumberOf<crdt::ActorId>(Json::parse(actor))] = NumberOf<std::uint64_t>(frames);
    }
    const absl::Status format = storage.Stat(Layout(path_).format()).status();
    is_admitted_ = format.ok();
    return absl::IsNotFound(format) ? absl::OkStatus() : format;
  } catch (const Json::exception&) {
    return damaged;
  }
}

absl::StatusOr<Joining> Joining::Begin(base::Storage& storage, base::Random& random, const std::string& path,
                                       const Invitation& invitation, const std::string& label) {
  if (!IsLabel(label)) {
    return absl::InvalidArgumentError("the label \"" + label + "\" is not 1 to 16 of a-z and 0-9");
  }
  Joining joining(path);
  const Layout layout(path);
  const absl::Status read = joining.Read(storage);
  if (read.ok()) {
    if (joining.invitation_ != invitation) {
      return absl::AlreadyExistsError(path + " has begun to join with another invitation; go on with that, or remove " +
                                      path);
    }
    // A label may be changed until somebody has agreed to it.
    if (joining.is_admitted_ || joining.label_ == label) return joining;
    joining.label_ = label;
    COPSE_RETURN_IF_ERROR(joining.Write(storage));
    return joining;
  }
  if (!absl::IsNotFound(read)) return read;
  COPSE_RETURN_IF_ERROR(PrepareStoreDirectory(storage, layout));
  joining.invitation_ = invitation;
  joining.label_ = label;
  SigningKeys keys = SigningKeysOf(random.Bytes(kSigningSeedBytes));
  joining.signing_public_ = std::move(keys.public_key);
  joining.signing_secret_ = std::move(keys.secret_key);
  COPSE_RETURN_IF_ERROR(joining.Write(storage));
  return joining;
}

absl::Status Joining::Admit(base::Storage& storage, std::string_view welcome) {
  COPSE_ASSIGN_OR_RETURN(Admission admission, DecodeAdmission(welcome));
  if (admission.volume != invitation_.volume || admission.grant.key != signing_public_) {
    return absl::DataLossError("the inviter's answer is not for this replica; ask for a new invitation");
  }
  Identity identity;
  identity.volume = admission.volume;
  identity.actor = admission.grant.actor;
  identity.actor_range_end = admission.grant.range_end;
  identity.label = admission.grant.label;
  identity.founder = std::move(admission.founder);
  identity.inviter = invitation_.inviter;
  identity.signing_public = signing_public_;
  identity.signing_secret = signing_secret_;
  identity.volume_key = std::move(admission.volume_key);
  identity.epoch_keys = std::move(admission.epoch_keys);
  label_ = identity.label;
  required_ = std::move(admission.frames);
  // `joining` goes on saying that the store is not to be used yet.
  COPSE_RETURN_IF_ERROR(Write(storage));
  COPSE_RETURN_IF_ERROR(CreateStore(storage, Layout(path_), identity));
  is_admitted_ = true;
  return absl::OkStatus();
}

bool Joining::HasAll(const Store& store) const {
  std::map<crdt::ActorId, std::uint64_t> here = store.frame_counts();
  for (const auto& [actor, frames] : required_) {
    if (here[actor] < frames) return false;
  }
  return true;
}

absl::Status Joining::Finish(base::Storage& storage) const {
  COPSE_RETURN_IF_ERROR(storage.Remove(Layout(path_).joining()));
  return storage.SyncDirectory(path_);
}

}  // namespace copse::replica
