// Any bytes from a peer, cut where a network might cut them: they are refused, or each message is exactly what
// EncodeMessage writes for what was read. (Of a Hello in another version only the version is read.)

#include "fuzz.h"
#include "message_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using copse::fuzz::Require;
  namespace replica = copse::replica;
  const std::string_view bytes = copse::fuzz::Bytes(data, size);
  replica::MessageReader reader;
  std::size_t read = 0;
  for (const std::string_view piece : {bytes.substr(0, size / 2), bytes.substr(size / 2)}) {
    reader.Append(piece);
    while (true) {
      const auto next = reader.Next();
      if (!next.ok()) return 0;
      if (!next->has_value()) break;
      const auto& [message, body_bytes] = **next;
      const std::size_t length = replica::kMessageHeaderBytes + body_bytes;
      const auto* hello = std::get_if<replica::message::Hello>(&message);
      Require(read + length <= size);
      if (hello == nullptr || hello->version == replica::kProtocolVersion) {
        Require(replica::EncodeMessage(message) == bytes.substr(read, length));
      }
      read += length;
    }
  }
  return 0;
}
