// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_FAULT_BYTE_PROXY_H_
#define SOAK_FAULT_BYTE_PROXY_H_

// A TCP proxy between a client and its server that injects faults into the bytes of a connection.
//
// It simulates what a Script cannot, because a Script works above the frames: a handshake or a frame that arrives in
// pieces or ends in the middle, a real RST, frames that no WebSocket library would send. It needs sockets, so it works
// in real time only. Faults that refer to frames work on ws: only, because the proxy has to parse what the server
// sends.
//
//   soak::fault::ByteProxy proxy(loop, peer.port(), [](std::uint64_t connection) {
//     soak::fault::BytePlan plan;
//     if (connection == 1) plan.faults = {{.kind = soak::fault::ByteKind::kReset, .in_frame = 3}};
//     return plan;
//   });
//   client.url = proxy.url(peer.url());
//
// Use a proxy on the thread of its loop. Its destructor closes all connections through it.

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

#include "soak/detail/enum_names.h"
#include "soak/event_loop.h"
#include "soak/fault/raw_frame.h"

namespace soak::fault {

enum class ByteKind : std::uint8_t {
  kReset,     // Both ends get an RST.
  kCut,       // Both ends get a FIN, without a close frame before it.
  kHalfOpen,  // For `lasts`, nothing passes in either direction, and neither end notices.
  kInject,    // Sends `bytes` to the client between two of the server's frames: bytes_of(RawFrame), or any.
};
inline constexpr std::size_t kByteKinds = detail::kEnumerators<ByteKind>;

// "half_open": for reports and messages.
std::string_view to_string(ByteKind kind);

struct ByteFault {
  ByteKind kind = ByteKind::kReset;
  // When the fault happens: this long after the connection was accepted, or in the server's frame with this number. 1
  // is the first frame, 0 the response to the handshake. The fault hits the middle of that frame, or of the first
  // one behind it with a middle: an empty or one-byte payload, as of a pong, has none. kInject comes before the frame,
  // and never before frame 0.
  std::chrono::nanoseconds after{0};
  std::optional<std::uint64_t> in_frame = std::nullopt;
  std::chrono::nanoseconds lasts{0};
  std::string bytes = {};
};

// One direction of a connection.
struct Line {
  std::chrono::nanoseconds latency{0};
  std::size_t bytes_per_second = 0;  // 0: no limit.
  // The longest write. Each usually arrives on its own. 0: no limit.
  std::size_t piece_bytes = 0;
};

struct BytePlan {
  Line to_client;
  Line to_server;
  std::vector<ByteFault> faults;
};

class ByteProxy {
 public:
  // Returns the faults of connection number 1, 2, ...
  using Plan = std::function<BytePlan(std::uint64_t connection)>;

  // Listens at once on a free port of 127.0.0.1, and forwards to `server_port` there. Throws Error(kInvalidArgument) on
  // a VirtualLoop, and Error(kConnectFailed) if it cannot listen.
  ByteProxy(EventLoop& loop, std::uint16_t server_port, Plan plan);
  ~ByteProxy();
  ByteProxy(const ByteProxy&) = delete;
  ByteProxy& operator=(const ByteProxy&) = delete;

  std::uint16_t port() const;
  // The server's `url`, routed through the proxy: "ws://127.0.0.1:40121/v1" becomes "ws://127.0.0.1:<port()>/v1".
  std::string url(std::string_view url) const;

  // How often a fault took effect.
  std::uint64_t played(ByteKind kind) const;
  std::uint64_t connections() const;
  std::uint64_t open_connections() const;
  std::uint64_t bytes_to_client() const;  // Passed to the system, including injected bytes.

 private:
  struct State;
  class Connection;
  std::unique_ptr<State> state_;
};

}  // namespace soak::fault

#endif  // SOAK_FAULT_BYTE_PROXY_H_
