// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_FAULT_SCRIPT_H_
#define SOAK_FAULT_SCRIPT_H_

// Injects faults into the connections of a server, in memory and over loopback.
//
// A script defines which faults each connection gets and when, and counts those that happened. It works on the server's
// side of a WebSocket, on messages and on a few whole frames. For other faults in the bytes (a header in pieces, an
// undefined opcode), use a ByteProxy. The fakes take a script as an option; any other server wraps the sockets that it
// accepts:
//
//   soak::fault::Script script([](std::uint64_t connection) {
//     return std::vector<soak::fault::Fault>{{.kind = soak::fault::Kind::kHalfOpen, .after = 20s, .lasts = 60s}};
//   });
//   soak::peers::OpenAiRealtimePeer peer(loop, {.faults = &script});
//
// Use a script on the thread of one EventLoop. It must outlive the sockets that it wraps. All time comes from the loop;
// if you want randomness, draw it in the plan.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/detail/enum_names.h"
#include "soak/event_loop.h"
#include "soak/net/handshake.h"
#include "soak/net/websocket.h"

namespace soak::fault {

enum class Kind : std::uint8_t {
  kReset,          // The connection ends without a close frame: the client sees 1006.
  kClose,          // The server sends a close frame with `code` and `reason`.
  kHalfOpen,       // The server reads nothing, not even pings and close frames; what it sends is lost. TCP stays open.
  kStalledReader,  // The server reads nothing, not even pings; what it sends arrives.
  kDelay,          // Outgoing messages wait, and are sent in order afterwards.
  kCutShort,       // The next message loses its second half.
  kOutOfOrder,     // The next message is sent after the one that follows it.
  kUnknown,        // The server sends an object unknown to any client: {"type":"soak.unknown","soakUnknown":""}.
  kOversized,      // The same, padded to `bytes`.
  kNotJson,        // The server sends a message that is not JSON.
  // In one segment each, as no soak server sends them by itself:
  kMaskedFrame,  // The message of kUnknown in a masked frame, which a client has to refuse with 1002 (RFC 6455, 5.1).
                 // A client on libwebsockets, as soak's are over sockets, takes it for any other message.
  kPingBurst,    // As many pings as `pings` says, of which a client has to answer the last at least.
  kCloseWithMessage,  // The message of kUnknown, and right behind it a close frame with `code` and `reason`.
  kRefused,           // The handshake is refused with `status` and `body`, whatever else is planned.
};
inline constexpr std::size_t kKinds = detail::kEnumerators<Kind>;

// "half_open": for reports and messages.
std::string_view to_string(Kind kind);
// The other way round; empty if no kind has that name.
std::optional<Kind> kind_named(std::string_view name);

// Give it a name: as a temporary in a co_await expression, g++ 12 would destroy it twice.
struct Fault {
  Kind kind = Kind::kReset;
  std::chrono::nanoseconds after{0};  // After the connection was accepted, and not before an earlier fault is over.
  std::chrono::nanoseconds lasts{0};  // For kHalfOpen, kStalledReader, kDelay.
  std::uint16_t code = 1011;          // For kClose and kCloseWithMessage.
  std::string reason = {};            // For the same; cut at 123 bytes.
  std::size_t bytes = 0;              // For kOversized.
  std::size_t pings = 20;             // For kPingBurst.
  int status = 503;                   // For kRefused, like the next two.
  std::string body = {};
  std::chrono::seconds retry_after{0};  // Zero: the response has no such header.
};

class Script {
 public:
  // Returns the faults of connection number 1, 2, ..., in any order.
  using Plan = std::function<std::vector<Fault>(std::uint64_t connection)>;

  // Calls `plan` once per handshake, when it is answered. Throws only what `plan` throws.
  explicit Script(Plan plan) : plan_(std::move(plan)) {}
  // Without a plan, connections get only the faults of play_on_all().
  Script() = default;
  ~Script();
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  // Call it with the `reply` that the server would send. Returns that reply, or a refusal. It numbers the connections,
  // including refused ones and those whose client left before it was accepted. If a server does not call it, kRefused
  // has no effect and connections are numbered by wrap().
  net::HandshakeReply answer(const net::HandshakeRequest& request, net::HandshakeReply reply);

  // Returns the connection with its planned faults.
  std::unique_ptr<net::WebSocket> wrap(EventLoop& loop, const net::HandshakeRequest& request,
                                       std::unique_ptr<net::WebSocket> socket);

  // Injects a fault into every open connection now, like a network that goes down.
  void play_on_all(const Fault& fault);

  // How often a fault took effect. kCutShort and kOutOfOrder count only if there was a message to damage, and the
  // faults of whole frames only if the socket is that of a WebSocketServer.
  std::uint64_t played(Kind kind) const { return played_[static_cast<std::size_t>(kind)]; }
  // How many of the server's messages were lost in half-open connections.
  std::uint64_t messages_lost() const { return messages_lost_; }
  std::uint64_t connections() const { return connections_; }

 private:
  class Connection;
  class Socket;
  struct Planned {
    std::string peer_address;
    std::vector<Fault> faults;
  };

  std::vector<Fault> next_plan();

  Plan plan_;
  std::deque<Planned> planned_;    // For connections whose handshake was answered.
  std::vector<Connection*> open_;  // In the order of their numbers.
  std::array<std::uint64_t, kKinds> played_{};
  std::uint64_t messages_lost_ = 0;
  std::uint64_t connections_ = 0;
};

}  // namespace soak::fault

#endif  // SOAK_FAULT_SCRIPT_H_
