// SPDX-License-Identifier: Apache-2.0
#include "soak/fault/byte_proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lib/fault/frame_reader.h"
#include "lib/fault/tcp_end.h"
#include "lib/net/tcp_listener.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/task.h"

namespace soak::fault {
namespace {

constexpr detail::EnumNames<ByteKind> kKindNames({{ByteKind::kReset, "reset"},
                                                  {ByteKind::kCut, "cut"},
                                                  {ByteKind::kHalfOpen, "half_open"},
                                                  {ByteKind::kInject, "inject"}});

// For both sides to close after they were sent a FIN.
constexpr std::chrono::nanoseconds kDiscardTime = std::chrono::seconds{2};

// Where a line has a bandwidth and no size of its pieces: so many pieces a second.
constexpr std::size_t kPiecesPerSecond = 50;

UvLoop& real(EventLoop& loop) {
  if (loop.is_virtual()) {
    throw Error(Errc::kInvalidArgument, "a ByteProxy needs sockets; a VirtualLoop has none");
  }
  return static_cast<UvLoop&>(loop);
}

}  // namespace

std::string_view to_string(ByteKind kind) { return kKindNames[kind]; }

// One client's way to the server.
class ByteProxy::Connection {
 public:
  Connection(UvLoop& loop, State& state, BytePlan plan)
      : loop_(loop),
        state_(state),
        plan_(std::move(plan)),
        struck_(plan_.faults.size()),
        client_(loop),
        server_(loop),
        tasks_(loop) {}
  ~Connection() { tasks_.end_in_place(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool open(net::Fd client) { return client_.open(std::move(client)); }
  // Until both sides have ended, or a fault ended them.
  Task<> run();

 private:
  Task<> pass_to_server();
  Task<> pass_to_client();
  Task<> wait_until_due(const Line& line, Instant arrived);
  Task<> strike(std::size_t fault);
  Task<> strike_in(std::uint64_t frame, bool injections);
  Task<> play(const ByteFault& fault);
  void end(bool by_reset);
  static Task<> discard(TcpEnd& end);
  Task<bool> write_to_client(std::string bytes);
  Task<> until_passing();

  UvLoop& loop_;
  State& state_;
  const BytePlan plan_;
  std::vector<bool> struck_;  // Of its faults, by their frame.
  TcpEnd client_;
  TcpEnd server_;
  FrameReader reader_;
  std::vector<std::string> injections_;  // For the next place between two frames.
  int half_open_ = 0;
  int sides_open_ = 2;
  bool ended_ = false;
  Event changed_;
  TaskGroup tasks_;
};

struct ByteProxy::State {
  State(UvLoop& own_loop, std::uint16_t port, Plan own_plan)
      : loop(own_loop),
        server_port(port),
        plan(std::move(own_plan)),
        listener(own_loop, "127.0.0.1", 0, [this] { arrived.set(); }),
        tasks(own_loop) {
    tasks.start("proxy_accept", accept());
  }
  ~State() { tasks.end_in_place(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Task<> accept() {
    for (;;) {
      arrived.reset();
      co_await arrived.wait();
      while (std::optional<net::TcpListener::Accepted> accepted = listener.accept()) {
        const std::uint64_t number = ++connections;
        auto connection = std::make_unique<Connection>(loop, *this, plan ? plan(number) : BytePlan());
        if (connection->open(std::move(accepted->fd))) {
          tasks.start({"proxy_connection", number}, serve(std::move(connection)));
        }
      }
    }
  }
  Task<> serve(std::unique_ptr<Connection> connection) {
    ++open_connections;
    co_await connection->run();
    connection.reset();
    --open_connections;
  }

  UvLoop& loop;
  const std::uint16_t server_port;
  const Plan plan;
  Event arrived;  // The listener has somebody to accept.
  net::TcpListener listener;
  std::array<std::uint64_t, kByteKinds> played{};
  std::uint64_t connections = 0;
  std::uint64_t open_connections = 0;
  std::uint64_t bytes_to_client = 0;
  TaskGroup tasks;
};

Task<> ByteProxy::Connection::run() {
  Task<bool> connecting = server_.connect(state_.server_port);
  const bool connected = co_await std::move(connecting);
  if (!connected) {
    client_.reset();
    co_return;
  }
  tasks_.start("proxy_to_server", pass_to_server());
  tasks_.start("proxy_to_client", pass_to_client());
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    if (!plan_.faults[i].in_frame) {
      tasks_.start({"proxy_fault", i}, strike(i));
    }
  }
  while (sides_open_ > 0 && !ended_) {
    changed_.reset();
    co_await changed_.wait();
  }
  tasks_.end_in_place();
  if (sides_open_ == 0 || client_.is_lost()) {
    co_return;
  }
  // Closed with bytes that nobody has read, it would be reset.
  tasks_.start("proxy_discard_client", discard(client_));
  tasks_.start("proxy_discard_server", discard(server_));
  const Instant until = loop_.now() + kDiscardTime;
  while (!tasks_.empty() && loop_.now() < until) {
    co_await sleep_for(kDiscardTime / 100);
  }
  tasks_.end_in_place();
}

Task<> ByteProxy::Connection::discard(TcpEnd& end) {
  for (TcpEnd::Piece piece = co_await end.read(); !piece.bytes.empty();) {
    piece = co_await end.read();
  }
}

void ByteProxy::Connection::end(bool by_reset) {
  if (by_reset) {
    client_.reset();
    server_.reset();
  } else {
    client_.send_end();
    server_.send_end();
  }
  ended_ = true;
  changed_.set();
}

Task<> ByteProxy::Connection::until_passing() {
  while (half_open_ > 0 && !ended_) {
    changed_.reset();
    co_await changed_.wait();
  }
}

Task<> ByteProxy::Connection::wait_until_due(const Line& line, Instant arrived) {
  const Instant due = arrived + line.latency;
  if (due > loop_.now()) {
    co_await sleep_for(due - loop_.now());
  }
}

namespace {

// How much of a line's bytes make one write.
std::size_t piece_of(const Line& line, std::size_t bytes) {
  std::size_t piece = bytes;
  if (line.bytes_per_second > 0) {
    piece = std::min(piece, std::max<std::size_t>(1, line.bytes_per_second / kPiecesPerSecond));
  }
  if (line.piece_bytes > 0) {
    piece = std::min(piece, line.piece_bytes);
  }
  return piece;
}

std::chrono::nanoseconds duration_of(const Line& line, std::size_t bytes) {
  if (line.bytes_per_second == 0) {
    return std::chrono::nanoseconds{0};
  }
  return std::chrono::nanoseconds(std::int64_t{1'000'000'000} * static_cast<std::int64_t>(bytes) /
                                  static_cast<std::int64_t>(line.bytes_per_second));
}

}  // namespace

Task<> ByteProxy::Connection::pass_to_server() {
  const Line& line = plan_.to_server;
  for (;;) {
    TcpEnd::Piece piece = co_await client_.read();
    co_await wait_until_due(line, piece.arrived);
    co_await until_passing();
    if (piece.bytes.empty()) {
      break;
    }
    for (std::string_view rest = piece.bytes; !rest.empty();) {
      co_await until_passing();
      const std::size_t size = piece_of(line, rest.size());
      std::string bytes(rest.substr(0, size));
      rest.remove_prefix(size);
      Task<bool> writing = server_.write(std::move(bytes));
      co_await std::move(writing);
      if (line.bytes_per_second > 0) {
        co_await sleep_for(duration_of(line, size));
      }
    }
  }
  if (client_.is_lost()) {
    co_return end(true);
  }
  server_.send_end();
  --sides_open_;
  changed_.set();
}

Task<bool> ByteProxy::Connection::write_to_client(std::string bytes) {
  state_.bytes_to_client += bytes.size();
  return client_.write(std::move(bytes));
}

Task<> ByteProxy::Connection::pass_to_client() {
  const Line& line = plan_.to_client;
  for (;;) {
    TcpEnd::Piece piece = co_await server_.read();
    co_await wait_until_due(line, piece.arrived);
    if (piece.bytes.empty()) {
      break;
    }
    for (std::string_view rest = piece.bytes; !rest.empty();) {
      co_await until_passing();
      if (ended_) {
        co_return;
      }
      const std::size_t size = reader_.take(rest.substr(0, piece_of(line, rest.size())));
      std::string bytes(rest.substr(0, size));
      rest.remove_prefix(size);
      Task<bool> writing = write_to_client(std::move(bytes));
      co_await std::move(writing);
      if (reader_.is_in_the_middle()) {
        co_await strike_in(reader_.frame(), false);
      }
      if (reader_.is_between()) {
        std::vector<std::string> injections = std::exchange(injections_, {});
        for (std::string& injection : injections) {
          ++state_.played[static_cast<std::size_t>(ByteKind::kInject)];
          Task<bool> injecting = write_to_client(std::move(injection));
          co_await std::move(injecting);
        }
        co_await strike_in(reader_.frame(), true);
      }
      if (line.bytes_per_second > 0) {
        co_await sleep_for(duration_of(line, size));
      }
    }
  }
  co_await until_passing();
  if (server_.is_lost()) {
    co_return end(true);
  }
  client_.send_end();
  --sides_open_;
  changed_.set();
}

Task<> ByteProxy::Connection::strike_in(std::uint64_t frame, bool injections) {
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const ByteFault& fault = plan_.faults[i];
    const bool due = fault.in_frame && *fault.in_frame <= frame && !struck_[i];
    if (due && (fault.kind == ByteKind::kInject) == injections) {
      struck_[i] = true;
      co_await play(fault);
    }
  }
}

Task<> ByteProxy::Connection::strike(std::size_t fault) {
  co_await sleep_for(plan_.faults[fault].after);
  co_await play(plan_.faults[fault]);
}

Task<> ByteProxy::Connection::play(const ByteFault& fault) {
  if (fault.kind == ByteKind::kInject) {
    co_await until_passing();
  }
  if (ended_) {
    co_return;
  }
  if (fault.kind == ByteKind::kInject && !reader_.is_between()) {
    injections_.push_back(fault.bytes);
    co_return;
  }
  ++state_.played[static_cast<std::size_t>(fault.kind)];
  switch (fault.kind) {
    case ByteKind::kReset:
    case ByteKind::kCut:
      end(fault.kind == ByteKind::kReset);
      break;
    case ByteKind::kHalfOpen:
      ++half_open_;
      co_await sleep_for(fault.lasts);
      --half_open_;
      changed_.set();
      break;
    case ByteKind::kInject: {
      std::string bytes = fault.bytes;
      Task<bool> writing = write_to_client(std::move(bytes));
      co_await std::move(writing);
      break;
    }
  }
}

ByteProxy::ByteProxy(EventLoop& loop, std::uint16_t server_port, Plan plan)
    : state_(std::make_unique<State>(real(loop), server_port, std::move(plan))) {}

ByteProxy::~ByteProxy() = default;

std::uint16_t ByteProxy::port() const { return state_->listener.port(); }

std::string ByteProxy::url(std::string_view url) const {
  const std::size_t host = url.find("://") + 3;
  const std::size_t path = std::min(url.find('/', host), url.size());
  return fmt::format("{}127.0.0.1:{}{}", url.substr(0, host), port(), url.substr(path));
}

std::uint64_t ByteProxy::played(ByteKind kind) const { return state_->played[static_cast<std::size_t>(kind)]; }

std::uint64_t ByteProxy::connections() const { return state_->connections; }

std::uint64_t ByteProxy::open_connections() const { return state_->open_connections; }

std::uint64_t ByteProxy::bytes_to_client() const { return state_->bytes_to_client; }

}  // namespace soak::fault
