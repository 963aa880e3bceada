// SPDX-License-Identifier: Apache-2.0
#include "soak/net/websocket.h"

#include <string>
#include "lib/text/format.h"

namespace soak::net {
namespace {

std::string describe(std::string_view peer, const CloseStatus& status) {
  std::string text(peer);
  switch (status.by) {
    case CloseStatus::By::kLocal:
      text += ": closed by this side, ";
      break;
    case CloseStatus::By::kPeer:
      text += ": closed by the peer, ";
      break;
    case CloseStatus::By::kLost:
      text += ": ";
      break;
  }
  text += std::to_string(status.code);
  if (!status.reason.empty()) {
    text += " " + status.reason;
  }
  return text;
}

}  // namespace

WebSocket::~WebSocket() = default;

ConnectionClosed::ConnectionClosed(std::string_view peer, CloseStatus status, Errc code)
    : Error(code, describe(peer, status)), status_(std::move(status)) {}

HandshakeRefused::HandshakeRefused(std::string_view url, int status, Headers headers, std::string body)
    : Error(Errc::kHandshakeRefused, std::string(url) + ": the handshake was refused with " + std::to_string(status)),
      status_(status),
      headers_(std::move(headers)),
      body_(std::move(body)) {}

}  // namespace soak::net
