// SPDX-License-Identifier: Apache-2.0
#include "tests/examples/pusher/listen/voice_client.h"

#include "pusher/options.h"

namespace pusher::listen::tests {

soak::Task<VoiceClient> VoiceClient::connect(soak::EventLoop& loop, std::string url, std::string query) {
  std::string target = url + "/v4/listen?" + query;
  VoiceClient client;
  client.loop_ = &loop;
  soak::Task<std::unique_ptr<soak::net::WebSocket>> connecting = soak::net::connect_websocket(loop, std::move(target));
  client.socket_ = co_await std::move(connecting);
  co_return std::move(client);
}

soak::Task<> VoiceClient::send_audio(std::chrono::nanoseconds duration) {
  std::string pcm(pusher::audio_bytes(duration, 16000), '\x01');
  audio_sent_ += pcm.size();
  return socket_->send_binary(std::move(pcm));
}

soak::Task<> VoiceClient::stream(std::chrono::nanoseconds duration, std::chrono::nanoseconds frame) {
  const soak::Instant end = loop_->now() + duration;
  while (loop_->now() < end) {
    co_await send_audio(frame);
    co_await soak::sleep_for(frame);
  }
}

soak::Task<std::string> VoiceClient::text() {
  soak::Task<soak::net::Message> receiving = socket_->receive();
  soak::net::Message message = co_await std::move(receiving);
  co_return std::move(message.data);
}

soak::Task<std::string> VoiceClient::text_with(std::string part) {
  for (;;) {
    std::string next = co_await text();
    if (next.find(part) != std::string::npos) {
      co_return next;
    }
  }
}

soak::Task<soak::net::CloseStatus> VoiceClient::closed() {
  for (;;) {
    try {
      const std::string ignored = co_await text();
    } catch (const soak::net::ConnectionClosed& closed) {
      co_return closed.status();
    }
  }
}

}  // namespace pusher::listen::tests
