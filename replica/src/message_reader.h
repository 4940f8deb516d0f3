#pragma once

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <string_view>

#include "messages.h"

namespace copse::replica {

/// Cuts a stream of bytes into messages. Holds what was given to it and not yet taken, never more.
class MessageReader {
 public:
  /// A message with a longer body is refused as soon as its length was read.
  explicit MessageReader(std::size_t body_bytes_max = kMessageBodyBytesMax) : body_bytes_max_(body_bytes_max) {}

  void Append(std::string_view bytes) { buffer_.append(bytes); }

  /// The next message and the length of its body; nothing while it is not whole.
  /// Errors: kDataLoss no such message; final.
  struct Item {
    Message message;
    std::size_t body_bytes = 0;
  };
  absl::StatusOr<std::optional<Item>> Next();

 private:
  void DropTaken();

  std::size_t body_bytes_max_;
  std::string buffer_;
  std::size_t taken_ = 0;  ///< How many bytes of the buffer belong to messages that were handed out.
};

}  // namespace copse::replica
