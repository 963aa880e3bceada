// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_WEBSOCKET_H_
#define SOAK_NET_WEBSOCKET_H_

// A WebSocket, whichever side opened it, and what ends one.
//
// On a UvLoop the transport is libwebsockets; on a VirtualLoop it is a pipe in memory that keeps the loop's clock. Code
// above cannot tell them apart: all pass one conformance suite. A WebSocket belongs to the thread of its EventLoop and
// must not outlive the loop. Whatever the transport learns is recorded and resumes its waiter on the loop's own turn,
// never inside a callback of the library. A client opens one with connect_websocket() (websocket_client.h); a
// WebSocketServer hands out those that it accepted (websocket_server.h).

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/headers.h"
#include "soak/task.h"

namespace soak::net {

// One whole message; fragments are put together below this interface.
struct Message {
  enum class Kind : std::uint8_t { kText, kBinary };

  // Constructors, so that `co_await socket.send({kind, data})` is safe on g++ 12.
  Message() = default;
  Message(Kind message_kind, std::string message_data) : kind(message_kind), data(std::move(message_data)) {}
  static Message text(std::string data) { return {Kind::kText, std::move(data)}; }
  static Message binary(std::string data) { return {Kind::kBinary, std::move(data)}; }

  bool is_text() const { return kind == Kind::kText; }
  friend bool operator==(const Message&, const Message&) = default;

  Kind kind = Kind::kText;
  std::string data;
};

// The codes of RFC 6455, section 7.4.1, that soak itself uses. Any other number is fine, too.
inline constexpr std::uint16_t kCloseNormal = 1000;
inline constexpr std::uint16_t kCloseGoingAway = 1001;
inline constexpr std::uint16_t kCloseProtocolError = 1002;
inline constexpr std::uint16_t kCloseNoStatus = 1005;  // Never on the wire: a close frame without a code.
inline constexpr std::uint16_t kCloseAbnormal = 1006;  // Never on the wire: no close frame at all.
inline constexpr std::uint16_t kCloseInvalidData = 1007;
inline constexpr std::uint16_t kCloseTooBig = 1009;

// How a connection ended.
//
// Two limits of libwebsockets show here. From its peers the codes 1012 to 1014 and 1016 to 2999 arrive as 1002.
// And a server whose own frames are stuck in a full pipe when the close frame comes reports 1006 instead of it.
struct CloseStatus {
  enum class By : std::uint8_t {
    kLocal,  // This side closed first: close(), a limit that was passed, or a timeout.
    kPeer,   // The peer's close frame came first.
    kLost,   // Neither: reset, or ended without a close frame. The code is 1006.
  };

  CloseStatus() = default;
  CloseStatus(std::uint16_t close_code, std::string close_reason, By closed_by)
      : code(close_code), reason(std::move(close_reason)), by(closed_by) {}
  friend bool operator==(const CloseStatus&, const CloseStatus&) = default;

  std::uint16_t code = kCloseAbnormal;
  std::string reason;  // From a close frame, or what happened: "idle timeout of 30.0 s".
  By by = By::kLost;
};

// receive() or send() on a connection that has ended. Its code is Errc::kConnectionClosed, except after
// an idle or ping timeout of our own: Errc::kTimeout.
class ConnectionClosed : public Error {
 public:
  ConnectionClosed(std::string_view peer, CloseStatus status, Errc code = Errc::kConnectionClosed);
  const CloseStatus& status() const { return status_; }

 private:
  CloseStatus status_;
};

// The server answered the upgrade with something else than 101.
class HandshakeRefused : public Error {
 public:
  HandshakeRefused(std::string_view url, int status, Headers headers, std::string body);
  int status() const { return status_; }
  // In memory all that the server sent. Over libwebsockets the fields it knows (Retry-After, Content-Type,
  // WWW-Authenticate, ...) and those named in ConnectOptions::response_headers.
  const Headers& headers() const { return headers_; }
  // Over libwebsockets what had arrived together with the header, which is all of a short JSON body.
  const std::string& body() const { return body_; }

 private:
  int status_;
  Headers headers_;
  std::string body_;
};

struct WebSocketCounters {
  std::uint64_t frames_sent = 0;  // Data messages, without control frames.
  // Of those: the peer has read them, for it answered a later ping, or our close. It has read more, as a rule.
  std::uint64_t frames_confirmed = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_sent = 0;  // Payload.
  std::uint64_t bytes_received = 0;
};

class WebSocket {
 public:
  // Drops a connection that is still open, at once and without a close handshake: the peer sees 1006.
  // Allowed from anywhere, also from code that one of this socket's own events has resumed. A receive()
  // that is waiting ends with ConnectionClosed.
  virtual ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // The next message. After the end of the connection it first delivers what is queued, then throws
  // ConnectionClosed. One receiver at a time: a second one aborts. Cancelling it loses no message.
  virtual Task<Message> receive() = 0;

  // Ends when the transport has taken the message or it is queued below the send watermark; otherwise it
  // waits, so a peer that does not read slows the sender down. Messages go out in the order of the calls.
  // Cancelled while it waits, the message stays queued. Throws ConnectionClosed after close().
  virtual Task<> send(Message message) = 0;
  Task<> send_text(std::string data) { return send(Message::text(std::move(data))); }
  Task<> send_binary(std::string data) { return send(Message::binary(std::move(data))); }

  // Sends what is queued, then the close handshake; ends when the peer answered, or the connection was
  // lost, or after the close timeout, when it drops the connection. Does not throw for a connection that
  // has ended already. 1005 sends a close frame without a code. A reason longer than 123 bytes is cut.
  virtual Task<> close(std::uint16_t code = kCloseNormal, std::string reason = {}) = 0;

  // Off: nothing is read from the transport any more, neither messages nor pings, pongs and close frames, as if this
  // side hung; what comes waits in the transport, and slows the peer down. On again, it is read as it came. While
  // reading is off, this side's idle and ping timeouts do not run.
  virtual void set_reading(bool on) = 0;

  // True until either side has begun to close, or the connection is lost.
  virtual bool is_open() const = 0;
  // How it ended: empty while the connection lives, close() still waiting for its answer included.
  virtual std::optional<CloseStatus> close_status() const = 0;

  // What the handshake agreed on; empty if nothing.
  virtual std::string subprotocol() const = 0;
  // What the server's answer to the upgrade held; the limits of HandshakeRefused::headers() apply. Empty
  // on an accepted socket.
  virtual const Headers& response_headers() const = 0;

  virtual WebSocketCounters counters() const = 0;
  // Payload bytes that send() has taken and the transport has not.
  virtual std::size_t buffered_bytes() const = 0;

 protected:
  WebSocket() = default;
};

// The limits of one connection, on either side. Zero means off for the first three.
struct WebSocketLimits {
  // Nothing at all received for that long, pongs included: the connection is dropped, close_status() is
  // 1006 by kLocal, receive() and send() throw ConnectionClosed with Errc::kTimeout. Off by default:
  // silence is normal when nobody speaks.
  std::chrono::nanoseconds idle_timeout{0};
  // A ping each interval; a pong that is missing for ping_timeout ends the connection like idle_timeout.
  std::chrono::nanoseconds ping_interval{0};
  std::chrono::nanoseconds ping_timeout{0};
  std::chrono::nanoseconds close_timeout = std::chrono::seconds{5};  // For the peer's answer to close().
  std::size_t message_bytes_max = std::size_t{16} << 20;             // Above it: close 1009.
  // Messages received and not yet taken by receive(). At either bound the transport stops reading until
  // half is free again, so memory stays at receive_queue_bytes_max and one message; for a client on wss:, and the
  // rest of one TLS record, which holds 16 KiB.
  std::size_t receive_queue_max = 1024;
  std::size_t receive_queue_bytes_max = std::size_t{4} << 20;
  std::size_t send_watermark_bytes = std::size_t{256} << 10;  // Above it send() waits for half of it.
};
static_assert(std::is_trivially_destructible_v<WebSocketLimits>);

// Not an aggregate, on purpose: g++ 12 destroys an aggregate temporary twice in a co_await expression.
// Make a named one and fill it in.
struct ConnectOptions : WebSocketLimits {
  ConnectOptions() {}  // NOLINT(modernize-use-equals-default): user-provided, for the line above.

  Headers headers;
  std::vector<std::string> subprotocols;  // In the order of preference.
  // Fields of the response to keep beyond those libwebsockets knows, such as "x-request-id".
  std::vector<std::string> response_headers;
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};  // Until the handshake is done.
  // wss: alone. A PEM file of the certificate authorities to trust, instead of the system's: that of a TestCa, say.
  // What a server proves is always verified: chain, dates, and that the certificate is for the URL's host.
  std::string ca_file;
};

}  // namespace soak::net

#endif  // SOAK_NET_WEBSOCKET_H_
