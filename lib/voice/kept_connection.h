// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_KEPT_CONNECTION_H_
#define SOAK_LIB_VOICE_KEPT_CONNECTION_H_

// A client's connection to its provider, which is another one from time to time: one that is lost, or is about to be
// ended, is replaced, and whoever wants to send waits for it.
//
// A task of its own, keep(), owns the connection once connect() has opened the first one: it alone renews, replaces and
// closes it, so that there are never two. What is said on a connection, and what the end of one means, is the
// protocol's business.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/voice/sent_frames.h"
#include "soak/backoff.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/task.h"
#include "soak/voice/client.h"

namespace soak::voice {

class KeptConnection {
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

  // What follows from the end of a connection, or from an attempt to open one that failed.
  struct Sequel {
    Error reason;
    bool planned = false;               // It is replaced without a back-off, and at once if it can be.
    bool permanent = false;             // It is of no use to try again.
    std::chrono::nanoseconds pause{0};  // Besides the back-off.
  };

  class Protocol {
   public:
    // Opens a connection with open(), and a session on it. Says is_ready() when there is one; otherwise throws what
    // prevented it, and has dropped the connection.
    virtual Task<> establish() = 0;
    virtual void take(std::string message) = 0;
    virtual void ended() {}  // end() is known.

    // When the connection is to be replaced though it has not ended, as things are; empty: it is not. Looked at
    // whenever changed() is set.
    virtual std::optional<Instant> renew_at() const = 0;

    // The connection is about to be replaced. `stable`: it lived for long enough to be no flapping one.
    virtual Sequel leave(bool stable) = 0;
    // establish() threw `error`, while the connection was being replaced.
    virtual Sequel failed(const Error& error) = 0;

   protected:
    Protocol() = default;
    Protocol(const Protocol&) = default;
    Protocol& operator=(const Protocol&) = default;
    ~Protocol() = default;
  };

  // `protocol` and `counters` must outlive it.
  KeptConnection(EventLoop& loop, Protocol& protocol, ClientCounters& counters, Options options);
  ~KeptConnection();
  KeptConnection(const KeptConnection&) = delete;
  KeptConnection& operator=(const KeptConnection&) = delete;

  // For the client's verbs.

  // Establishes the first one, once.
  Task<> connect();
  // The open connection, once there is one again. Throws why there will be none any more.
  Task<Socket> ready();
  // Until it is known how `socket` ended, which did not take a message.
  Task<> left(Socket socket);
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
  double seconds_since_connect() const { return std::chrono::duration<double>(loop_.now() - connected_at_).count(); }
  bool is_closing() const { return closing_; }

  // "openai_realtime: wss://... <what>".
  Error failure(Errc code, std::string_view what) const;
  // "... closed 1011 <when>, 1.2 s after connect: <said>".
  Error failure_after_end(Errc code, std::string_view when, std::string_view said) const;

 private:
  enum class State {
    kNew,
    kReady,
    kReplacing,  // Not ready, and keep() sees to it.
    kOver,       // Not ready, and nobody does.
  };

  void enter(State state);
  Task<> receive(Socket socket);
  Task<> keep();
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

#endif  // SOAK_LIB_VOICE_KEPT_CONNECTION_H_
