#include "simulation/rubbish.h"

#include <utility>

#include "messages.h"

namespace copse::simulation {
namespace {

using replica::EncodeMessage;
namespace message = replica::message;

std::string RandomBytes(std::mt19937_64& random, std::size_t count) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

base::Hash RandomHash(std::mt19937_64& random) { return base::Sha256(RandomBytes(random, 8)); }

/// A message that is well-formed, and that nobody who means well says.
std::string RandomMessage(std::mt19937_64& random) {
  const auto actor = static_cast<crdt::ActorId>(random() % 40);
  switch (random() % 9) {
    case 0:
      return EncodeMessage(
          message::Heads{random() % 3, {{actor, 1 + random() % 9, 1 + random() % 50, RandomHash(random)}}});
    case 1:
      return EncodeMessage(message::Subscribe{actor, random() % 4});
    case 2:
      return EncodeMessage(message::Frames{actor, random() % 4, {RandomBytes(random, 1 + random() % 300)}});
    case 3:
      return EncodeMessage(message::WantChunks{{RandomHash(random), RandomHash(random)}});
    case 4:
      return EncodeMessage(message::Chunk{RandomHash(random), RandomBytes(random, 100)});
    case 5:
      return EncodeMessage(message::NoChunk{RandomHash(random)});
    case 6:
      return EncodeMessage(message::Join{RandomBytes(random, 32), "intruder"});
    case 7:
      return EncodeMessage(message::Credit{random() % 5'000'000});
    default:
      return RandomBytes(random, 1 + random() % 400);
  }
}

}  // namespace

RubbishPeer::RubbishPeer(int machine, EventQueue& queue, SimulatedNetwork& network, const Crypto& crypto,
                         const replica::Identity& member)
    : executor_(queue, party_),
      network_(network.AttachProcess(machine, party_, [] { return true; })),
      crypto_(crypto),
      member_(member) {}

RubbishPeer::~RubbishPeer() { party_->has_ended = true; }

void RubbishPeer::Talk(const std::string& endpoint, bool as_member, std::uint64_t seed) {
  network_->Connect(endpoint, [this, as_member, seed](absl::StatusOr<std::unique_ptr<base::Connection>> connection) {
    if (connection.ok()) Send(*std::move(connection), as_member, seed);
  });
}

void RubbishPeer::Send(std::unique_ptr<base::Connection> connection, bool as_member, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  if (as_member) {
    replica::Channels::Options options;
    options.judge = [](const std::string&) { return absl::OkStatus(); };
    connection = crypto_.channels(member_.signing_secret)->Open(std::move(connection), executor_, std::move(options));
  }
  base::Connection& made = *connections_.emplace_back(std::move(connection));
  made.Start({[](std::string_view) {}, [](const absl::Status&) {}});
  if (!as_member) {
    // The beginning of a handshake, perhaps, and then anything.
    if (random() % 2 == 0) made.Send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
    made.Send(RandomBytes(random, 1 + random() % 5000));
    return;
  }
  if (random() % 4 != 0) {
    made.Send(EncodeMessage(message::Hello{replica::kProtocolVersion, member_.volume, member_.label, 0, {}}));
    made.Send(EncodeMessage(message::Credit{1 << 20}));
  }
  for (std::uint64_t i = 0; i < 1 + random() % 6; ++i) made.Send(RandomMessage(random));
}

}  // namespace copse::simulation
