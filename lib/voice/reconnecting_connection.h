// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_RECONNECTING_CONNECTION_H_
#define SOAK_LIB_VOICE_RECONNECTING_CONNECTION_H_

// A client's connection to its provider, which reconnects by itself: a connection that was lost, or will soon be ended,
// is replaced, and sends wait for the new one.
//
// Once connect() has opened the first connection, a task of its own, reconnect_loop(), owns it. That task alone renews,
// replaces and closes it, so there are never two at a time. The Protocol knows what is sent on a connection, and what
// its end means.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/text/format.h"
#include "lib/voice/sent_frames.h"
#include "soak/backoff.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/task.h"
#include "soak/voice/client.h"

namespace soak::voice {

class ReconnectingConnection {
 public:
  using Socket = std::shared_ptr<net::WebSocket>;

  struct Options {
    std::string client;  // "openai_realtime": how each error begins.
    std::string url;     // Errors leave its query out, which may hold a key.
    net::ConnectOptions connect;
    bool (*is_bad_key)(int status) = nullptr;  // Whether a handshake was refused for the key.
    std::optional<BackoffOptions> backoff;     // Unset: a connection that is lost is an error.
    int attempts_max = 0;
    std::chrono::nanoseconds stable_after{0};
  };

  // What to do after a connection ended, or after an attempt to open one failed.
  struct Plan {
    Error reason;
    bool immediate = false;             // The first attempt comes at once, without a back-off: a renewal.
    bool permanent = false;             // Trying again would not help: give up.
    std::chrono::nanoseconds pause{0};  // Added to the back-off.
  };

  class Protocol {
   public:
    // Opens a connection with open(), and a session on it. Says is_ready() when there is one; otherwise throws what
    // prevented it, and has dropped the connection.
    virtual Task<> establish() = 0;
    virtual void take(std::string message) = 0;
    virtual void ended() {}  // end() is known.

    // When to replace the connection though it has not ended; empty: never. Asked again whenever changed() is set.
    virtual std::optional<Instant> renew_at() const = 0;

    // The connection has ended, or its renewal is due: how to replace it. `stable`: it lived for `stable_after`.
    virtual Plan plan_reconnect(bool stable) = 0;
    // establish() threw `error` while the connection was being replaced: how to go on.
    virtual Plan plan_retry(const Error& error) = 0;

   protected:
    Protocol() = default;
    Protocol(const Protocol&) = default;
    Protocol& operator=(const Protocol&) = default;
    ~Protocol() = default;
  };

  // `protocol` and `counters` must outlive it.
  ReconnectingConnection(EventLoop& loop, Protocol& protocol, ClientCounters& counters, Options options);
  ~ReconnectingConnection();
  ReconnectingConnection(const ReconnectingConnection&) = delete;
  ReconnectingConnection& operator=(const ReconnectingConnection&) = delete;

  // For the client's verbs.

  // Establishes the first one, once.
  Task<> connect();
  // The open connection, once there is one again. Throws why there will be none any more.
  Task<Socket> ready();
  // `socket` did not take a message: waits until it is known how it ended.
  Task<> wait_for_end(Socket socket);
  Task<> close();
  bool is_ready() const { return state_ == State::kReady; }

  // For the protocol.

  // The next connection; its messages go to take().
  Task<> open();
  void set_ready();
  // Ends what there is of a connection. Its last messages are still taken.
  Task<> drop();
  // The connection took an audio frame, or a message of another kind.
  void count_frame();
  void count_other() { given_.other(); }

  EventLoop& loop() { return loop_; }
  TaskGroup& tasks() { return group_; }
  const Socket& socket() const { return socket_; }
  // Set whenever something has, here or in the protocol.
  Event& changed() { return changed_; }
  // Of the present connection.
  const std::optional<net::CloseStatus>& end() const { return end_; }
  Instant connected_at() const { return connected_at_; }
  double seconds_since_connect() const { return text::seconds(loop_.now() - connected_at_); }
  bool is_closing() const { return closing_; }

  // "openai_realtime: wss://... <what>".
  Error failure(Errc code, std::string_view what) const;
  // "... closed 1011 <when>, 1.2 s after connect: <said>".
  Error failure_after_end(Errc code, std::string_view when, std::string_view said) const;

 private:
  enum class State {
    kNew,
    kReady,
    kReplacing,  // Not ready, and reconnect_loop() sees to it.
    kOver,       // Not ready, and nobody does.
  };

  void enter(State state);
  Task<> receive(Socket socket);
  Task<> reconnect_loop();
  Task<bool> replace();
  Task<> pause(std::chrono::nanoseconds delay);
  bool give_up(Error reason);

  EventLoop& loop_;
  Protocol& protocol_;
  ClientCounters& counters_;
  const Options options_;
  State state_ = State::kNew;
  Event changed_;
  bool closing_ = false;
  std::optional<Error> failure_;  // Why it is over.

  Socket socket_;
  Instant connected_at_{};
  std::optional<net::CloseStatus> end_;
  SentFrames given_;

  int attempts_ = 0;  // To replace a connection, since one was stable.
  Backoff backoff_;
  TaskGroup group_;
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_RECONNECTING_CONNECTION_H_
