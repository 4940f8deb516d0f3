#include "network/asio_stream.h"

// Reading goes on for as long as the connection lives and writing takes the queue piece by piece. Closing waits for
// the queue, says so to the other end (shutdown of the sending half), and then reads and drops what still comes until
// the other end closes as well: closing a socket with unread bytes would make the kernel throw away what was sent.

#include <chrono>
#include <utility>

namespace copse::base::internal {
namespace {

constexpr std::chrono::seconds kLingerMax{5};

absl::Status StatusOf(const boost::system::error_code& error) {
  if (error == asio::error::eof) return absl::OkStatus();
  return absl::UnavailableError("the connection broke: " + error.message());
}

}  // namespace

AsioStream::AsioStream(StreamSocket socket) : socket_(std::move(socket)), linger_(socket_.get_executor()) {
  // What is sent is a whole message: held back for more (RFC 896) it would wait for the other end's delayed
  // acknowledgement, some 40 ms. No unix socket has the option, nor the delay.
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void AsioStream::Post(std::function<void(AsioStream&)> work) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), work = std::move(work)] { work(*self); });
}

void AsioStream::Call(const std::function<void()>& callback) {
  const std::lock_guard lock(callback_mutex_);
  if (!detached_ && callback) callback();
}

void AsioStream::Start(Connection::Events events) {
  Post([events = std::move(events)](AsioStream& self) mutable {
    self.events_ = std::move(events);
    self.started_ = true;
    if (self.closed_) {
      self.AnnounceClose();
    } else {
      self.ReadMore();
    }
  });
}

void AsioStream::Send(std::string bytes, std::function<void()> on_sent) {
  Post([bytes = std::move(bytes), on_sent = std::move(on_sent)](AsioStream& self) mutable {
    if (self.closed_ || self.closing_) return;
    self.outgoing_.push_back({std::move(bytes), std::move(on_sent)});
    if (self.outgoing_.size() == 1) self.WriteNext();
  });
}

void AsioStream::Close() {
  Post([](AsioStream& self) {
    if (self.closed_ || self.closing_) return;
    self.closing_ = true;
    if (self.outgoing_.empty()) self.ShutDownSending();
  });
}

void AsioStream::Detach() {
  {
    const std::lock_guard lock(callback_mutex_);
    detached_ = true;
  }
  Post([](AsioStream& self) {
    self.Finish(absl::OkStatus());
    self.events_ = {};
    self.outgoing_.clear();
  });
}

void AsioStream::ReadMore() {
  if (std::exchange(reading_, true)) return;
  socket_.async_read_some(asio::buffer(incoming_),
                          [self = shared_from_this()](const boost::system::error_code& error, std::size_t count) {
                            self->reading_ = false;
                            if (self->closed_) return;
                            if (error) {
                              self->Finish(self->closing_ ? absl::OkStatus() : StatusOf(error));
                              return;
                            }
                            if (!self->closing_) {
                              self->Call([&] { self->events_.on_bytes({self->incoming_.data(), count}); });
                            }
                            self->ReadMore();
                          });
}

void AsioStream::WriteNext() {
  asio::async_write(socket_, asio::buffer(outgoing_.front().bytes),
                    [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                      if (self->closed_) return;
                      if (error) {
                        self->Finish(StatusOf(error));
                        return;
                      }
                      const std::function<void()> on_sent = std::move(self->outgoing_.front().on_sent);
                      self->outgoing_.pop_front();
                      self->Call(on_sent);
                      if (!self->outgoing_.empty()) {
                        self->WriteNext();
                      } else if (self->closing_) {
                        self->ShutDownSending();
                      }
                    });
}

void AsioStream::ShutDownSending() {
  boost::system::error_code ignored;
  socket_.shutdown(StreamSocket::shutdown_send, ignored);
  linger_.expires_after(kLingerMax);
  linger_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->Finish(absl::OkStatus());
  });
  ReadMore();
}

void AsioStream::Finish(absl::Status reason) {
  if (std::exchange(closed_, true)) return;
  close_reason_ = std::move(reason);
  boost::system::error_code ignored;
  socket_.close(ignored);
  linger_.cancel();
  if (started_) AnnounceClose();
}

void AsioStream::AnnounceClose() {
  // Events often hold their connection's owner: let go of them with the last one.
  const Connection::Events events = std::exchange(events_, {});
  Call([&] {
    if (events.on_close) events.on_close(close_reason_);
  });
}

}  // namespace copse::base::internal
