// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_PUSHER_LISTEN_CLIENT_H_
#define TESTS_EXAMPLES_PUSHER_LISTEN_CLIENT_H_

// The other end of a pusher's connections, as tests need it: it sends what a listen service sends.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pusher/frames.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_client.h"
#include "soak/task.h"

namespace pusher::tests {

struct ListenOptions {
  ListenOptions() {}  // NOLINT(modernize-use-equals-default): no aggregate, for g++ 12, see soak/task.h.

  std::string query = "uid=u1&sample_rate=16000";
  // What stream() sends.
  std::uint32_t sample_rate = 16000;
  std::chrono::nanoseconds frame = std::chrono::milliseconds{500};  // Of audio.
  std::string conversation = "c1";
};

class ListenClient {
 public:
  // Connects to the service at `url`, "ws://127.0.0.1:40121".
  static soak::Task<ListenClient> connect(soak::EventLoop& loop, std::string url,
                                          ListenOptions options = ListenOptions());

  template <typename Frame>
  soak::Task<> send(const Frame& frame) {
    return socket_->send_binary(encode(frame));
  }
  soak::Task<> send_bytes(std::string bytes) { return socket_->send_binary(std::move(bytes)); }

  // `duration` of audio, in one frame.
  soak::Task<> send_audio(std::chrono::nanoseconds duration);

  // Sends for that long, in real pace, as a session does: audio, a transcript a second, a speaker sample every ten
  // seconds and a heartbeat every twenty.
  soak::Task<> stream(std::chrono::nanoseconds duration);

  // The next answer, which is no audio_timeline_ack.
  soak::Task<Finalized> finalized();

  // Waits for the end of the connection.
  soak::Task<soak::net::CloseStatus> closed();

  soak::Task<> close() { return socket_->close(); }
  // Leaves without a close handshake.
  void vanish() { socket_.reset(); }

  soak::net::WebSocket& socket() { return *socket_; }
  std::uint64_t audio_sent() const { return audio_sent_; }  // Bytes of PCM.

 private:
  ListenClient(soak::EventLoop& loop, ListenOptions options) : loop_(&loop), options_(std::move(options)) {}

  soak::EventLoop* loop_;
  ListenOptions options_;
  std::unique_ptr<soak::net::WebSocket> socket_;
  std::uint64_t audio_sent_ = 0;
};

}  // namespace pusher::tests

#endif  // TESTS_EXAMPLES_PUSHER_LISTEN_CLIENT_H_
