// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_FAULT_SCRIPT_H_
#define SOAK_FAULT_SCRIPT_H_

// What is to go wrong on the connections of a server, in memory and over loopback alike.
//
// A script says for each connection which faults it plays and when, and keeps count of those that were played. It works
// on the server's side of a WebSocket, above the frames: what only bytes can do (a header in pieces, an opcode that
// does not exist) it cannot. The fakes take one as an option, and any other server wraps what it accepts:
//
//   soak::fault::Script script([](std::uint64_t connection) {
//     return std::vector<soak::fault::Fault>{{.kind = soak::fault::Kind::kHalfOpen, .after = 20s, .lasts = 60s}};
//   });
//   soak::peers::OpenAiRealtimePeer peer(loop, {.faults = &script});
//
// A script belongs to one EventLoop and its thread, and must outlive the sockets that it wraps. All time comes from the
// loop; chance is the business of the function that it is given.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "soak/event_loop.h"
#include "soak/net/handshake.h"
#include "soak/net/websocket.h"

namespace soak::fault {

enum class Kind : std::uint8_t {
  kReset,          // The connection ends without a close frame: the client sees 1006.
  kClose,          // A close frame with `code` and `reason`.
  kHalfOpen,       // Nothing is read, not even pings and close frames, and what is sent is lost. TCP stays open.
  kStalledReader,  // Nothing is read, not even pings; what is sent arrives.
  kDelay,          // What is sent waits, and goes out in order afterwards.
  kCutShort,       // The next message loses its second half.
  kOutOfOrder,     // The next message is sent after the one that follows it.
  kUnknown,        // A JSON object that no provider's client knows: {"type":"soak.unknown","soakUnknown":""}.
  kOversized,      // The same, with padding to `bytes`.
  kNotJson,        // A message that is no JSON.
  kRefused,        // The handshake is answered with `status` and `body`, whatever else is planned.
};
inline constexpr std::size_t kKinds = 11;

// "half_open": for reports and messages.
std::string_view name(Kind kind);

// To be named in a plain expression: in a co_await expression g++ 12 would destroy it twice.
struct Fault {
  Kind kind = Kind::kReset;
  std::chrono::nanoseconds after{0};  // Since the connection was accepted; at once if an earlier fault lasted longer.
  std::chrono::nanoseconds lasts{0};  // kHalfOpen, kStalledReader, kDelay.
  std::uint16_t code = 1011;          // kClose.
  std::string reason = {};            // kClose; cut at 123 bytes.
  std::size_t bytes = 0;              // kOversized.
  int status = 503;                   // kRefused, as the next two.
  std::string body = {};
  std::chrono::seconds retry_after{0};  // Zero: the answer has no such header.
};

class Script {
 public:
  // What connection number 1, 2, ... is to suffer, in any order.
  using Plan = std::function<std::vector<Fault>(std::uint64_t connection)>;

  // `plan` is called as each handshake is answered. Throws nothing that `plan` does not throw.
  explicit Script(Plan plan) : plan_(std::move(plan)) {}
  // No connection suffers anything but what play_on_all() asks for.
  Script() = default;
  ~Script();
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  // What a server answers to a handshake that it would answer with `reply`: that, or a refusal. Connections are
  // numbered here, then, and those that were refused count, as do those whose client has gone before it was accepted. A
  // server without it plays no kRefused, and numbers connections as it wraps them.
  net::HandshakeReply answer(const net::HandshakeRequest& request, net::HandshakeReply reply);

  // The connection, with the faults that are planned for it.
  std::unique_ptr<net::WebSocket> wrap(EventLoop& loop, const net::HandshakeRequest& request,
                                       std::unique_ptr<net::WebSocket> socket);

  // Plays a fault on every connection that lives, at this instant: a network that goes away.
  void play_on_all(const Fault& fault);

  // How often a fault had its effect: of kCutShort, kOutOfOrder that a message was there to suffer it.
  std::uint64_t played(Kind kind) const { return played_[static_cast<std::size_t>(kind)]; }
  // Messages of the server's that half-open connections lost.
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
  std::vector<Connection*> open_;  // In the order of their connections.
  std::array<std::uint64_t, kKinds> played_{};
  std::uint64_t messages_lost_ = 0;
  std::uint64_t connections_ = 0;
};

}  // namespace soak::fault

#endif  // SOAK_FAULT_SCRIPT_H_
