// Any bytes as one of the small files of a store (docs/format/store.md), the first says which: refused, or what was
// read is written and read as the same again. An identity is read a second time with a right checksum, which a fuzzer
// cannot guess; `format` stands beside the identity of the corpus.

#include <copse/base/hash.h>
#include <copse/base/memory_storage.h>
#include <copse/base/random.h>
#include <copse/replica/join.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "address_book.h"
#include "fuzz.h"
#include "invitations.h"
#include "layout.h"
#include "store_examples.h"

namespace copse::fuzz {
namespace {

using Json = nlohmann::json;

const replica::Layout kLayout("/store");

/// A disk with one file of a store on it.
class Disk {
 public:
  Disk(const std::string& path, std::string_view bytes) {
    Require(storage_.CreateDirectory(kLayout.store).ok());
    storage_.SetPermissions(kLayout.store, 0700);
    Put(path, bytes);
  }
  void Put(const std::string& path, std::string_view bytes) {
    Require(base::ReplaceFile(storage_, path, bytes).ok());
    storage_.SetPermissions(path, 0600);
  }
  base::Storage& storage() { return storage_; }

 private:
  base::MemoryStorage storage_;
};

void CheckIdentity(std::string_view bytes) {
  Disk disk(kLayout.identity(), bytes);
  const auto identity = replica::ReadIdentity(disk.storage(), kLayout.identity());
  if (!identity.ok()) return;
  Require(replica::WriteIdentity(disk.storage(), "/once", *identity).ok());
  const auto again = replica::ReadIdentity(disk.storage(), "/once");
  Require(again.ok() && replica::WriteIdentity(disk.storage(), "/twice", *again).ok());
  Require(*base::ReadWholeFile(disk.storage(), "/once") == *base::ReadWholeFile(disk.storage(), "/twice"));
}

std::optional<std::string> WithChecksum(std::string_view bytes) {
  Json object = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::nullopt;
  object.erase("checksum");
  object["checksum"] = base::Hex(base::AsBytes(base::Sha256(object.dump())));
  return object.dump();
}

void CheckFormat(std::string_view bytes) {
  Disk disk(kLayout.format(), bytes);
  Require(replica::WriteIdentity(disk.storage(), kLayout.identity(), ExampleIdentity()).ok());
  const auto volume = replica::CheckStore(disk.storage(), kLayout);
  Require(!volume.ok() || bytes == ExampleFormat());
}

void CheckInvitations(std::string_view bytes) {
  Disk disk(kLayout.invitations(), bytes);
  auto invitations = replica::Invitations::Read(disk.storage(), kLayout.invitations());
  if (!invitations.ok()) return;
  base::SeededRandom random(77);  // Not that of the first inputs, which hold what it makes.
  const auto secret = invitations->Add(random, replica::Role::kWriter, 0, 1);
  Require(secret.ok());
  auto again = replica::Invitations::Read(disk.storage(), kLayout.invitations());
  Require(again.ok() && again->Use(*secret, "key", 0).ok());
}

void CheckAddresses(std::string_view bytes) {
  Disk disk(kLayout.addresses(), bytes);
  const auto addresses = replica::ReadAddresses(disk.storage(), kLayout.addresses());
  if (!addresses.ok()) return;
  Require(replica::WriteAddresses(disk.storage(), "/again", *addresses).ok());
  const auto again = replica::ReadAddresses(disk.storage(), "/again");
  Require(again.ok() && *again == *addresses);
}

void CheckJoining(std::string_view bytes) {
  Disk disk(kLayout.joining(), bytes);
  base::SeededRandom random(1);
  // With another label than the file's, so that it is written again.
  const auto begin = [&](const std::string& label) {
    return replica::Joining::Begin(disk.storage(), random, kLayout.store, ExampleInvitation(), label);
  };
  const auto joining = begin("one");
  if (!joining.ok()) return;
  Require(joining->label() == "one");
  const auto again = begin("two");
  Require(again.ok() && again->label() == "two" && again->signing_secret() == joining->signing_secret());
}

}  // namespace
}  // namespace copse::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace copse::fuzz;
  if (size == 0) return 0;
  const std::string_view bytes = Bytes(data, size).substr(1);
  switch (*data) {
    case 'i':
      CheckIdentity(bytes);
      if (const auto right = WithChecksum(bytes)) CheckIdentity(*right);
      break;
    case 'f':
      CheckFormat(bytes);
      break;
    case 'o':
      CheckInvitations(bytes);
      break;
    case 'a':
      CheckAddresses(bytes);
      break;
    case 'j':
      CheckJoining(bytes);
      break;
    default:
      break;
  }
  return 0;
}
