// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/parrot_peer.h"

#include <fmt/format.h>

#include <utility>

#include "lib/peers/acceptor.h"
#include "lib/peers/authorization.h"

namespace soak::peers {

std::string to_string(const ParrotLedger& ledger) {
  return fmt::format("sessions={} lost={} open={} auth_failures={} audio_frames={}", ledger.sessions_opened,
                     ledger.sessions_lost, ledger.sessions_open, ledger.auth_failures, ledger.audio_frames_received);
}

struct ParrotPeer::State {
  State(EventLoop& loop, ParrotPeerOptions own)
      : options(std::move(own)),
        acceptor(
            loop, server_options(), "parrot",
            [this](net::AcceptedWebSocket accepted) { return serve(std::move(accepted)); }, nullptr) {}

  net::ServerOptions server_options() {
    net::ServerOptions server;
    server.port = options.port;
    server.tls = options.tls;
    server.on_handshake = [this](const net::HandshakeRequest& request) { return admit(request); };
    return server;
  }

  net::HandshakeReply admit(const net::HandshakeRequest& request) {
    const std::string header = request.headers.get("Authorization");
    const std::string_view key = credentials(header, "bearer");
    if (key.empty() || (!options.api_key.empty() && key != options.api_key)) {
      ++ledger.auth_failures;
      return net::HandshakeReply::refuse(401, "the key is not valid");
    }
    return net::HandshakeReply::accept();
  }

  // One session. Cancelled, it closes with 1001.
  Task<> serve(net::AcceptedWebSocket accepted) {
    ++ledger.sessions_opened;
    ++ledger.sessions_open;
    bool cancelled = false;
    try {
      Task<> repeating = repeat(*accepted);
      co_await std::move(repeating);
    } catch (const net::ConnectionClosed& closed) {
      if (closed.status().by == net::CloseStatus::By::kLost) {
        ++ledger.sessions_lost;
      }
    } catch (const Cancelled&) {
      cancelled = true;
    }
    if (cancelled) {
      co_await accepted->close(net::kCloseGoingAway);
    }
    --ledger.sessions_open;
    ++ledger.sessions_closed;
  }

  Task<> repeat(net::WebSocket& socket) {
    std::string heard;
    for (;;) {
      net::Message message = co_await socket.receive();
      if (!message.is_text()) {
        ++ledger.audio_frames_received;
        heard += message.data;
        continue;
      }
      co_await socket.send_binary(std::exchange(heard, {}));
      co_await socket.send_text("done");
    }
  }

  ParrotPeerOptions options;
  ParrotLedger ledger;
  Acceptor acceptor;
};

ParrotPeer::ParrotPeer(EventLoop& loop, ParrotPeerOptions options)
    : state_(std::make_unique<State>(loop, std::move(options))) {}
ParrotPeer::~ParrotPeer() = default;

std::string ParrotPeer::url() const { return state_->acceptor.url() + "/v1"; }
std::uint16_t ParrotPeer::port() const { return state_->acceptor.port(); }
const ParrotLedger& ParrotPeer::ledger() const { return state_->ledger; }
Task<> ParrotPeer::close() { return state_->acceptor.close(); }

}  // namespace soak::peers
