// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_PUSHER_LISTEN_VOICE_CLIENT_H_
#define TESTS_EXAMPLES_PUSHER_LISTEN_VOICE_CLIENT_H_

// A user's app, as listen sees it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "soak/event_loop.h"
#include "soak/net/websocket_client.h"
#include "soak/task.h"

namespace pusher::listen::tests {

class VoiceClient {
 public:
  // `url` is the service's.
  static soak::Task<VoiceClient> connect(soak::EventLoop& loop, std::string url,
                                         std::string query = "uid=u1&language=en&sample_rate=16000");

  soak::Task<> send_audio(std::chrono::nanoseconds duration);  // In one message.
  // In real pace, in messages of `frame`.
  soak::Task<> stream(std::chrono::nanoseconds duration, std::chrono::nanoseconds frame = std::chrono::seconds{1});
  soak::Task<> send_text(std::string text) { return socket_->send_text(std::move(text)); }

  // The next text message.
  soak::Task<std::string> text();
  // The next one that has this in it.
  soak::Task<std::string> text_with(std::string part);
  // Waits for the end of the connection.
  soak::Task<soak::net::CloseStatus> closed();

  soak::Task<> close() { return socket_->close(); }
  void vanish() { socket_.reset(); }
  soak::net::WebSocket& socket() { return *socket_; }
  std::uint64_t audio_sent() const { return audio_sent_; }  // Bytes of PCM.

 private:
  soak::EventLoop* loop_ = nullptr;
  std::unique_ptr<soak::net::WebSocket> socket_;
  std::uint64_t audio_sent_ = 0;
};

}  // namespace pusher::listen::tests

#endif  // TESTS_EXAMPLES_PUSHER_LISTEN_VOICE_CLIENT_H_
