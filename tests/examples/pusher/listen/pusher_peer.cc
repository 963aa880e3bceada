// SPDX-License-Identifier: Apache-2.0
#include "tests/examples/pusher/listen/pusher_peer.h"

#include <utility>

namespace pusher::listen::tests {

PusherPeer::PusherPeer(soak::EventLoop& loop) : loop_(loop), server_(loop, server_options()), tasks_(loop) {
  tasks_.start("pusher_peer", accept_all(), soak::TaskKind::kBackground);
}

PusherPeer::~PusherPeer() { tasks_.end_in_place(); }

soak::net::ServerOptions PusherPeer::server_options() {
  soak::net::ServerOptions options;
  options.on_handshake = [this](const soak::net::HandshakeRequest&) {
    attempts.push_back(loop_.now());
    return away ? soak::net::HandshakeReply::refuse(503, "away\n") : soak::net::HandshakeReply::accept();
  };
  return options;
}

soak::Task<> PusherPeer::accept_all() {
  for (;;) {
    soak::Task<soak::net::AcceptedWebSocket> accepting = server_.accept();
    soak::net::AcceptedWebSocket peer = co_await std::move(accepting);
    ++connections_;
    tasks_.start({"pusher_peer", connections_}, serve(connections_, std::move(peer)), soak::TaskKind::kBackground);
  }
}

soak::Task<> PusherPeer::serve(std::uint64_t number, soak::net::AcceptedWebSocket peer) {
  const std::shared_ptr<soak::net::WebSocket> socket = std::move(peer.socket);
  if (draining) {
    soak::Task<> closing = socket->close(soak::net::kCloseGoingAway);
    co_await std::move(closing);
    co_return;
  }
  sockets_.emplace(number, socket);
  try {
    if (ack) {
      std::string hello = encode(AudioTimelineAck{});
      soak::Task<> sending = socket->send_binary(std::move(hello));
      co_await std::move(sending);
    }
    for (;;) {
      soak::Task<soak::net::Message> receiving = socket->receive();
      const soak::net::Message message = co_await std::move(receiving);
      ListenFrame frame = decode_listen_frame(message.data);
      if (keep) {
        received.push_back({loop_.now(), number, frame});
      }
      const Finalize* const asked = std::get_if<Finalize>(&frame);
      if (answers && asked != nullptr) {
        Finalized answer;
        answer.conversation_id = asked->conversation_id;
        answer.success = true;
        answer.dispatch_generation = asked->dispatch_generation;
        std::string reply = encode(answer);
        soak::Task<> sending = socket->send_binary(std::move(reply));
        co_await std::move(sending);
      }
    }
  } catch (const soak::net::ConnectionClosed& closed) {
    closed_with.push_back(closed.status().code);
    closed_at = loop_.now();
  }
  sockets_.erase(number);
}

soak::Task<> PusherPeer::close(std::shared_ptr<soak::net::WebSocket> socket, std::uint16_t code) {
  soak::Task<> closing = socket->close(code);
  co_await std::move(closing);
}

soak::Task<> PusherPeer::send_frame(std::shared_ptr<soak::net::WebSocket> socket, std::string frame) {
  soak::Task<> sending = socket->send_binary(std::move(frame));
  co_await std::move(sending);
}

void PusherPeer::close_all(std::uint16_t code) {
  for (const auto& [number, weak] : sockets_) {
    if (std::shared_ptr<soak::net::WebSocket> socket = weak.lock()) {
      tasks_.start({"pusher_peer_close", number}, close(std::move(socket), code), soak::TaskKind::kBackground);
    }
  }
}

void PusherPeer::set_reading(bool on) {
  for (const auto& [number, weak] : sockets_) {
    if (const std::shared_ptr<soak::net::WebSocket> socket = weak.lock()) {
      socket->set_reading(on);
    }
  }
}

void PusherPeer::send(const Finalized& answer) { send_on_newest(encode(answer)); }

void PusherPeer::send(const AudioTimelineAck& late) { send_on_newest(encode(late)); }

void PusherPeer::send_on_newest(std::string frame) {
  if (sockets_.empty()) {
    return;
  }
  if (std::shared_ptr<soak::net::WebSocket> socket = sockets_.rbegin()->second.lock()) {
    tasks_.start("pusher_peer_send", send_frame(std::move(socket), std::move(frame)), soak::TaskKind::kBackground);
  }
}

}  // namespace pusher::listen::tests
