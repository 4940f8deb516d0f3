#include "simulation/simulated_network.h"

// A connection is two ends that know each other. Everything that passes between them is an event: a segment that
// arrives, an acknowledgement, a reset. What an end hands to its process is an event of that process, so that a stopped
// one meets nothing; what the machine's kernel does by itself (acknowledge, send again) goes on.

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <utility>

namespace copse::simulation {
namespace {

using base::Connection;

std::string WithoutScheme(const std::string& endpoint) {
  return endpoint.rfind("tcp:", 0) == 0 ? endpoint.substr(4) : endpoint;
}

/// Of `mN:PORT`.
int MachineOf(const std::string& endpoint) { return std::stoi(WithoutScheme(endpoint).substr(1)); }

}  // namespace

struct SimulatedNetwork::State : std::enable_shared_from_this<State> {
  State(EventQueue& events, std::uint64_t seed, Faults& counted) : queue(events), random(seed), faults(counted) {}

  std::uint64_t Draw(std::uint64_t below) { return random() % below; }
  bool Happens(std::uint64_t thousandths) { return thousandths > 0 && Draw(1000) < thousandths; }
  bool HasPower(int machine) const { return !without_power.contains(machine); }

  /// What one machine sends arrives at the other as an event, or not at all; perhaps twice.
  void Carry(int from, int to, std::function<void()> arrival) {
    if (cuts.contains({from, to})) {
      ++faults["segment lost in a partition"];
      return;
    }
    if (Happens(weather.drop)) {
      ++faults["segment dropped"];
      return;
    }
    const int copies = Happens(weather.duplicate) ? 2 : 1;
    if (copies == 2) ++faults["segment duplicated"];
    for (int copy = 1; copy <= copies; ++copy) {
      const auto range = static_cast<std::uint64_t>((weather.delay_max - weather.delay_min).count());
      const std::chrono::milliseconds delay = weather.delay_min + std::chrono::milliseconds(Draw(range + 1));
      auto carried = copy < copies ? arrival : std::move(arrival);
      queue.Post(delay, nullptr, [self = shared_from_this(), to, carried = std::move(carried)] {
        if (self->HasPower(to)) carried();
      });
    }
  }

  struct Acceptor {
    std::function<void(std::unique_ptr<Connection>)> on_connection;
    std::shared_ptr<const Party> party;
    std::function<bool()> has_power;
  };

  EventQueue& queue;
  std::mt19937_64 random;
  Faults& faults;
  Weather weather;
  std::set<std::pair<int, int>> cuts;
  std::set<int> without_power;
  std::map<std::string, std::shared_ptr<Acceptor>> acceptors;
  std::map<int, std::vector<std::shared_ptr<End>>> ends;  ///< A machine resets what it knows no more.
  std::size_t most_queued = 0;
};

/// One end of a connection: what a kernel keeps for a socket.
class SimulatedNetwork::End : public std::enable_shared_from_this<End> {
 public:
  End(std::shared_ptr<State> state, int machine, std::shared_ptr<const Party> party, std::function<bool()> has_power)
      : state_(std::move(state)), machine_(machine), party_(std::move(party)), has_power_(std::move(has_power)) {}

  static void Join(const std::shared_ptr<End>& a, const std::shared_ptr<End>& b) {
    a->peer_ = b;
    b->peer_ = a;
    for (const auto& end : {a, b}) {
      auto& ends = end->state_->ends[end->machine_];
      std::erase_if(ends, [](const std::shared_ptr<End>& other) {
        const auto peer = other->peer_.lock();
        return other->is_over_ && (peer == nullptr || peer->is_over_);
      });
      ends.push_back(end);
    }
  }

  void Start(Connection::Events events) {
    events_ = std::make_shared<const Connection::Events>(std::move(events));
    for (auto& early : std::exchange(early_, {})) Deliver(std::move(early));
  }

  void Send(std::string bytes, std::function<void()> on_sent) {
    if (is_closing_ || is_over_ || !has_power_()) return;
    queued_bytes_ += bytes.size();
    state_->most_queued = std::max(state_->most_queued, queued_bytes_);
    std::string_view rest = bytes;
    do {
      Segment segment;
      segment.bytes = std::make_shared<const std::string>(rest.substr(0, kSegmentBytes));
      rest.remove_prefix(segment.bytes->size());
      if (rest.empty()) segment.on_sent = std::move(on_sent);
      waiting_.push_back(std::move(segment));
    } while (!rest.empty());
    Pump();
  }

  void Close() {
    if (is_closing_ || is_over_ || !has_power_()) return;
    is_closing_ = true;
    Segment last;
    last.is_last = true;
    waiting_.push_back(std::move(last));
    Pump();
  }

  /// The process lets go of the socket: what is queued is still sent.
  void LetGo() {
    events_ = nullptr;
    is_let_go_ = true;
    Close();
  }

  /// Ends without a word to the process; the peer learns of it where the machine can tell.
  void Vanish(bool tells_peer) {
    if (is_over_) return;
    if (tells_peer) Reset();
    End_();
    is_let_go_ = true;
    events_ = nullptr;
  }

 private:
  using Bytes = std::shared_ptr<const std::string>;

  struct Segment {
    std::uint64_t number = 0;
    Bytes bytes;  ///< Absent: it only ends the connection.
    bool is_last = false;
    std::function<void()> on_sent;
    int sends = 0;
    EventQueue::Id timer = 0;
  };
  using Delivery = std::function<void(const Connection::Events&)>;

  void Pump() {
    while (!waiting_.empty() && unacknowledged_.size() < static_cast<std::size_t>(kSegmentsInFlight)) {
      Segment segment = std::move(waiting_.front());
      waiting_.pop_front();
      const std::uint64_t number = next_number_++;
      segment.number = number;
      unacknowledged_.emplace(number, std::move(segment));
      Transmit(number);
    }
  }

  void Transmit(std::uint64_t number) {
    const auto found = unacknowledged_.find(number);
    if (found == unacknowledged_.end() || is_over_) return;
    Segment& segment = found->second;
    if (segment.sends++ == kSendsMax) {
      ++state_->faults["connection given up"];
      Die(absl::UnavailableError("the connection timed out"));
      return;
    }
    if (segment.sends == 2) ++state_->faults["segment sent again"];
    if (const auto peer = peer_.lock()) {
      Bytes bytes = segment.bytes;
      if (bytes != nullptr && !bytes->empty() && state_->Happens(state_->weather.flip)) {
        ++state_->faults["bit flipped below TLS"];
        const std::uint64_t bit = state_->Draw(bytes->size() * 8);
        std::string flipped = *bytes;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
        bytes = std::make_shared<const std::string>(std::move(flipped));
      }
      state_->Carry(machine_, peer->machine_, [peer, number, bytes = std::move(bytes), is_last = segment.is_last] {
        peer->Arrive(number, bytes, is_last);
      });
    }
    segment.timer = state_->queue.Post(kResendAfter * (1 << std::min(segment.sends - 1, 7)), nullptr,
                                       [self = shared_from_this(), number] { self->Transmit(number); });
  }

  void Arrive(std::uint64_t number, const Bytes& bytes, bool is_last) {
    if (is_over_) {
      Reset();
      return;
    }
    if (number > expected_) ++state_->faults["segment out of order"];
    if (number >= expected_) arrived_.try_emplace(number, bytes, is_last);
    while (!arrived_.empty() && arrived_.begin()->first == expected_) {
      auto [taken, last] = std::move(arrived_.begin()->second);
      arrived_.erase(arrived_.begin());
      ++expected_;
      if (taken != nullptr && !taken->empty()) {
        HandOver([held = std::move(taken)](const Connection::Events& events) {
          if (events.on_bytes) events.on_bytes(*held);
        });
      }
      if (last) HandOverEnd(absl::OkStatus());
    }
    Acknowledge();
  }

  void Acknowledge() {
    const auto peer = peer_.lock();
    if (peer == nullptr) return;
    state_->Carry(machine_, peer->machine_, [peer, count = expected_] { peer->OnAcknowledged(count); });
  }

  void OnAcknowledged(std::uint64_t count) {
    if (is_over_) return;
    while (!unacknowledged_.empty() && unacknowledged_.begin()->first < count) {
      Segment segment = std::move(unacknowledged_.begin()->second);
      unacknowledged_.erase(unacknowledged_.begin());
      state_->queue.Cancel(segment.timer);
      if (segment.bytes != nullptr) queued_bytes_ -= segment.bytes->size();
      if (segment.on_sent) {
        HandOver([on_sent = std::move(segment.on_sent)](const Connection::Events&) { on_sent(); });
      }
      if (segment.is_last) {
        HandOverEnd(absl::OkStatus());
        End_();
        return;
      }
    }
    Pump();
  }

  void Reset() {
    const auto peer = peer_.lock();
    if (peer == nullptr) return;
    state_->Carry(machine_, peer->machine_, [peer] {
      if (!peer->is_ended_) ++peer->state_->faults["connection reset"];
      peer->Die(absl::UnavailableError("connection reset by peer"));
    });
  }

  void Die(const absl::Status& reason) {
    if (is_over_) return;
    HandOverEnd(reason);
    End_();
  }

  /// No segment comes or goes any more.
  void End_() {
    is_over_ = true;
    for (auto& [number, segment] : unacknowledged_) state_->queue.Cancel(segment.timer);
    unacknowledged_.clear();
    waiting_.clear();
    arrived_.clear();
  }

  void HandOverEnd(const absl::Status& reason) {
    if (std::exchange(is_ended_, true)) return;
    HandOver([reason](const Connection::Events& events) {
      if (events.on_close) events.on_close(reason);
    });
    has_handed_over_end_ = true;
  }

  void HandOver(Delivery delivery) {
    if (is_let_go_ || has_handed_over_end_) return;
    if (events_ == nullptr) {
      early_.push_back(std::move(delivery));
    } else {
      Deliver(std::move(delivery));
    }
  }

  void Deliver(Delivery delivery) {
    state_->queue.Post(Time(0), party_, [self = shared_from_this(), delivery = std::move(delivery)] {
      if (self->is_let_go_ || !self->has_power_()) return;
      const auto events = self->events_;  // The callback may let go.
      delivery(*events);
    });
  }

  const std::shared_ptr<State> state_;
  const int machine_;
  const std::shared_ptr<const Party> party_;
  const std::function<bool()> has_power_;
  std::weak_ptr<End> peer_;

  std::shared_ptr<const Connection::Events> events_;
  std::vector<Delivery> early_;  ///< Came before Start.
  std::deque<Segment> waiting_;
  std::map<std::uint64_t, Segment> unacknowledged_;
  std::uint64_t next_number_ = 0;
  std::size_t queued_bytes_ = 0;
  std::uint64_t expected_ = 0;
  std::map<std::uint64_t, std::pair<Bytes, bool>> arrived_;
  bool is_closing_ = false;
  bool is_ended_ = false;
  bool has_handed_over_end_ = false;
  bool is_over_ = false;
  bool is_let_go_ = false;
};

/// The network as one process sees it.
class SimulatedNetwork::Process final : public base::Network {
 public:
  Process(std::shared_ptr<State> state, int machine, std::shared_ptr<const Party> party,
          std::function<bool()> has_power)
      : state_(std::move(state)), machine_(machine), party_(std::move(party)), has_power_(std::move(has_power)) {}

  absl::StatusOr<std::unique_ptr<base::Listener>> Listen(
      const std::string& endpoint, std::function<void(std::unique_ptr<Connection>)> on_connection) override {
    const std::string address = WithoutScheme(endpoint);
    auto acceptor = std::make_shared<State::Acceptor>(State::Acceptor{std::move(on_connection), party_, has_power_});
    if (!state_->acceptors.emplace(address, acceptor).second) {
      return absl::AlreadyExistsError(endpoint + ": address already in use");
    }
    return std::make_unique<ListenerImpl>(state_, address, acceptor);
  }

  absl::StatusOr<std::unique_ptr<Connection>> Connect(const std::string& endpoint) override {
    std::optional<absl::StatusOr<std::unique_ptr<Connection>>> result;
    Dial(std::make_shared<Dialling>(Dialling{WithoutScheme(endpoint), nullptr, nullptr, 0, false}),
         [&result](absl::StatusOr<std::unique_ptr<Connection>> connection) { result = std::move(connection); });
    while (!result && state_->queue.RunNext(Time::max())) {
    }
    return *std::move(result);
  }

  void Connect(const std::string& endpoint, OnConnected on_done) override {
    Dial(std::make_shared<Dialling>(Dialling{WithoutScheme(endpoint), nullptr, nullptr, 0, false}), std::move(on_done));
  }

 private:
  static constexpr std::chrono::milliseconds kDialAgainAfter{1000};
  static constexpr int kDialsMax = 4;

  class ListenerImpl final : public base::Listener {
   public:
    ListenerImpl(std::shared_ptr<State> state, std::string address, std::shared_ptr<State::Acceptor> acceptor)
        : state_(std::move(state)), address_(std::move(address)), acceptor_(std::move(acceptor)) {}
    ~ListenerImpl() override {
      acceptor_->on_connection = nullptr;
      const auto found = state_->acceptors.find(address_);
      if (found != state_->acceptors.end() && found->second == acceptor_) state_->acceptors.erase(found);
    }
    std::string endpoint() const override { return "tcp:" + address_; }

   private:
    const std::shared_ptr<State> state_;
    const std::string address_;
    const std::shared_ptr<State::Acceptor> acceptor_;
  };

  class ConnectionImpl final : public Connection {
   public:
    explicit ConnectionImpl(std::shared_ptr<End> end) : end_(std::move(end)) {}
    ~ConnectionImpl() override { end_->LetGo(); }
    void Start(Events events) override { end_->Start(std::move(events)); }
    using Connection::Send;
    void Send(std::string bytes, std::function<void()> on_sent) override {
      end_->Send(std::move(bytes), std::move(on_sent));
    }
    void Close() override { end_->Close(); }

   private:
    const std::shared_ptr<End> end_;
  };

  /// One call of Connect.
  struct Dialling {
    std::string address;
    std::shared_ptr<End> caller;
    std::shared_ptr<End> accepted;  ///< At the other machine, once it has heard of it.
    int dials = 0;
    bool is_over = false;
  };

  void Dial(const std::shared_ptr<Dialling>& dialling, OnConnected on_done) {
    const auto done = [party = party_, state = state_, dialling, on_done](absl::Status status,
                                                                          std::shared_ptr<End> end) {
      if (std::exchange(dialling->is_over, true)) return;
      state->queue.Post(Time(0), party, [status = std::move(status), end = std::move(end), on_done] {
        if (end == nullptr) return on_done(status);
        on_done(std::make_unique<ConnectionImpl>(end));
      });
    };
    if (dialling->is_over) return;
    if (dialling->dials++ == kDialsMax) {
      if (dialling->caller != nullptr) dialling->caller->Vanish(/*tells_peer=*/true);
      done(absl::UnavailableError(dialling->address + ": no answer"), nullptr);
      return;
    }
    // The process lives as long as this network of its does.
    state_->queue.Post(kDialAgainAfter, party_, [this, dialling, on_done] { Dial(dialling, on_done); });
    if (!has_power_()) return;
    const int to = MachineOf(dialling->address);
    state_->Carry(
        machine_, to, [state = state_, from = machine_, to, dialling, done, party = party_, has_power = has_power_] {
          const auto acceptor = state->acceptors.find(dialling->address);
          if (acceptor == state->acceptors.end()) {
            state->Carry(to, from, [done, address = dialling->address] {
              done(absl::UnavailableError(address + ": nobody listens there"), nullptr);
            });
            return;
          }
          if (dialling->accepted == nullptr) {
            dialling->caller = std::make_shared<End>(state, from, party, has_power);
            dialling->accepted = std::make_shared<End>(state, to, acceptor->second->party, acceptor->second->has_power);
            End::Join(dialling->caller, dialling->accepted);
            state->queue.Post(Time(0), acceptor->second->party, [held = acceptor->second, end = dialling->accepted] {
              if (held->on_connection) {
                held->on_connection(std::make_unique<ConnectionImpl>(end));
              } else {
                end->Vanish(/*tells_peer=*/true);
              }
            });
          }
          state->Carry(to, from, [done, dialling] { done(absl::OkStatus(), dialling->caller); });
        });
  }

  const std::shared_ptr<State> state_;
  const int machine_;
  const std::shared_ptr<const Party> party_;
  const std::function<bool()> has_power_;
};

SimulatedNetwork::SimulatedNetwork(EventQueue& queue, std::uint64_t seed, Faults& faults)
    : state_(std::make_shared<State>(queue, seed, faults)) {}

SimulatedNetwork::~SimulatedNetwork() { state_->ends.clear(); }

void SimulatedNetwork::set_weather(const Weather& weather) { state_->weather = weather; }

void SimulatedNetwork::SetCut(int from, int to, bool is_cut) {
  if (is_cut) {
    state_->cuts.insert({from, to});
  } else {
    state_->cuts.erase({from, to});
  }
}

void SimulatedNetwork::HealAll() { state_->cuts.clear(); }

std::unique_ptr<base::Network> SimulatedNetwork::AttachProcess(int machine, std::shared_ptr<const Party> party,
                                                               std::function<bool()> has_power) {
  state_->without_power.erase(machine);
  return std::make_unique<Process>(state_, machine, std::move(party), std::move(has_power));
}

void SimulatedNetwork::DetachProcess(int machine, bool tells_peers) {
  for (const std::shared_ptr<End>& end : state_->ends[machine]) end->Vanish(tells_peers);
  std::erase_if(state_->acceptors, [&](const auto& one) { return MachineOf(one.first) == machine; });
}

void SimulatedNetwork::SetPower(int machine, bool has_power) {
  if (has_power) {
    state_->without_power.erase(machine);
  } else {
    state_->without_power.insert(machine);
  }
}

std::size_t SimulatedNetwork::most_queued() const { return state_->most_queued; }

}  // namespace copse::simulation
