// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_FAULT_BYTE_PROXY_H_
#define SOAK_FAULT_BYTE_PROXY_H_

// What is to go wrong with the bytes of a connection: a TCP proxy between a client and its server.
//
// It is for what a Script, which works above the frames, cannot play: a handshake or a frame that arrives in pieces or
// ends in the middle, a real RST, frames that no WebSocket library would send. It needs sockets, so it is for real time
// alone. Where it speaks of frames it reads along with what the server sends, so there it is for ws:, not for wss:.
//
//   soak::fault::ByteProxy proxy(loop, peer.port(), [](std::uint64_t connection) {
//     soak::fault::BytePlan plan;
//     if (connection == 1) plan.faults = {{.kind = soak::fault::ByteKind::kReset, .in_frame = 3}};
//     return plan;
//   });
//   client.url = proxy.url(peer.url());
//
// A proxy belongs to its loop and the loop's thread. Destroyed, it closes what passes through it.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/event_loop.h"

namespace soak::fault {

enum class ByteKind : std::uint8_t {
  kReset,     // Both ends get an RST.
  kCut,       // Both ends get a FIN, without a close frame before it.
  kHalfOpen,  // Nothing passes any more, in either direction, and neither end is told. For `lasts`.
  kInject,    // `bytes` go to the client, between two frames of the server's.
};
inline constexpr std::size_t kByteKinds = 4;

// "half_open": for reports and messages.
std::string_view name(ByteKind kind);

struct ByteFault {
  ByteKind kind = ByteKind::kReset;
  // When: so long after the connection was accepted, or in the frame of the server's with this number. 1 is the first
  // frame, 0 the answer to the handshake. A fault strikes in the middle of it, if it has two bytes of payload or more;
  // kInject comes before it, and so never before frame 0.
  std::chrono::nanoseconds after{0};
  std::optional<std::uint64_t> in_frame = std::nullopt;
  std::chrono::nanoseconds lasts{0};
  std::string bytes = {};
};

// One direction of a connection.
struct Line {
  std::chrono::nanoseconds latency{0};
  std::size_t bytes_per_second = 0;  // 0: as fast as it comes.
  // No write is longer, and each arrives by itself as a rule; 0: as it comes.
  std::size_t piece_bytes = 0;
};

struct BytePlan {
  Line to_client;
  Line to_server;
  std::vector<ByteFault> faults;
};

class ByteProxy {
 public:
  // What connection number 1, 2, ... is to suffer.
  using Plan = std::function<BytePlan(std::uint64_t connection)>;

  // Listens on a free port of 127.0.0.1 at once, and passes on to `server_port` there. Throws Error: kInvalidArgument
  // on a VirtualLoop, kConnectFailed when it cannot listen.
  ByteProxy(EventLoop& loop, std::uint16_t server_port, Plan plan);
  ~ByteProxy();
  ByteProxy(const ByteProxy&) = delete;
  ByteProxy& operator=(const ByteProxy&) = delete;

  std::uint16_t port() const;
  // `url` of the server, by way of the proxy: "ws://127.0.0.1:40121/v1" becomes "ws://127.0.0.1:<port()>/v1".
  std::string url(std::string_view url) const;

  // How often a fault had its effect.
  std::uint64_t played(ByteKind kind) const;
  std::uint64_t connections() const;
  std::uint64_t open_connections() const;
  std::uint64_t bytes_to_client() const;  // Handed to the system, what was injected too.

 private:
  struct State;
  class Connection;
  std::unique_ptr<State> state_;
};

// A WebSocket frame, right or wrong, for kInject.
struct RawFrame {
  std::uint8_t opcode = 0x1;  // 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong; others do not exist.
  std::string payload = {};
  bool final = true;          // The last fragment of its message.
  std::uint8_t reserved = 0;  // RSV1 to RSV3, as the bits 4, 2, 1: no extension is agreed on, so none may be set.
  bool masked = false;        // A server's frame must not be; libwebsockets takes it all the same.
};

std::string bytes_of(const RawFrame& frame);

}  // namespace soak::fault

#endif  // SOAK_FAULT_BYTE_PROXY_H_
