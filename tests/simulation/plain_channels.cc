#include "simulation/plain_channels.h"

// A record is its kind, the length of its body, a checksum over these, its number and the body, and the body. A client
// begins with kHello; the server answers with its key; the client looks at that and sends its own, and both may speak.

#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <utility>

namespace copse::simulation {
namespace {

using replica::Channels;

constexpr std::size_t kRecordBytesMax = 16 * 1024;
constexpr std::size_t kKeyBytes = 32;
constexpr std::chrono::seconds kHandshakeMax{10};

enum class Kind : std::uint8_t { kHello = 1, kKey, kData, kRefusal, kEnd };

struct Header {
  std::uint32_t kind = 0;
  std::uint32_t length = 0;
  std::uint64_t checksum = 0;
};

/// Each step is one to one in what came before it, so no change of a single word goes unseen.
std::uint64_t Mix(std::uint64_t state, std::uint64_t word) {
  state = (state ^ word) * 0x9e3779b97f4a7c15;
  return state ^ (state >> 29);
}

std::uint64_t ChecksumOf(std::uint64_t number, std::uint32_t kind, std::string_view body) {
  std::uint64_t sum = Mix(Mix(number, kind), body.size());
  for (std::size_t at = 0; at < body.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, body.data() + at, std::min(sizeof word, body.size() - at));
    sum = Mix(sum, word);
  }
  return sum;
}

/// Held by the events of the inner connection too, and alive while one is delivered.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::string key, std::unique_ptr<base::Connection> inner, base::Executor& executor, Channels::Options options)
      : key_(std::move(key)), executor_(executor), options_(std::move(options)), inner_(std::move(inner)) {}

  void Start(base::Connection::Events events) {
    events_ = std::move(events);
    timeout_ = executor_.Post(
        [weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->TimeIsUp();
        },
        kHandshakeMax);
    if (options_.role == Channels::Role::kClient) Write(Kind::kHello, "", nullptr);
    inner_->Start({[self = shared_from_this()](std::string_view bytes) { self->OnBytes(bytes); },
                   [self = shared_from_this()](absl::Status reason) { self->OnClose(std::move(reason)); }});
  }

  void Send(std::string bytes, std::function<void()> on_sent) {
    if (inner_ == nullptr || is_closing_ || !failure_.ok()) return;
    if (is_open_) {
      WriteData(bytes, std::move(on_sent));
    } else {
      early_.emplace_back(std::move(bytes), std::move(on_sent));
    }
  }

  void Close() {
    if (inner_ == nullptr || std::exchange(is_closing_, true)) return;
    if (is_open_ || early_.empty()) ShutDown();
  }

  void Detach() {
    executor_.Cancel(timeout_);
    inner_.reset();
  }

 private:
  void Write(Kind kind, std::string_view body, std::function<void()> on_sent) {
    const Header header{static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(body.size()),
                        ChecksumOf(written_++, static_cast<std::uint32_t>(kind), body)};
    std::string record(sizeof header + body.size(), '\0');
    std::memcpy(record.data(), &header, sizeof header);
    body.copy(record.data() + sizeof header, body.size());
    inner_->Send(std::move(record), std::move(on_sent));
  }

  void WriteData(std::string_view bytes, std::function<void()> on_sent) {
    for (; bytes.size() > kRecordBytesMax; bytes.remove_prefix(kRecordBytesMax)) {
      Write(Kind::kData, bytes.substr(0, kRecordBytesMax), nullptr);
    }
    Write(Kind::kData, bytes, std::move(on_sent));
  }

  void OnBytes(std::string_view bytes) {
    if (inner_ == nullptr || !failure_.ok() || peer_closed_) return;
    unread_ += bytes;
    std::string plain;
    const bool was_open = is_open_;
    while (failure_.ok() && !peer_closed_ && TakeRecord(plain)) {
    }
    if (is_open_ && !was_open && options_.on_open) options_.on_open(peer_key_);
    if (!plain.empty() && inner_ != nullptr && events_.on_bytes) events_.on_bytes(plain);
  }

  /// False where no record is whole.
  bool TakeRecord(std::string& plain) {
    Header header;
    if (unread_.size() < sizeof header) return false;
    std::memcpy(&header, unread_.data(), sizeof header);
    if (header.length > kRecordBytesMax) return Fail(absl::DataLossError("the other end speaks no such language"));
    if (unread_.size() < sizeof header + header.length) return false;
    const std::string body = unread_.substr(sizeof header, header.length);
    unread_.erase(0, sizeof header + header.length);
    if (ChecksumOf(read_++, header.kind, body) != header.checksum) {
      return Fail(absl::DataLossError("what arrived is not what was sent"));
    }
    return Take(static_cast<Kind>(header.kind), body, plain);
  }

  bool Take(Kind kind, const std::string& body, std::string& plain) {
    const bool is_client = options_.role == Channels::Role::kClient;
    if (kind == Kind::kRefusal) return Fail(absl::PermissionDeniedError("the other end does not accept this key"));
    if (kind == Kind::kHello && !is_client && read_ == 1) {
      Write(Kind::kKey, key_, nullptr);
    } else if (kind == Kind::kKey && !is_open_ && body.size() == kKeyBytes) {
      peer_key_ = body;
      if (absl::Status judged = options_.judge(body); !judged.ok()) {
        Write(Kind::kRefusal, "", nullptr);
        return Fail(std::move(judged));
      }
      if (is_client) Write(Kind::kKey, key_, nullptr);
      Opened();
    } else if (kind == Kind::kData && is_open_) {
      plain += body;
    } else if (kind == Kind::kEnd && is_open_) {
      peer_closed_ = true;
      ShutDown();
    } else {
      return Fail(absl::DataLossError("a record came out of turn"));
    }
    return true;
  }

  void Opened() {
    is_open_ = true;
    executor_.Cancel(timeout_);
    for (auto& [bytes, on_sent] : std::exchange(early_, {})) WriteData(bytes, std::move(on_sent));
    if (is_closing_) ShutDown();
  }

  void ShutDown() {
    if (is_open_) Write(Kind::kEnd, "", nullptr);
    inner_->Close();
  }

  bool Fail(absl::Status reason) {
    if (failure_.ok()) failure_ = std::move(reason);
    inner_->Close();
    return false;
  }

  void TimeIsUp() {
    if (inner_ == nullptr || is_open_) return;
    Fail(absl::UnavailableError("the other end did not say who it is in time"));
  }

  void OnClose(absl::Status reason) {
    executor_.Cancel(timeout_);
    if (!failure_.ok()) {
      reason = failure_;
    } else if (is_closing_ || peer_closed_) {
      reason = absl::OkStatus();
    } else if (reason.ok()) {
      reason = absl::UnavailableError("the connection was cut");
    }
    const base::Connection::Events events = std::exchange(events_, {});
    options_ = {};
    if (events.on_close) events.on_close(std::move(reason));
  }

  const std::string key_;
  base::Executor& executor_;
  Channels::Options options_;
  std::unique_ptr<base::Connection> inner_;
  base::Connection::Events events_;
  std::string peer_key_;
  std::string unread_;
  std::deque<std::pair<std::string, std::function<void()>>> early_;
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
  base::Executor::WorkId timeout_ = 0;
  absl::Status failure_;
  bool is_open_ = false;
  bool is_closing_ = false;
  bool peer_closed_ = false;
};

class PlainConnection final : public base::Connection {
 public:
  explicit PlainConnection(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}
  ~PlainConnection() override { stream_->Detach(); }
  void Start(Events events) override { stream_->Start(std::move(events)); }
  using Connection::Send;
  void Send(std::string bytes, std::function<void()> on_sent) override {
    stream_->Send(std::move(bytes), std::move(on_sent));
  }
  void Close() override { stream_->Close(); }

 private:
  const std::shared_ptr<Stream> stream_;
};

class PlainChannelsOf final : public Channels {
 public:
  explicit PlainChannelsOf(std::string key) : key_(std::move(key)) {}
  std::unique_ptr<base::Connection> Open(std::unique_ptr<base::Connection> inner, base::Executor& executor,
                                         Options options) const override {
    return std::make_unique<PlainConnection>(
        std::make_shared<Stream>(key_, std::move(inner), executor, std::move(options)));
  }

 private:
  const std::string key_;
};

}  // namespace

std::shared_ptr<const Channels> PlainChannels(std::string_view signing_secret) {
  return std::make_shared<PlainChannelsOf>(std::string(signing_secret.substr(signing_secret.size() - kKeyBytes)));
}

}  // namespace copse::simulation
