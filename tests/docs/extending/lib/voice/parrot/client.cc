// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "soak/error.h"
#include "soak/net/websocket_client.h"
#include "soak/supervise.h"
#include "soak/voice/parrot.h"

namespace soak::voice {

ParrotClient::ParrotClient(EventLoop& loop, ParrotOptions options)
    : loop_(loop), options_(std::move(options)), tasks_(loop) {}

ParrotClient::~ParrotClient() { tasks_.end_in_place(); }

Task<> ParrotClient::connect() {
  net::ConnectOptions options;
  options.headers.add("Authorization", "Bearer " + options_.api_key);
  options.ca_file = options_.ca_file;
  try {
    Task<std::unique_ptr<net::WebSocket>> connecting = net::connect_websocket(loop_, options_.url, options);
    socket_ = co_await std::move(connecting);
  } catch (const net::HandshakeRefused& refused) {
    if (refused.status() == 401) {
      throw Error(Errc::kAuthentication, "parrot: " + options_.url + " does not accept the key");
    }
    throw;
  }
  tasks_.start("parrot_receive", receive(), TaskKind::kReceive);
  ++counters_.sessions;
  counters_.sessions_open = 1;
}

Task<> ParrotClient::send_audio(std::span<const std::byte> pcm) {
  std::string frame(reinterpret_cast<const char*>(pcm.data()), pcm.size());
  co_await socket_->send_binary(std::move(frame));
  ++counters_.frames_sent;
}

Task<> ParrotClient::end_turn() { co_await socket_->send_text("end"); }

Task<> ParrotClient::close() {
  if (socket_ != nullptr) {
    co_await socket_->close();
  }
  (void)co_await drain(tasks_);
}

Task<> ParrotClient::receive() {
  try {
    for (;;) {
      const net::Message message = co_await socket_->receive();
      if (message.is_text()) {
        ++counters_.responses_done;
        continue;
      }
      counters_.audio_bytes_received += message.data.size();
      if (options_.on_audio) {
        options_.on_audio(std::as_bytes(std::span(message.data)));
      }
    }
  } catch (const net::ConnectionClosed& closed) {
    counters_.sessions_open = 0;
    if (closed.status().by != net::CloseStatus::By::kLocal) {
      ++counters_.errors;
      last_error_ = closed.what();
    }
  }
}

}  // namespace soak::voice
