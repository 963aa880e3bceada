// SPDX-License-Identifier: Apache-2.0
#include "lib/net_client/lws_link.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include "lib/async/descriptors.h"
#include "lib/net/tls_context.h"
#include "lib/text/ascii.h"
#include "lib/text/format.h"
#include "lib/text/utf8.h"

namespace soak::net {
namespace {

// Response fields that libwebsockets has a token for, and that say something about a handshake.
constexpr std::array<std::pair<lws_token_indexes, const char*>, 14> kKnownFields{{
    {WSI_TOKEN_HTTP_CONTENT_TYPE, "Content-Type"},
    {WSI_TOKEN_HTTP_CONTENT_LENGTH, "Content-Length"},
    {WSI_TOKEN_HTTP_CACHE_CONTROL, "Cache-Control"},
    {WSI_TOKEN_HTTP_DATE, "Date"},
    {WSI_TOKEN_HTTP_AGE, "Age"},
    {WSI_TOKEN_HTTP_ALLOW, "Allow"},
    {WSI_TOKEN_HTTP_LOCATION, "Location"},
    {WSI_TOKEN_HTTP_RETRY_AFTER, "Retry-After"},
    {WSI_TOKEN_HTTP_SERVER, "Server"},
    {WSI_TOKEN_HTTP_SET_COOKIE, "Set-Cookie"},
    {WSI_TOKEN_HTTP_VIA, "Via"},
    {WSI_TOKEN_HTTP_WWW_AUTHENTICATE, "WWW-Authenticate"},
    {WSI_TOKEN_UPGRADE, "Upgrade"},
    {WSI_TOKEN_PROTOCOL, "Sec-WebSocket-Protocol"},
}};

// The most of a refusal's body that is kept.
constexpr std::size_t kBodyBytesMax = std::size_t{64} << 10;

MaskKey mask_key(std::mt19937_64& random) {
  const std::uint64_t drawn = random();
  MaskKey key;
  std::memcpy(key.data(), &drawn, key.size());
  return key;
}

void drop(lws* wsi) {
  lws_set_opaque_user_data(wsi, nullptr);
  // If libwebsockets still has something to flush it lingers; on a dead socket that fails at once.
  shutdown(lws_get_socket_fd(wsi), SHUT_RDWR);
  lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
}

}  // namespace

LwsLink::~LwsLink() {
  context_.loop().core().timers.disarm(*this);
  if (wsi_ != nullptr) {
    drop(std::exchange(wsi_, nullptr));
  }
}

void LwsLink::connect(const LwsRequest& request, LwsConnectUser& user) {
  connecting_ = &user;
  request_ = &request;
  const std::string path = request.url.target();
  const std::string host = request.url.authority();

  lws_client_connect_info info{};
  info.context = context_.get();
  info.vhost = request.vhost;
  info.address = request.address.c_str();
  info.port = request.url.port;
  info.path = path.c_str();
  info.host = host.c_str();
  info.protocol = request.subprotocols.empty() ? nullptr : request.subprotocols.c_str();
  info.local_protocol_name = "soak";
  info.ietf_version_or_minus_one = -1;
  info.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
  if (request.url.secure()) {
    // verify() has the check of the host instead, because libwebsockets 4.1 knows no addresses.
    info.ssl_connection |= LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
    info.alpn = "http/1.1";  // A server that prefers HTTP/2 would choose it.
  }
  info.opaque_user_data = static_cast<LwsEvents*>(this);
  info.pwsi = &wsi_;
  errno = 0;
  // Null also when the failure was reported through on_event() already.
  if (lws_client_connect_via_info(&info) == nullptr) {
    wsi_ = nullptr;
    if (connecting_ != nullptr) {
      std::exchange(connecting_, nullptr)->on_connect_failed(errno != 0 ? text::format_errno(errno) : "not started");
    }
  }
}

bool LwsLink::writable() const {
  return wsi_ != nullptr && established_ && !close_due_ && !close_sent_ && !failed_ && !peer_closed_ &&
         lws_partial_buffered(wsi_) == 0;
}

void LwsLink::write(Message message) {
  last_frame_ = message.data.size();
  send_frame(message.is_text() ? Opcode::kText : Opcode::kBinary, message.data);
}

void LwsLink::send_frame(Opcode opcode, std::string_view payload) {
  unsigned char* const frame = context_.frame_buffer(kFrameHeadMax + payload.size());
  const std::size_t size = write_frame(frame, opcode, payload, mask_key(context_.loop().random()));
  // Raw: libwebsockets sends it as it is. That goes for close frames too: its own way, lws_close_reason(), waits 5 s
  // for the answer and does not tell what it was. What the socket does not take libwebsockets keeps, and sends before
  // it says writeable again. It then returns the whole length or 0, so only a negative result is a failure.
  if (lws_write(wsi_, frame, size, LWS_WRITE_RAW) < 0) {
    failed_ = true;
  }
  context_.release_frame_buffer();
  // libwebsockets gives no further event to a socket whose write failed. Within an event its result says so.
  if (failed_ && event_depth_ == 0) {
    lws* const wsi = wsi_;
    end();
    drop(wsi);
  }
}

void LwsLink::want_writable() {
  wanted_ = true;
  if (wsi_ != nullptr) {
    lws_callback_on_writable(wsi_);
  }
}

std::size_t LwsLink::buffered() const {
  return wsi_ != nullptr && established_ && lws_partial_buffered(wsi_) != 0 ? last_frame_ : 0;
}

void LwsLink::ping(std::string payload) {
  ping_payload_ = std::move(payload);
  ping_due_ = true;
  if (wsi_ != nullptr) {
    lws_callback_on_writable(wsi_);
  }
}

void LwsLink::start_close(std::uint16_t code, std::string reason) {
  if (wsi_ == nullptr || close_due_ || close_sent_) {
    return;
  }
  close_due_ = true;
  close_payload_ = close_payload(code, reason);
  lws_callback_on_writable(wsi_);
}

void LwsLink::set_reading(bool on) {
  if (wsi_ == nullptr || !established_) {
    return;
  }
  soak::detail::LoopCore& core = context_.loop().core();
  core.timers.disarm(*this);
  if (!on && event_depth_ > 0 && lws_get_ssl(wsi_) != nullptr && SSL_pending(lws_get_ssl(wsi_)) > 0) {
    // libwebsockets 4.1 reads a TLS record to its end before it leaves, whatever it is told, and never leaves if it is
    // told here to stop. What the record still holds comes yet.
    core.timers.arm(*this, core.now());
    return;
  }
  lws_rx_flow_control(wsi_, on ? 1 : 0);
  if (on) {
    context_.wake();
  }
}

void LwsLink::expire() noexcept { set_reading(false); }

std::chrono::nanoseconds LwsLink::silence() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (wsi_ == nullptr || getsockopt(lws_get_socket_fd(wsi_), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return std::chrono::nanoseconds::max();
  }
  return std::chrono::milliseconds(info.tcpi_last_data_recv);
}

int LwsLink::on_event(lws* wsi, lws_callback_reasons reason, void* in, std::size_t size) {
  ++event_depth_;
  const int result = handle_event(wsi, reason, in, size);
  --event_depth_;
  return result;
}

int LwsLink::handle_event(lws* wsi, lws_callback_reasons reason, void* in, std::size_t size) {
  switch (reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
      return append_fields(static_cast<unsigned char**>(in), size);

    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:  // For a WebSocket: the head of the response is there.
      wsi_ = wsi;
      return read_response(wsi) ? 0 : -1;

    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
      response_body_.append(static_cast<const char*>(in), std::min(size, kBodyBytesMax - response_body_.size()));
      return 0;

    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      wsi_ = wsi;
      established_ = true;
      if (connecting_ != nullptr) {
        std::exchange(connecting_, nullptr)->on_connected();
      }
      return 0;

    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      connect_failed(wsi, in == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(in), size));
      return 0;

    case LWS_CALLBACK_CLIENT_RECEIVE:
      if (failed_) {
        return -1;
      }
      on_receive(std::string_view(static_cast<const char*>(in), size));
      return 0;

    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
      if (user_ != nullptr) {
        user_->on_pong({static_cast<const char*>(in), size});
      }
      return 0;

    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      return on_peer_close({static_cast<const char*>(in), size});

    case LWS_CALLBACK_CLIENT_WRITEABLE:
      return on_writeable();

    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
      lws_set_opaque_user_data(wsi, nullptr);
      end();
      return 0;

    default:
      return 0;
  }
}

int LwsLink::on_writeable() {
  if (failed_) {
    return -1;
  }
  if (ping_due_ && !close_sent_) {
    ping_due_ = false;
    // Not without payload: libwebsockets does not tell of a pong that has none.
    send_frame(Opcode::kPing, ping_payload_);
    if (failed_) {
      return -1;
    }
    if (wanted_ || close_due_) {
      lws_callback_on_writable(wsi_);
    }
    return 0;
  }
  if (close_due_) {
    close_due_ = false;
    close_sent_ = true;
    send_frame(Opcode::kClose, close_payload_);
    return failed_ ? -1 : 0;
  }
  if (std::exchange(wanted_, false) && user_ != nullptr) {
    user_->on_writable();
  }
  return failed_ ? -1 : 0;
}

// libwebsockets takes a close frame of one byte, and a reason that is not UTF-8. Codes that it does not know, it has
// turned into 1002 by now, but for those from 5000 on.
int LwsLink::on_peer_close(std::string_view payload) {
  peer_closed_ = true;
  std::uint16_t code = kCloseNoStatus;
  if (payload.size() >= 2) {
    code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8U |
                                      static_cast<unsigned char>(payload[1]));
  }
  const std::string_view reason = payload.substr(std::min<std::size_t>(payload.size(), 2));
  std::string_view wrong;
  if (payload.size() == 1) {
    wrong = "a close frame with half a code";
  } else if (code != kCloseNoStatus && !is_close_code(code)) {
    wrong = "a close code that is not for use";
  } else if (!text::is_utf8(reason)) {
    wrong = "a close reason that is not UTF-8";
  }
  if (wrong.empty()) {
    if (user_ != nullptr) {
      user_->on_peer_close(code, reason);
    }
    // Zero has libwebsockets answer with the same frame; ours is sent already if this is the answer.
    return close_sent_ ? -1 : 0;
  }
  const std::uint16_t answer = text::is_utf8(reason) ? kCloseProtocolError : kCloseInvalidData;
  if (!std::exchange(close_sent_, true)) {
    send_frame(Opcode::kClose, close_payload(answer, wrong));
  }
  if (user_ != nullptr) {
    user_->on_fault(answer, wrong);
  }
  return -1;
}

void LwsLink::on_receive(std::string_view piece) {
  const bool first = lws_is_first_fragment(wsi_) != 0;
  if (first) {
    kind_ = lws_frame_is_binary(wsi_) != 0 ? Message::Kind::kBinary : Message::Kind::kText;
  }
  if (user_ != nullptr) {
    user_->on_data(kind_, piece, first, lws_is_final_fragment(wsi_) != 0);
  }
}

int LwsLink::append_fields(unsigned char** at, std::size_t room) {
  if (connecting_ == nullptr || request_->fields.size() > room) {
    return -1;
  }
  *at = std::copy(request_->fields.begin(), request_->fields.end(), *at);
  return 0;
}

bool LwsLink::read_response(lws* wsi) {
  if (connecting_ == nullptr) {
    return false;
  }
  const int status = static_cast<int>(lws_http_client_http_response(wsi));
  Headers headers;
  std::string value;
  for (const auto& [token, name] : kKnownFields) {
    const int length = lws_hdr_total_length(wsi, token);
    if (length <= 0) {
      continue;
    }
    value.resize(static_cast<std::size_t>(length) + 1);
    const int copied = lws_hdr_copy(wsi, value.data(), length + 1, token);
    if (copied >= 0) {
      headers.add(name, value.substr(0, static_cast<std::size_t>(copied)));
    }
  }
  for (const std::string& name : request_->response_headers) {
    // libwebsockets keeps what it does not know in lower case, with the colon.
    const std::string lower = text::to_lower(name) + ":";
    const int length = lws_hdr_custom_length(wsi, lower.data(), static_cast<int>(lower.size()));
    if (length < 0 || headers.contains(name)) {
      continue;
    }
    value.resize(static_cast<std::size_t>(length) + 1);
    const int copied = lws_hdr_custom_copy(wsi, value.data(), length + 1, lower.data(), static_cast<int>(lower.size()));
    if (copied >= 0) {
      headers.add(name, value.substr(0, static_cast<std::size_t>(copied)));
    }
  }
  if (status != 101) {
    // What has arrived of the body; the connection ends with this event.
    for (std::size_t before = 0; response_body_.size() < kBodyBytesMax; before = response_body_.size()) {
      char* buffer = nullptr;
      int size = 0;
      if (lws_http_client_read(wsi, &buffer, &size) < 0 || response_body_.size() == before) {
        break;
      }
    }
  }
  connecting_->on_response(status, std::move(headers), std::move(response_body_));
  return status == 101;
}

bool LwsLink::verify(X509_STORE_CTX& chain, bool chain_ok) {
  if (connecting_ == nullptr) {
    return false;
  }
  std::string failure = certificate_failure(chain, chain_ok, request_->url.host, request_->ca_file);
  if (failure.empty()) {
    return true;
  }
  connecting_->on_certificate_refused(std::move(failure));
  return false;
}

void LwsLink::connect_failed(lws* wsi, std::string_view cause) {
  int system_error = errno;
  socklen_t size = sizeof system_error;
  const int fd = lws_get_socket_fd(wsi);
  if (fd >= 0) {
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &system_error, &size);
  } else if (const int error = soak::detail::descriptors_error(1); error != 0) {
    system_error = error;  // libwebsockets has none of its own.
  }
  lws_set_opaque_user_data(wsi, nullptr);
  wsi_ = nullptr;
  while (!cause.empty() && cause.back() == '\0') {
    cause.remove_suffix(1);
  }
  std::string failure = system_error != 0 ? text::format_errno(system_error) : std::string(cause);
  const SSL* const ssl = lws_get_ssl(wsi);
  if (ssl != nullptr && SSL_is_init_finished(ssl) == 0) {
    failure = handshake_failure(*ssl, system_error != 0 ? failure : std::string());
  }
  if (connecting_ != nullptr) {
    std::exchange(connecting_, nullptr)->on_connect_failed(std::move(failure));
  }
}

void LwsLink::end() {
  wsi_ = nullptr;
  if (connecting_ != nullptr) {
    std::exchange(connecting_, nullptr)->on_connect_failed("closed during the handshake");
  }
  if (user_ != nullptr) {
    std::exchange(user_, nullptr)->on_end();
  }
}

}  // namespace soak::net
