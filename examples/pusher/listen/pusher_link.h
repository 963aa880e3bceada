// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LISTEN_PUSHER_LINK_H_
#define PUSHER_LISTEN_PUSHER_LINK_H_

// A session's connection to the pusher, and what waits while it is away.
//
// One task connects, receives, and reconnects: after a loss six attempts with a growing pause, then a minute without
// any, then one probe a minute. All sessions share a circuit breaker, so that a pusher that is down is not asked by
// each of them. Everything that the session adds goes to a bounded buffer first; the session's workers flush the
// buffers. A frame that could not be sent goes back to the front of its buffer.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "pusher/frames.h"
#include "pusher/listen/flows.h"
#include "pusher/listen/options.h"
#include "pusher/listen/pending.h"
#include "soak/circuit_breaker.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace pusher::listen {

enum class LinkState : std::uint8_t { kConnected, kReconnectBackoff, kDegraded, kHalfOpenProbe };

std::string_view to_string(LinkState state);

// The pause before the reconnect attempt of that number, from 0.
std::chrono::nanoseconds reconnect_pause(std::size_t attempt, const LinkLimits& limits, std::mt19937_64& random);

class PusherLink {
 public:
  // `url` with its path and query. `number` is the session's, for the name of its task.
  PusherLink(soak::EventLoop& loop, const LinkLimits& limits, Flows& flows, soak::CircuitBreaker& breaker,
             std::string url, std::uint64_t number);
  ~PusherLink();  // What still waits is dropped and counted.

  void start();
  LinkState state() const { return state_; }

  // `seconds` is when the audio begins: in the recording, and by the clock on the wall.
  struct StartTime {
    double recording = 0;
    double wall = 0;
  };
  void add_audio(const std::string& conversation, StartTime start, std::string pcm, std::uint32_t sample_rate);
  void add_segment(const std::string& conversation, std::string json);
  void add_sample(pusher::SpeakerSample sample);
  void finalize(const std::string& conversation, const std::string& language);
  // Set once the first attempt to connect has ended: a session that is shorter than that waits for it.
  soak::Event& attempted() { return attempted_; }
  bool is_pending(const std::string& conversation) const { return pending_.has(conversation); }

  // Send what waits, as far as the pusher is there. They never throw for a connection that is lost.
  soak::Task<> flush_audio();
  soak::Task<> flush_transcripts();  // And samples, and what is due of the pending conversations.
  soak::Task<> heartbeat();

  // Ends the reconnecting, flushes audio, then transcripts, and closes with 1000. Call it once the workers have ended.
  soak::Task<> close();

 private:
  // A connection, and what was sent on it that the pusher has not confirmed.
  struct Connection {
    Connection(std::unique_ptr<soak::net::WebSocket> opened, Flows& of) : socket(std::move(opened)), flows(of) {}
    ~Connection();  // What is not confirmed by now will not be.
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    soak::Task<> send(std::string frame);  // Throws ConnectionClosed.
    void note(Flow flow, std::uint64_t amount);
    void forget_confirmed();

    struct Sent {
      std::uint64_t frame;
      Flow flow;
      std::uint64_t amount;
    };
    std::unique_ptr<soak::net::WebSocket> socket;
    Flows& flows;
    std::uint64_t frames = 0;
    std::list<Sent> unconfirmed;
    bool broken = false;  // A send was cancelled: what is queued in the socket is unknown.
  };
  struct AudioPiece {
    Parcel parcel;
    std::string conversation;
    StartTime start;
    double seconds;
    std::string pcm;
  };
  struct Segment {
    Parcel parcel;
    std::string conversation;
    std::string json;
  };
  struct Sample {
    Parcel parcel;
    pusher::SpeakerSample sample;
  };
  // The first items of a buffer, on their way. Without commit() they go back to its front.
  template <typename Item>
  class Batch;

  enum class Timeline : std::uint8_t { kUnknown, kWallClock, kRecording };

  soak::Task<> run();
  soak::Task<bool> connect();
  soak::Task<bool> wait_for_ack(Connection& connection);
  soak::Task<> serve_connection();
  bool handle(const soak::net::Message& message);
  std::shared_ptr<Connection> usable() const;

  soak::Task<> send_audio(Connection& connection);
  soak::Task<> send_segments(Connection& connection);
  soak::Task<> send_samples(Connection& connection);
  soak::Task<> send_pending(Connection& connection);
  std::size_t run_length() const;
  void trim_audio();

  soak::EventLoop& loop_;
  const LinkLimits& limits_;
  Flows& flows_;
  soak::CircuitBreaker& breaker_;
  std::string url_;
  std::uint64_t number_;
  LinkState state_ = LinkState::kReconnectBackoff;
  bool closing_ = false;
  soak::Event attempted_;
  std::uint16_t lost_with_ = soak::net::kCloseAbnormal;
  bool circuit_open_ = false;
  Timeline timeline_ = Timeline::kUnknown;
  bool audio_withheld_ = false;
  std::string conversation_on_wire_;
  std::shared_ptr<Connection> connection_;
  // Lists, because most of the time they are empty, and an empty deque holds half a kilobyte.
  std::list<AudioPiece> audio_;
  std::size_t audio_bytes_ = 0;
  std::list<Segment> segments_;
  std::list<Sample> samples_;
  PendingConversations pending_;
  soak::Semaphore audio_lock_{1};
  soak::Semaphore transcript_lock_{1};
  soak::TaskGroup tasks_;
};

}  // namespace pusher::listen

#endif  // PUSHER_LISTEN_PUSHER_LINK_H_
