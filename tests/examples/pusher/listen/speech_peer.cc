// SPDX-License-Identifier: Apache-2.0
#include "tests/examples/pusher/listen/speech_peer.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "pusher/options.h"
#include "soak/error.h"

namespace pusher::listen::tests {
namespace {

soak::net::ServerOptions server_options(const bool& refuse) {
  soak::net::ServerOptions options;
  options.on_handshake = [&refuse](const soak::net::HandshakeRequest&) {
    return refuse ? soak::net::HandshakeReply::refuse(503, "busy\n") : soak::net::HandshakeReply::accept();
  };
  return options;
}

}  // namespace

SpeechPeer::SpeechPeer(soak::EventLoop& loop) : server_(loop, server_options(refuse)), tasks_(loop) {
  tasks_.start("speech", accept_all(), soak::TaskKind::kBackground);
}

SpeechPeer::~SpeechPeer() { tasks_.end_in_place(); }

soak::Task<> SpeechPeer::accept_all() {
  for (;;) {
    soak::Task<soak::net::AcceptedWebSocket> accepting = server_.accept();
    soak::net::AcceptedWebSocket peer = co_await std::move(accepting);
    ++connections_;
    tasks_.start({"speech", connections_}, serve(connections_, std::move(peer)), soak::TaskKind::kBackground);
  }
}

std::string SpeechPeer::segment(double start, double end) {
  ++segments_;
  return fmt::format(
      R"({{"segments":[{{"id":"s{}","speaker":"SPEAKER_0","start":{:.3f},"end":{:.3f},"text":"hello"}}]}})", segments_,
      start, end);
}

soak::Task<> SpeechPeer::serve(std::uint64_t number, soak::net::AcceptedWebSocket peer) {
  const std::shared_ptr<soak::net::WebSocket> socket = std::move(peer.socket);
  sockets_.emplace(number, socket);
  if (hanging_) {
    socket->set_reading(false);
  }
  std::uint32_t rate = 16000;
  const std::string text = peer.request.query_value("sample_rate");
  std::from_chars(text.data(), text.data() + text.size(), rate);
  const std::size_t enough = pusher::audio_bytes(segment_every, rate);
  std::uint64_t heard = 0;
  std::uint64_t said = 0;
  const auto seconds = [rate](std::uint64_t bytes) { return static_cast<double>(bytes) / 2.0 / rate; };
  try {
    for (;;) {
      soak::Task<soak::net::Message> receiving = socket->receive();
      const soak::net::Message message = co_await std::move(receiving);
      if (message.is_text()) {
        if (ignore_finish) {
          continue;
        }
        if (heard > said && !silent) {
          std::string last = segment(seconds(said), seconds(heard));
          soak::Task<> saying = socket->send_text(std::move(last));
          co_await std::move(saying);
        }
        soak::Task<> closing = socket->close();
        co_await std::move(closing);
        break;
      }
      heard += message.data.size();
      audio_bytes_ += message.data.size();
      while (heard - said >= enough && !silent) {
        std::string next = segment(seconds(said), seconds(said + enough));
        said += enough;
        soak::Task<> saying = socket->send_text(std::move(next));
        co_await std::move(saying);
      }
    }
  } catch (const soak::net::ConnectionClosed&) {
  }
  sockets_.erase(number);
}

soak::Task<> SpeechPeer::close(std::shared_ptr<soak::net::WebSocket> socket, std::uint16_t code) {
  soak::Task<> closing = socket->close(code);
  co_await std::move(closing);
}

void SpeechPeer::die(std::uint16_t code) {
  for (const auto& [number, weak] : sockets_) {
    if (std::shared_ptr<soak::net::WebSocket> socket = weak.lock()) {
      tasks_.start({"speech_end", number}, close(std::move(socket), code), soak::TaskKind::kBackground);
    }
  }
}

void SpeechPeer::hang(bool on) {
  hanging_ = on;
  for (const auto& [number, weak] : sockets_) {
    if (const std::shared_ptr<soak::net::WebSocket> socket = weak.lock()) {
      socket->set_reading(!on);
    }
  }
}

}  // namespace pusher::listen::tests
