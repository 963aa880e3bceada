// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_MEMORY_HTTP_H_
#define SOAK_LIB_NET_MEMORY_HTTP_H_

// An HTTP connection in memory: both of its ends, and what is on its way between them.
//
// It models what code above TCP can see: connecting takes a round trip, a request and its response another one; a
// connection is kept, and used by one request after the other; either end may end it, with what is on its way still
// arriving, or reset it. Everything arrives a turn later at the earliest.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "lib/net/http_client_backend.h"
#include "lib/net/http_server_backend.h"
#include "lib/net/memory_network.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {

class MemoryHttpClient;

class MemoryHttpConnection final : public HttpReplyTo, public std::enable_shared_from_this<MemoryHttpConnection> {
 public:
  MemoryHttpConnection(MemoryNetwork& network, MemoryHttpClient& client, const Url& url);

  // The client's end. Its signal tells of whatever changes there.
  enum class State : std::uint8_t { kConnecting, kOpen, kEnded };
  void connect();
  void send(HttpRequest request, const Url& url);
  void leave();  // With whatever is under way.
  State state() const { return state_; }
  Signal& changed() { return changed_; }
  bool has_response() const { return has_response_; }
  HttpResponse take_response();
  bool keeps() const { return state_ == State::kOpen && !last_; }  // After the response.
  bool cut_short() const { return cut_short_; }                    // The response ends within its body.
  const std::string& failure() const { return failure_; }          // Why it did not come to be, or how it ended.
  // False when it ended before the request had left this end: a body of more bytes than the pipe holds.
  bool may_have_arrived() const { return !body_stuck_; }

  // The server's end.
  void reply(HttpReply reply) override;
  void reset();
  void close();  // Says no more; what was said arrives.
  bool idle() const { return !request_under_way_; }
  std::uint64_t id() const { return id_; }

 private:
  enum class Packet : std::uint8_t {
    kConnect,  // Up, to the server.
    kRequest,
    kLeft,
    kAccepted,  // Down, to the client.
    kRefused,
    kResponse,
    kReset,
    kEnd,
  };

  // What is on its way in one direction, in order: each end has at most this much to say before the other answers.
  class Path final : public soak::detail::TimerNode {
   public:
    Path(MemoryHttpConnection& connection, void (MemoryHttpConnection::*arrive)(Packet))
        : connection_(connection), arrive_(arrive) {}
    ~Path();
    Path(const Path&) = delete;
    Path& operator=(const Path&) = delete;
    void push(Packet packet);
    void expire() noexcept override;

   private:
    struct Sent {
      Packet packet;
      Instant arrival;
    };
    MemoryHttpConnection& connection_;
    void (MemoryHttpConnection::*arrive_)(Packet);
    std::array<Sent, 4> sent_;
    std::size_t size_ = 0;
  };

  // The server's end closes a connection on which no request came for so long.
  class KeepAlive final : public soak::detail::TimerNode {
   public:
    explicit KeepAlive(MemoryHttpConnection& connection) : connection_(connection) {}
    ~KeepAlive() { stop(); }
    KeepAlive(const KeepAlive&) = delete;
    KeepAlive& operator=(const KeepAlive&) = delete;
    void start(std::chrono::nanoseconds delay);
    void stop();
    void expire() noexcept override { connection_.close(); }

   private:
    MemoryHttpConnection& connection_;
  };

  void arrive_at_server(Packet packet);
  void arrive_at_client(Packet packet);
  void on_connect();
  void on_request();
  void respond(HttpResponse response, bool close);
  void end_server_side(Packet last_word);
  void end_client_side();

  MemoryNetwork& network_;
  const std::uint16_t port_;
  const bool secure_;
  Path up_{*this, &MemoryHttpConnection::arrive_at_server};
  Path down_{*this, &MemoryHttpConnection::arrive_at_client};

  MemoryHttpClient* client_;  // Null once it has left.
  State state_ = State::kConnecting;
  Signal changed_{"HTTP response"};
  bool has_response_ = false;
  bool last_ = false;
  bool cut_short_ = false;
  bool body_stuck_ = false;
  std::string failure_;

  // On their way.
  HttpServerRequest request_;
  HttpResponse response_;

  std::shared_ptr<MemoryHttpListener> server_;  // Null before it has accepted, and once its end is closed.
  bool not_http_ = false;                       // What listens there takes no request of ours.
  std::uint64_t id_ = 0;
  std::string peer_;
  std::string method_;
  bool request_under_way_ = false;
  bool close_asked_ = false;  // By the request.
  KeepAlive keep_alive_{*this};
};

class MemoryHttpClient final : public HttpClientBackend {
 public:
  using HttpClientBackend::HttpClientBackend;

  std::size_t open_connections() const override { return open_; }

  // For connections: this client's end is open, and no longer.
  void opened();
  void ended(MemoryHttpConnection& connection);

 protected:
  Task<HttpResponse> exchange(HttpCall& call) override;
  void drop_all() override;
  std::size_t concurrency(const std::string& /*origin*/) const override { return options.connections_max; }

 private:
  class Use;

  std::unordered_map<std::string, std::vector<std::shared_ptr<MemoryHttpConnection>>> idle_;  // By origin.
  std::vector<MemoryHttpConnection*> in_use_;
  std::size_t open_ = 0;
};

class MemoryHttpListener final : public HttpServerBackend {
 public:
  using HttpServerBackend::HttpServerBackend;
  ~MemoryHttpListener() override { stop(); }

  // On a port of its own; a WebSocket server that takes requests has one of these on its port.
  void listen();

  std::uint64_t add(std::shared_ptr<MemoryHttpConnection> connection);
  void remove(std::uint64_t id) { connections_.erase(id); }
  std::size_t open_connections() const override { return connections_.size(); }

 protected:
  void stop_listening() override;
  void close_idle() override;
  void reset_all() override;

 private:
  std::map<std::uint64_t, std::shared_ptr<MemoryHttpConnection>> connections_;
  std::uint64_t accepted_ = 0;
};

std::shared_ptr<HttpClientBackend> make_memory_http_client(EventLoop& loop, HttpClientOptions options);
std::shared_ptr<HttpServerBackend> listen_http_in_memory(EventLoop& loop, HttpHandler handler,
                                                         HttpServerOptions options);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_MEMORY_HTTP_H_
