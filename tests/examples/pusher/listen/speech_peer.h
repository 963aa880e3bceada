// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_PUSHER_LISTEN_SPEECH_PEER_H_
#define TESTS_EXAMPLES_PUSHER_LISTEN_SPEECH_PEER_H_

// A fake of speech to text: a segment for every two seconds of audio. It dies, refuses, falls silent or hangs when the
// test asks for it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace pusher::listen::tests {

class SpeechPeer {
 public:
  explicit SpeechPeer(soak::EventLoop& loop);
  ~SpeechPeer();

  std::string url() const { return server_.url(); }

  bool refuse = false;  // The handshake, with 503.
  bool silent = false;  // Hears, and says nothing.
  bool ignore_finish = false;
  std::chrono::nanoseconds segment_every = std::chrono::seconds{2};  // Of audio.

  // Closes every connection with that code.
  void die(std::uint16_t code = 1011);
  // Stops reading on every connection, also on later ones; false reads on.
  void hang(bool on = true);

  std::uint64_t audio_bytes() const { return audio_bytes_; }
  std::uint64_t segments() const { return segments_; }
  std::uint64_t connections() const { return connections_; }
  std::size_t open_connections() const { return server_.open_connections(); }

 private:
  soak::Task<> accept_all();
  soak::Task<> serve(std::uint64_t number, soak::net::AcceptedWebSocket peer);
  static soak::Task<> close(std::shared_ptr<soak::net::WebSocket> socket, std::uint16_t code);
  std::string segment(double start, double end);

  bool hanging_ = false;
  std::uint64_t audio_bytes_ = 0;
  std::uint64_t segments_ = 0;
  std::uint64_t connections_ = 0;
  std::map<std::uint64_t, std::weak_ptr<soak::net::WebSocket>> sockets_;
  soak::net::WebSocketServer server_;
  soak::TaskGroup tasks_;
};

}  // namespace pusher::listen::tests

#endif  // TESTS_EXAMPLES_PUSHER_LISTEN_SPEECH_PEER_H_
