#include "admission_codec.h"

#include <copse/base/hash.h>
#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>

#include <algorithm>

#include "grant_codec.h"
#include "signing.h"

namespace copse::replica {
namespace {

constexpr std::size_t kKeyBytes = 32;

}  // namespace

std::string EncodeAdmission(const Admission& admission) {
  crdt::ByteWriter writer;
  writer.Raw(base::AsBytes(admission.volume));
  writer.Raw(admission.founder);
  writer.Raw(admission.volume_key);
  writer.U32(static_cast<std::uint32_t>(admission.epoch_keys.size()));
  for (const auto& [epoch, key] : admission.epoch_keys) {
    writer.U32(epoch);
    writer.Raw(key);
  }
  WriteGrant(admission.grant, writer);
  writer.U32(static_cast<std::uint32_t>(admission.frames.size()));
  for (const auto& [actor, frames] : admission.frames) {
    writer.U16(actor);
    writer.U64(frames);
  }
  return std::move(writer).Take();
}

absl::StatusOr<Admission> DecodeAdmission(std::string_view bytes) {
  crdt::ByteReader reader(bytes);
  Admission admission;
  COPSE_ASSIGN_OR_RETURN(const std::string_view volume, reader.Raw(admission.volume.size()));
  std::copy(volume.begin(), volume.end(), reinterpret_cast<char*>(admission.volume.data()));
  COPSE_ASSIGN_OR_RETURN(admission.founder, reader.Raw(kSigningPublicBytes));
  COPSE_ASSIGN_OR_RETURN(admission.volume_key, reader.Raw(kKeyBytes));
  COPSE_ASSIGN_OR_RETURN(const std::uint32_t epochs, reader.U32());
  for (std::uint32_t i = 0; i < epochs; ++i) {
    COPSE_ASSIGN_OR_RETURN(const std::uint32_t epoch, reader.U32());
    COPSE_ASSIGN_OR_RETURN(admission.epoch_keys[epoch], reader.Raw(kKeyBytes));
  }
  if (admission.epoch_keys.empty()) return reader.Error("a key");
  COPSE_ASSIGN_OR_RETURN(admission.grant, ReadGrant(reader));
  COPSE_ASSIGN_OR_RETURN(const std::uint32_t feeds, reader.U32());
  for (std::uint32_t i = 0; i < feeds; ++i) {
    COPSE_ASSIGN_OR_RETURN(const crdt::ActorId actor, reader.U16());
    COPSE_ASSIGN_OR_RETURN(admission.frames[actor], reader.U64());
  }
  COPSE_RETURN_IF_ERROR(reader.ExpectEnd());
  return admission;
}

}  // namespace copse::replica
