// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_PUSHER_LISTEN_PUSHER_PEER_H_
#define TESTS_EXAMPLES_PUSHER_LISTEN_PUSHER_PEER_H_

// A fake of the pusher, which keeps every frame with its time, and misbehaves when the test asks for it.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "pusher/frames.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace pusher::listen::tests {

class PusherPeer {
 public:
  struct Received {
    soak::Instant at;
    std::uint64_t connection;  // From 1.
    ListenFrame frame;
  };

  explicit PusherPeer(soak::EventLoop& loop);
  ~PusherPeer();

  std::string url() const { return server_.url(); }

  bool away = false;                    // Refuses the handshake with 503.
  bool draining = false;                // Accepts, and closes with 1001.
  bool ack = true;                      // Says that it knows recording times.
  bool answers = false;                 // Confirms each 104.
  bool keep = true;                     // `received`; without it nothing is kept.
  std::vector<soak::Instant> attempts;  // Every handshake, also those that were refused.
  std::vector<Received> received;
  std::vector<std::uint16_t> closed_with;  // One code for each connection that has ended.
  soak::Instant closed_at{};               // The last of them.

  void close_all(std::uint16_t code);
  void set_reading(bool on);
  void send(const Finalized& answer);  // On the newest connection.
  void send(const AudioTimelineAck& late);

  template <typename Frame>
  std::vector<Frame> all() const {
    std::vector<Frame> found;
    for (const Received& one : received) {
      if (const Frame* frame = std::get_if<Frame>(&one.frame)) {
        found.push_back(*frame);
      }
    }
    return found;
  }
  template <typename Frame>
  std::vector<soak::Instant> times() const {
    std::vector<soak::Instant> found;
    for (const Received& one : received) {
      if (std::holds_alternative<Frame>(one.frame)) {
        found.push_back(one.at);
      }
    }
    return found;
  }

 private:
  soak::net::ServerOptions server_options();
  soak::Task<> accept_all();
  soak::Task<> serve(std::uint64_t number, soak::net::AcceptedWebSocket peer);
  static soak::Task<> close(std::shared_ptr<soak::net::WebSocket> socket, std::uint16_t code);
  static soak::Task<> send_frame(std::shared_ptr<soak::net::WebSocket> socket, std::string frame);
  void send_on_newest(std::string frame);

  soak::EventLoop& loop_;
  std::uint64_t connections_ = 0;
  std::map<std::uint64_t, std::weak_ptr<soak::net::WebSocket>> sockets_;
  soak::net::WebSocketServer server_;
  soak::TaskGroup tasks_;
};

}  // namespace pusher::listen::tests

#endif  // TESTS_EXAMPLES_PUSHER_LISTEN_PUSHER_PEER_H_
