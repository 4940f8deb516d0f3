#include "message_reader.h"

#include <copse/base/status_macros.h>
#include <copse/crdt/bytes.h>

#include <utility>

namespace copse::replica {

absl::StatusOr<std::optional<MessageReader::Item>> MessageReader::Next() {
  const std::string_view waiting = std::string_view(buffer_).substr(taken_);
  if (waiting.size() < kMessageHeaderBytes) {
    DropTaken();
    return std::nullopt;
  }
  crdt::ByteReader header(waiting);
  COPSE_ASSIGN_OR_RETURN(const std::uint32_t length, header.U32());
  COPSE_ASSIGN_OR_RETURN(const std::uint8_t type, header.U8());
  if (!IsMessageType(type)) return absl::DataLossError("no message has type " + std::to_string(type));
  if (length > body_bytes_max_) {
    return absl::DataLossError("a message of " + std::to_string(length) + " bytes; at most " +
                               std::to_string(body_bytes_max_) + " are allowed");
  }
  if (header.remaining() < length) {
    DropTaken();
    return std::nullopt;
  }
  COPSE_ASSIGN_OR_RETURN(Message message, DecodeMessage(type, waiting.substr(kMessageHeaderBytes, length)));
  taken_ += kMessageHeaderBytes + length;
  return Item{std::move(message), length};
}

void MessageReader::DropTaken() {
  // Once for each time that messages run out, not for each message: many small ones would be moved again and again.
  buffer_.erase(0, taken_);
  taken_ = 0;
}

}  // namespace copse::replica
