// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_WEBSOCKET_H_
#define SOAK_NET_WEBSOCKET_H_

// A WebSocket of either side, its limits, and the ways in which it ends.
//
// A client opens one with connect_websocket() (websocket_client.h). A WebSocketServer returns those that it accepts
// (websocket_server.h). On a UvLoop the transport is a socket: a client's end is libwebsockets, a server's end is
// soak's own and checks every rule of RFC 6455, so that client and fake are never wrong in the same way. On a
// VirtualLoop it is an in-memory pipe that uses the loop's clock. All pass the same conformance suite. Use a WebSocket
// on the thread of its EventLoop; it must not outlive the loop. Events of the transport are recorded, and resume a
// waiting task on the loop's own turn, never inside a callback of the library.

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

// One whole message; fragments are joined before you see it.
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

// The codes of RFC 6455, section 7.4.1, that soak itself uses. You can use any other number too.
inline constexpr std::uint16_t kCloseNormal = 1000;
inline constexpr std::uint16_t kCloseGoingAway = 1001;
inline constexpr std::uint16_t kCloseProtocolError = 1002;
inline constexpr std::uint16_t kCloseNoStatus = 1005;  // Never on the wire: a close frame without a code.
inline constexpr std::uint16_t kCloseAbnormal = 1006;  // Never on the wire: no close frame at all.
inline constexpr std::uint16_t kCloseInvalidData = 1007;
inline constexpr std::uint16_t kCloseTooBig = 1009;

// How a connection ended.
//
// A limit of libwebsockets is visible on a client: it reports the codes 1012 to 1014 of its server, and those that no
// server may send, as 1002 by kPeer.
struct CloseStatus {
  enum class By : std::uint8_t {
    kLocal,  // This side closed first: close(), an exceeded limit, a timeout, or a peer that broke the protocol.
    kPeer,   // The peer's close frame came first.
    kLost,   // The connection was reset, or ended without a close frame. The code is 1006.
  };

  CloseStatus() = default;
  CloseStatus(std::uint16_t close_code, std::string close_reason, By closed_by)
      : code(close_code), reason(std::move(close_reason)), by(closed_by) {}
  friend bool operator==(const CloseStatus&, const CloseStatus&) = default;

  std::uint16_t code = kCloseAbnormal;
  std::string reason;  // From a close frame, or what happened: "idle timeout of 30.0 s".
  By by = By::kLost;
};

// Thrown by receive() and send() on a connection that has ended. Its code is Errc::kTimeout after this side's idle or
// ping timeout, and Errc::kConnectionClosed otherwise.
class ConnectionClosed : public Error {
 public:
  ConnectionClosed(std::string_view peer, CloseStatus status, Errc code = Errc::kConnectionClosed);
  const CloseStatus& status() const { return status_; }

 private:
  CloseStatus status_;
};

// Thrown when the server replies to the upgrade with a status other than 101.
class HandshakeRefused : public Error {
 public:
  HandshakeRefused(std::string_view url, int status, Headers headers, std::string body);
  int status() const { return status_; }
  // In memory, all fields that the server sent. With libwebsockets, the fields that it knows (Retry-After,
  // Content-Type, WWW-Authenticate, ...) and those named in ConnectOptions::response_headers.
  const Headers& headers() const { return headers_; }
  // With libwebsockets, the part that arrived together with the header. A short JSON body is complete.
  const std::string& body() const { return body_; }

 private:
  int status_;
  Headers headers_;
  std::string body_;
};

struct WebSocketCounters {
  std::uint64_t frames_sent = 0;  // Data messages, not control frames.
  // How many of these the peer has certainly read, because it replied to a later ping or to our close. A reply names
  // its ping, so one that covers several counts for all of them. Usually the peer has read more.
  std::uint64_t frames_confirmed = 0;
  std::uint64_t frames_received = 0;
  std::uint64_t bytes_sent = 0;  // Payload.
  std::uint64_t bytes_received = 0;
};

class WebSocket {
 public:
  // Drops an open connection at once, without a close handshake: the peer sees 1006. If one side has begun to close,
  // the loop completes the close handshake, within the close timeout. Allowed anywhere, including in code that one of
  // this socket's own events has resumed. A waiting receive() throws ConnectionClosed.
  virtual ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // Returns the next message. After the connection has ended, it first returns the queued messages, then throws
  // ConnectionClosed. Only one call at a time: a second one aborts. If it is cancelled, no message is lost.
  virtual Task<Message> receive() = 0;

  // Returns when the transport has taken the message, or it is queued below the send watermark. Otherwise it waits, so
  // a peer that does not read slows the sender down. Messages are sent in the order of the calls. If it is cancelled
  // while it waits, the message stays queued. Throws ConnectionClosed once either side has begun to close.
  virtual Task<> send(Message message) = 0;
  Task<> send_text(std::string data) { return send(Message::text(std::move(data))); }
  Task<> send_binary(std::string data) { return send(Message::binary(std::move(data))); }

  // Sends queued messages, then closes. Returns when the peer has replied or the connection is lost; after the close
  // timeout, it drops the connection. Does not throw if the connection has already ended. Code 1005 sends a close frame
  // without a code. A reason longer than 123 bytes is cut.
  virtual Task<> close(std::uint16_t code = kCloseNormal, std::string reason = {}) = 0;

  // With false, this side stops reading from the transport, as if it hung: no messages, pings, pongs or close frames.
  // Incoming data waits in the transport and slows the peer down. With true, it is read in order. While reading is off,
  // this side's idle and ping timeouts are paused.
  virtual void set_reading(bool on) = 0;

  // True until either side has begun to close, or the connection is lost.
  virtual bool is_open() const = 0;
  // How the connection ended. Empty while it lives, which includes a close() that still waits for the peer.
  virtual std::optional<CloseStatus> close_status() const = 0;

  // The subprotocol agreed in the handshake; empty if none.
  virtual std::string subprotocol() const = 0;
  // The headers of the server's reply to the upgrade, with the limits of HandshakeRefused::headers(). Empty on an
  // accepted socket.
  virtual const Headers& response_headers() const = 0;

  virtual WebSocketCounters counters() const = 0;
  // Payload bytes that send() has accepted and the transport has not taken yet.
  virtual std::size_t buffered_bytes() const = 0;

 protected:
  WebSocket() = default;
};

// The limits of one connection, on either side. Zero turns the first three off.
struct WebSocketLimits {
  // If nothing at all arrives for this long, not even pongs, the connection is dropped: close_status() is 1006 by
  // kLocal, and receive() and send() throw ConnectionClosed with Errc::kTimeout. Off by default, because silence is
  // normal while nobody speaks.
  std::chrono::nanoseconds idle_timeout{0};
  // Sends a ping every interval. If a pong is overdue by ping_timeout, the connection ends as with idle_timeout.
  std::chrono::nanoseconds ping_interval{0};
  std::chrono::nanoseconds ping_timeout{0};
  std::chrono::nanoseconds close_timeout = std::chrono::seconds{5};  // For the peer's reply to close().
  std::size_t message_bytes_max = std::size_t{16} << 20;             // A longer message: close 1009.
  // Messages that have arrived and wait for receive(). At either limit the transport stops reading until half is free
  // again. So memory stays within receive_queue_bytes_max plus one message, plus, for a client on wss:, the rest of one
  // 16 KiB TLS record.
  std::size_t receive_queue_max = 1024;
  std::size_t receive_queue_bytes_max = std::size_t{4} << 20;
  std::size_t send_watermark_bytes = std::size_t{256} << 10;  // Above it, send() waits until half is free.
};
static_assert(std::is_trivially_destructible_v<WebSocketLimits>);

// Not an aggregate, on purpose: g++ 12 destroys an aggregate temporary twice in a co_await expression. Create a named
// object and set its fields.
struct ConnectOptions : WebSocketLimits {
  ConnectOptions() {}  // NOLINT(modernize-use-equals-default): user-provided, for the line above.

  Headers headers;
  std::vector<std::string> subprotocols;  // In order of preference.
  // Response fields to keep beyond those that libwebsockets knows, such as "x-request-id".
  std::vector<std::string> response_headers;
  std::chrono::nanoseconds connect_timeout = std::chrono::seconds{10};  // Until the handshake is done.
  // For wss: only. A PEM file of the certificate authorities to trust instead of the system's, such as a TestCa's. The
  // server's certificate is always verified: its chain, its dates, and that it is for the URL's host.
  std::string ca_file;
};

}  // namespace soak::net

#endif  // SOAK_NET_WEBSOCKET_H_
