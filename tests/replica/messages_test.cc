#include "messages.h"

#include <copse/base/random.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "message_reader.h"

namespace copse::replica {
namespace {

std::string WithHeader(std::uint8_t type, const std::string& body) {
  std::string bytes(kMessageHeaderBytes, '\0');
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>((body.size() >> (8 * i)) & 0xff);
  bytes[4] = static_cast<char>(type);
  return bytes + body;
}

base::Hash IdOf(char c) {
  base::Hash id{};
  id.fill(static_cast<std::uint8_t>(c));
  return id;
}

std::vector<Message> OneOfEach() {
  const FeedHead first = {1, 2, 9, IdOf('a')};
  const FeedHead second = {65535, 1, 0, IdOf('b')};
  return {message::Hello{kProtocolVersion, {1, 2, 3}, "laptop", 5, {first, second}},
          message::Heads{0, {}},
          message::Heads{7, {second}},
          message::Subscribe{3, 4},
          message::Credit{1 << 20},
          message::Frames{3, 4, {"one", std::string(200, 'f')}},
          message::WantChunks{{IdOf('c'), IdOf('d')}},
          message::Chunk{IdOf('c'), "sealed"},
          message::NoChunk{IdOf('d')},
          message::Join{std::string(kAdmissionSecretBytes, 's'), "desk"},
          message::Welcome{std::string("\0opaque", 7)},
          message::Refused{"not today"},
          message::Ping{},
          message::Pong{}};
}

/// All messages in `stream`, given in pieces of `piece` bytes; the error where one is refused.
absl::StatusOr<std::vector<Message>> ReadAll(const std::string& stream, std::size_t piece) {
  MessageReader reader;
  std::vector<Message> messages;
  for (std::size_t offset = 0; offset < stream.size(); offset += piece) {
    reader.Append(std::string_view(stream).substr(offset, piece));
    while (true) {
      auto next = reader.Next();
      if (!next.ok()) return next.status();
      if (!next->has_value()) break;
      messages.push_back(std::move((*next)->message));
    }
  }
  return messages;
}

TEST(MessagesTest, TheExampleOfTheFormatIsReadAndWritten) {
  const message::Heads heads{7, {{1, 2, 9, IdOf('\x44')}}};
  const std::string bytes = std::string("\x3a\0\0\0\x02", 5) + std::string("\x07\0\0\0\0\0\0\0", 8) +
                            std::string("\x01\0", 2) + std::string("\x02\0\0\0\0\0\0\0", 8) +
                            std::string("\x09\0\0\0\0\0\0\0", 8) + std::string(32, '\x44');
  EXPECT_EQ(EncodeMessage(heads), bytes);
  const auto read = ReadAll(bytes, bytes.size());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, (std::vector<Message>{heads}));
}

TEST(MessagesTest, EachKindIsReadAsItWasWrittenHoweverTheStreamIsCut) {
  const std::vector<Message> messages = OneOfEach();
  std::string stream;
  for (const Message& message : messages) stream += EncodeMessage(message);
  for (std::size_t piece = 1; piece <= stream.size(); piece += piece < 100 ? 1 : 97) {
    const auto read = ReadAll(stream, piece);
    ASSERT_TRUE(read.ok()) << piece << ": " << read.status();
    EXPECT_EQ(*read, messages) << piece;
  }
}

TEST(MessagesTest, ABodyCutShortIsNeverReadAsTheWholeOne) {
  for (const Message& message : OneOfEach()) {
    const std::string body = EncodeMessage(message).substr(kMessageHeaderBytes);
    const auto type = static_cast<std::uint8_t>(message.index() + 1);
    for (std::size_t length = 0; length < body.size(); ++length) {
      const auto cut = DecodeMessage(type, body.substr(0, length));
      // Where the rest of a body is a list or opaque, a shorter one may be another message; never the same.
      EXPECT_FALSE(cut.ok() && *cut == message) << NameOf(message) << " cut to " << length;
    }
  }
}

TEST(MessagesTest, AHelloInAnotherVersionIsReadAsFarAsItsVersion) {
  const auto hello = DecodeMessage(1, std::string("\x02\0\0\0", 4) + "whatever comes with version 2");
  ASSERT_TRUE(hello.ok()) << hello.status();
  EXPECT_EQ(std::get<message::Hello>(*hello).version, 2u);
}

TEST(MessagesTest, AReasonIsCutAndCleanedBeforeItIsSent) {
  const Message refused = message::Refused{"two\nlines\x1b[31m" + std::string(2000, 'x')};
  const auto read = ReadAll(EncodeMessage(refused), 64);
  ASSERT_TRUE(read.ok()) << read.status();
  const std::string& reason = std::get<message::Refused>(read->front()).reason;
  EXPECT_EQ(reason.size(), kReasonBytesMax);
  EXPECT_EQ(reason.substr(0, 14), "two lines [31m");
}

TEST(MessagesTest, WhatNoReplicaWritesIsRefused) {
  const std::string head = std::string("\x02\0", 2) + std::string("\x01\0\0\0\0\0\0\0", 8) + std::string(40, '\0');
  const std::string count(8, '\0');
  const struct {
    const char* what;
    std::uint8_t type;
    std::string body;
  } cases[] = {
      {"type 0", 0, ""},
      {"a type after the last", 14, ""},
      {"a head twice", 2, count + head + head},
      {"a head of actor 0", 2, count + std::string(50, '\0')},
      {"a head of no frames", 2, count + std::string("\x02\0", 2) + std::string(48, '\0')},
      {"half a head", 2, count + head.substr(0, 20)},
      {"frames of actor 0", 5, std::string(10, '\0') + "\x01x"},
      {"no frame", 5, std::string("\x01\0", 2) + count},
      {"an empty frame", 5, std::string("\x01\0", 2) + count + std::string("\0", 1)},
      {"a frame longer than its message", 5, std::string("\x01\0", 2) + count + "\x7fx"},
      {"no chunk", 6, ""},
      {"half an id", 6, std::string(33, 'i')},
      {"too many chunks", 6, std::string(32 * (kChunkIdsMax + 1), 'i')},
      {"a chunk without bytes", 7, std::string(32, 'i')},
      {"a label that is none", 9, std::string(32, 's') + "\x03L:x"},
      {"a reason with a line break", 11, "no\nyes"},
      {"a reason too long", 11, std::string(kReasonBytesMax + 1, 'r')},
      {"a ping with a body", 12, "x"},
  };
  for (const auto& [what, type, body] : cases) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeMessage(type, body).status())) << what;
    EXPECT_TRUE(absl::IsDataLoss(ReadAll(WithHeader(type, body), 7).status())) << what;
  }
}

TEST(MessagesTest, AMessageTooLongIsRefusedBeforeItsBodyArrives) {
  MessageReader reader(100);
  reader.Append(std::string("\x65\0\0\0\x05", 5));
  EXPECT_TRUE(absl::IsDataLoss(reader.Next().status()));
}

TEST(MessagesTest, TheLargestMessageIsReadWhole) {
  const message::Chunk chunk{IdOf('c'), std::string(kMessageBodyBytesMax - 32, 'z')};
  const auto read = ReadAll(EncodeMessage(chunk), 1 << 20);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, (std::vector<Message>{chunk}));
}

RC_GTEST_PROP(MessagesProperty, ArbitraryBytesAreRefusedOrAreWhatIsWrittenForThem, (const std::string& body)) {
  const auto type = *rc::gen::inRange<int>(2, 14);  // All but Hello, of which another version is not read.
  const auto read = DecodeMessage(static_cast<std::uint8_t>(type), body);
  if (read.ok()) RC_ASSERT(EncodeMessage(*read).substr(kMessageHeaderBytes) == body);
}

}  // namespace
}  // namespace copse::replica
