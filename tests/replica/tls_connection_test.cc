#include "tls_connection.h"

#include <copse/base/asio_network.h>
#include <copse/base/clock.h>
#include <copse/base/executor.h>
#include <copse/base/memory_network.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "signing.h"

namespace copse::replica {
namespace {

using Role = TlsConnection::Role;

SigningKeys KeysOf(char seed) { return SigningKeysOf(std::string(kSigningSeedBytes, seed)); }

/// Stands between two connections: counts, cuts and spoils what goes through.
class Tap final : public base::Connection {
 public:
  struct Control {
    std::size_t pass = ~std::size_t{0};   ///< So many bytes are sent; then the connection is cut.
    std::size_t spoil = ~std::size_t{0};  ///< The byte that is changed.
    std::size_t sent = 0;
    std::string seen;
  };
  Tap(std::unique_ptr<base::Connection> inner, Control& control) : inner_(std::move(inner)), control_(control) {}
  void Start(Events events) override { inner_->Start(std::move(events)); }
  using Connection::Send;
  void Send(std::string bytes, std::function<void()> on_sent) override {
    if (control_.spoil - control_.sent < bytes.size()) bytes[control_.spoil - control_.sent] ^= 1;
    const std::size_t room = control_.pass - control_.sent;
    const bool cut = bytes.size() > room;
    if (cut) bytes.resize(room);
    control_.sent += bytes.size();
    control_.seen += bytes;
    inner_->Send(std::move(bytes), std::move(on_sent));
    if (cut) inner_->Close();
  }
  void Close() override { inner_->Close(); }

 private:
  std::unique_ptr<base::Connection> inner_;
  Control& control_;
};

/// One end and what it was told.
struct End {
  explicit End(char seed) : keys(KeysOf(seed)), credentials(TlsCredentials::Of(keys.secret_key)) {}

  void Begin(std::unique_ptr<base::Connection> inner, base::Executor& executor, Role role) {
    TlsConnection::Options options;
    options.role = role;
    options.judge = [this](const std::string& key) {
      judged = key;
      return verdict;
    };
    options.on_open = [this](const std::string& key) { opened_with = key; };
    connection = std::make_unique<TlsConnection>(credentials, std::make_unique<Tap>(std::move(inner), tap), executor,
                                                 std::move(options));
    connection->Start({[this](std::string_view bytes) { received += bytes; },
                       [this](absl::Status reason) { closed = std::move(reason); }});
  }

  SigningKeys keys;
  std::shared_ptr<const TlsCredentials> credentials;
  Tap::Control tap;
  absl::Status verdict;
  std::unique_ptr<TlsConnection> connection;
  std::string judged;
  std::string opened_with;
  std::string received;
  std::optional<absl::Status> closed;
};

class TlsConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    auto listening = network.Listen(
        "tcp:desk:1", [this](std::unique_ptr<base::Connection> connection) { accepted = std::move(connection); });
    ASSERT_TRUE(listening.ok());
    listener = *std::move(listening);
    auto connecting = network.Connect("tcp:desk:1");
    ASSERT_TRUE(connecting.ok());
    dialled = *std::move(connecting);
    executor.RunDue();
    ASSERT_NE(accepted, nullptr);
  }
  /// New ends and a new connection between them.
  void SetUpAgain() {
    client.connection = nullptr;
    server.connection = nullptr;
    listener = nullptr;
    executor.RunDue();
    client = End('c');
    server = End('s');
    SetUp();
  }
  void Begin() {
    client.Begin(std::move(dialled), executor, Role::kClient);
    server.Begin(std::move(accepted), executor, Role::kServer);
    executor.RunDue();
  }
  void ExpectClosed(const End& end, absl::StatusCode code, const std::string& words) {
    ASSERT_TRUE(end.closed.has_value());
    EXPECT_EQ(end.closed->code(), code) << *end.closed;
    EXPECT_NE(std::string(end.closed->message()).find(words), std::string::npos) << *end.closed;
  }

  base::ManualClock clock;
  base::ManualExecutor executor{[this] { return clock.Monotonic(); }};
  base::MemoryNetwork network{executor};
  End client{'c'};
  End server{'s'};
  std::unique_ptr<base::Listener> listener;
  std::unique_ptr<base::Connection> dialled;
  std::unique_ptr<base::Connection> accepted;
};

TEST_F(TlsConnectionTest, BothEndsLearnTheOthersKeyAndNobodyBetweenReadsWhatIsSaid) {
  Begin();
  EXPECT_EQ(client.opened_with, server.keys.public_key);
  EXPECT_EQ(server.opened_with, client.keys.public_key);
  const std::string large(3 << 20, 'l');
  client.connection->Send("the question");
  client.connection->Send(large);
  server.connection->Send("the answer");
  executor.RunDue();
  EXPECT_EQ(server.received, "the question" + large);
  EXPECT_EQ(client.received, "the answer");
  EXPECT_EQ(client.tap.seen.find("the question"), std::string::npos);
  EXPECT_EQ(server.tap.seen.find("the answer"), std::string::npos);
  EXPECT_FALSE(client.closed.has_value());
}

TEST_F(TlsConnectionTest, WhatIsSentBeforeTheHandshakeEndedArrivesAfterIt) {
  client.Begin(std::move(dialled), executor, Role::kClient);
  bool left = false;
  client.connection->Send("early", [&] { left = true; });
  client.connection->Close();
  server.Begin(std::move(accepted), executor, Role::kServer);
  executor.RunDue();
  EXPECT_EQ(server.received, "early");
  EXPECT_TRUE(left);
  EXPECT_EQ(server.closed, absl::OkStatus());
  EXPECT_EQ(client.closed, absl::OkStatus());
}

TEST_F(TlsConnectionTest, ClosingInOrderIsNoErrorAtEitherEnd) {
  Begin();
  server.connection->Send("last words");
  server.connection->Close();
  server.connection->Send("too late");
  executor.RunDue();
  EXPECT_EQ(client.received, "last words");
  EXPECT_EQ(client.closed, absl::OkStatus());
  EXPECT_EQ(server.closed, absl::OkStatus());
}

TEST_F(TlsConnectionTest, AClientThatExpectsAnotherKeyRefusesTheServer) {
  client.verdict = absl::PermissionDeniedError("another key than expected");
  Begin();
  EXPECT_EQ(client.judged, server.keys.public_key);
  EXPECT_EQ(client.opened_with, "");
  ExpectClosed(client, absl::StatusCode::kPermissionDenied, "another key than expected");
  ExpectClosed(server, absl::StatusCode::kPermissionDenied, "does not accept this replica's key");
  EXPECT_EQ(server.judged, "");  // The client did not even say who it is.
}

TEST_F(TlsConnectionTest, AServerThatDoesNotKnowTheClientSaysSo) {
  server.verdict = absl::PermissionDeniedError("not a member");
  Begin();
  EXPECT_EQ(server.opened_with, "");
  ExpectClosed(server, absl::StatusCode::kPermissionDenied, "not a member");
  ExpectClosed(client, absl::StatusCode::kPermissionDenied, "does not accept this replica's key");
  EXPECT_EQ(client.received, "");
}

TEST_F(TlsConnectionTest, ACutConnectionIsAnError) {
  Begin();
  client.tap.pass = client.tap.sent + 5;
  client.connection->Send("more than five bytes");
  executor.RunDue();
  ExpectClosed(server, absl::StatusCode::kUnavailable, "cut");
  EXPECT_EQ(server.received, "");
}

TEST_F(TlsConnectionTest, AByteChangedAnywhereIsNeverReadAsIfItWereRight) {
  for (std::size_t at = 0;; at += 3) {
    if (dialled == nullptr) SetUpAgain();
    client.tap.spoil = at;
    Begin();
    client.connection->Send("what must not be changed");
    executor.RunDue();
    if (client.tap.sent <= at) break;
    EXPECT_EQ(server.received, "") << at;
    EXPECT_FALSE(server.closed == absl::OkStatus()) << at;  // Where a length was changed it waits for more.
    dialled = nullptr;
  }
}

TEST_F(TlsConnectionTest, AnEndCutOffAnywhereInTheHandshakeIsAnErrorAtTheOther) {
  for (std::size_t at = 0;; at += 5) {
    if (dialled == nullptr) SetUpAgain();
    server.tap.pass = at;
    Begin();
    if (server.tap.sent < at) break;
    EXPECT_TRUE(client.closed.has_value() && !client.closed->ok()) << at;
    dialled = nullptr;
  }
}

TEST_F(TlsConnectionTest, ASilentPeerIsLeftAfterTenSeconds) {
  server.Begin(std::move(accepted), executor, Role::kServer);
  executor.RunDue();
  clock.Advance(TlsConnection::kHandshakeMax - std::chrono::seconds(1));
  executor.RunDue();
  EXPECT_FALSE(server.closed.has_value());
  clock.Advance(std::chrono::seconds(1));
  executor.RunDue();
  ExpectClosed(server, absl::StatusCode::kUnavailable, "within 10 seconds");
}

TEST_F(TlsConnectionTest, NothingIsPendingOnceTheHandshakeIsDone) {
  Begin();
  EXPECT_EQ(executor.Pending(), 0u);
}

TEST_F(TlsConnectionTest, WhoDoesNotSpeakTlsIsRefused) {
  server.Begin(std::move(accepted), executor, Role::kServer);
  dialled->Start({[](std::string_view) {}, nullptr});
  dialled->Send("GET / HTTP/1.1\r\n\r\n");
  executor.RunDue();
  ExpectClosed(server, absl::StatusCode::kDataLoss, "does not speak TLS 1.3");
}

TEST_F(TlsConnectionTest, OlderVersionsOfTlsOtherProtocolsAndClientsWithoutAKeyAreRefused) {
  struct Case {
    int version;
    std::string protocol;
    std::string words;
  };
  for (const auto& [version, protocol, words] :
       {Case{TLS1_2_VERSION,
             "\x07"
             "copse/1",
             "does not speak TLS 1.3"},
        Case{TLS1_3_VERSION, "\x02h2", "is no copse"}, Case{TLS1_3_VERSION, "", "did not return a certificate"}}) {
    if (dialled == nullptr) SetUpAgain();
    server.Begin(std::move(accepted), executor, Role::kServer);
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, version);
    SSL* ssl = SSL_new(context);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(protocol.data()),
                        static_cast<unsigned>(protocol.size()));
    dialled->Start(
        {[&](std::string_view bytes) { BIO_write(SSL_get_rbio(ssl), bytes.data(), static_cast<int>(bytes.size())); },
         nullptr});
    for (int step = 0; step < 3; ++step) {
      SSL_connect(ssl);
      std::string bytes(BIO_ctrl_pending(SSL_get_wbio(ssl)), '\0');
      if (!bytes.empty()) BIO_read(SSL_get_wbio(ssl), bytes.data(), static_cast<int>(bytes.size()));
      dialled->Send(bytes);
      executor.RunDue();
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ExpectClosed(server, absl::StatusCode::kDataLoss, words);
    EXPECT_EQ(server.opened_with, "");
    dialled = nullptr;
  }
}

TEST_F(TlsConnectionTest, AConnectionMayBeDestroyedInItsOwnEvents) {
  TlsConnection::Options options;
  options.judge = [](const std::string&) { return absl::OkStatus(); };
  std::unique_ptr<TlsConnection> connection;
  options.on_open = [&](const std::string&) { connection.reset(); };
  connection = std::make_unique<TlsConnection>(client.credentials, std::move(dialled), executor, std::move(options));
  connection->Start({[](std::string_view) { FAIL() << "an event after the end"; }, nullptr});
  server.Begin(std::move(accepted), executor, Role::kServer);
  server.connection->Send("to nobody");
  executor.RunDue();
  EXPECT_EQ(connection, nullptr);
  EXPECT_TRUE(server.closed.has_value());
}

TEST(TlsConnectionOverSocketsTest, BothEndsSendFromTheirOwnThreadsAndAllArrives) {
  base::ThreadExecutor executor;
  base::AsioNetwork network;
  constexpr std::size_t kPieces = 200;
  const std::string piece(50'000, 'p');
  std::promise<std::unique_ptr<base::Connection>> accepting;
  auto listener = network.Listen(
      "127.0.0.1:0", [&](std::unique_ptr<base::Connection> connection) { accepting.set_value(std::move(connection)); });
  ASSERT_TRUE(listener.ok()) << listener.status();
  auto dialled = network.Connect((*listener)->endpoint());
  ASSERT_TRUE(dialled.ok());
  struct Side {
    std::unique_ptr<TlsConnection> connection;
    std::size_t received = 0;
    std::promise<std::size_t> all;
  };
  Side sides[2];
  std::unique_ptr<base::Connection> inner[2] = {*std::move(dialled), accepting.get_future().get()};
  for (int i = 0; i < 2; ++i) {
    TlsConnection::Options options;
    options.role = i == 0 ? Role::kClient : Role::kServer;
    options.judge = [](const std::string&) { return absl::OkStatus(); };
    Side& side = sides[i];
    side.connection = std::make_unique<TlsConnection>(TlsCredentials::Of(KeysOf(static_cast<char>('a' + i)).secret_key),
                                                      std::move(inner[i]), executor, std::move(options));
    side.connection->Start({[&side, &piece](std::string_view bytes) {
                              side.received += bytes.size();
                              if (side.received == kPieces * piece.size()) side.all.set_value(side.received);
                            },
                            nullptr});
  }
  std::thread other([&] {
    for (std::size_t i = 0; i < kPieces; ++i) sides[1].connection->Send(piece);
  });
  for (std::size_t i = 0; i < kPieces; ++i) sides[0].connection->Send(piece);
  other.join();
  for (Side& side : sides) {
    auto all = side.all.get_future();
    ASSERT_EQ(all.wait_for(std::chrono::seconds(60)), std::future_status::ready);
  }
}

}  // namespace
}  // namespace copse::replica
