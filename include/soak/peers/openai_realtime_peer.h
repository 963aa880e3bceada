// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_OPENAI_REALTIME_PEER_H_
#define SOAK_PEERS_OPENAI_REALTIME_PEER_H_

// A fake of the OpenAI Realtime service, in its GA wire format, for clients under soak.
//
// It listens on a loopback port, or in memory on a VirtualLoop, and checks what it gets as strictly as the provider
// does: an `error` event for a malformed, unknown or incomplete client event, after which the session lives on. Its
// ledger says what it saw, so that a test compares both ends. All time comes from the loop, and all chance from the
// seed: the same seed gives the same bytes.
//
//   soak::peers::OpenAiRealtimePeer peer(loop);
//   soak::net::ConnectOptions options;
//   options.headers.add("Authorization", "Bearer any");
//   auto socket = co_await soak::net::connect_websocket(loop, peer.url() + "?model=gpt-realtime", options);
//   soak::net::Message created = co_await socket->receive();  // session.created
//
// Turn detection goes by loudness: what a session hears is speech while its level is above 500 of 32767, for the
// default threshold of 0.5. Not played: input_audio_buffer.timeout_triggered, and what noise_reduction does.
//
// A call of a function is a response of its own. Nothing waits for its result: it may come as long as the session lives
// and knows the call, and is answered at the next response.create. A result of a call that the session does not know is
// an `error` event "invalid_tool_call_id" (github.com/livekit/agents/issues/3344). What the service does with the
// result of a call that was broken off, and with a second result, is not known: here the first is that error, the
// second is taken.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "soak/event_loop.h"
#include "soak/fault/script.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::peers {

// How a connection without a valid key is sent away. Both have been seen; which of them the service does today is
// not known, so a client must take either for permanent.
enum class BadKeyAnswer : std::uint8_t {
  kErrorEventThenClose,  // 101, an `error` event, then close 3000 "invalid_request_error.invalid_api_key".
  kHttp401,              // No 101; the error is the JSON body.
};

// To be named in a constructor call, OpenAiRealtimePeer peer(loop, {.seed = 7}). In a co_await expression g++ 12
// would destroy it twice, as any aggregate with a string: make a named one there.
struct OpenAiRealtimePeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 takes a free one.
  // With a certificate it speaks `wss:` and nothing else, as the service does. A net::TestCa makes one.
  net::TlsIdentity tls = {};

  // Of ids and obfuscation. Unset, it is drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only key that is let in; empty lets any key in, but not none.
  std::string api_key = {};
  BadKeyAnswer bad_key = BadKeyAnswer::kErrorEventThenClose;
  // For a client that sends a key both as Authorization and as subprotocol. That the service refuses it is known, the
  // status is not. 0 answers in the shape of `bad_key`.
  int both_keys_status = 400;

  // How long a session lives. It says so in `expires_at`, and ends with an `error` event "session_expired" and close
  // 1001 (github.com/livekit/agents/issues/2358, pollen-robotics/reachy_mini_conversation_app/issues/134).
  std::chrono::nanoseconds session_max = std::chrono::minutes{60};

  // What all sessions together may use; 0 is without a limit. `rate_limits.updated` says after each response what is
  // left, and a response that is asked for when nothing is fails with "rate_limit_exceeded".
  std::int64_t tokens_per_minute = 800'000;

  // Where a session has its input transcribed: how long that takes, from the commit on.
  std::chrono::nanoseconds transcription_delay = std::chrono::milliseconds{300};

  // What goes wrong on its connections; null for nothing. It must outlive the peer.
  fault::Script* faults = nullptr;

  // Takes a binary frame for a text frame. What the service does with one is not known; by default it is an error.
  bool accept_binary_frames = false;

  // What it answers to response.create: that much of a tone, in pieces, `pace` times as fast as it plays.
  std::chrono::nanoseconds response_audio = std::chrono::seconds{2};
  std::chrono::nanoseconds delta_audio = std::chrono::milliseconds{100};  // Whole milliseconds, one at least.
  double pace = 4.0;                                                      // Infinity sends them all at once.

  // Where the session, or response.create, declares functions and its tool_choice lets it: a response is a call of the
  // first of them, or of the one that tool_choice names, unless the conversation ends in a function's result, which is
  // answered. Off, it calls none.
  bool call_tools = true;
};

// What the peer saw and did, from its start.
struct OpenAiRealtimeLedger {
  // Connections that got a session. One is open until its socket has ended.
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_open = 0;
  std::uint64_t sessions_closed = 0;
  std::uint64_t sessions_lost = 0;     // Of those closed: ended without a close frame.
  std::uint64_t sessions_expired = 0;  // Of those closed: had their longest time.

  // Connections that got none, by status or by error event and close. The second is the part that keys were to blame
  // for, the third that of clients which still speak the beta.
  std::uint64_t refused_handshakes = 0;
  std::uint64_t auth_failures = 0;
  std::uint64_t beta_refusals = 0;

  // From the clients. What has a known `type` is counted under it, everything else under "" (no JSON, no object,
  // no type, an unknown type), whether it was accepted or not.
  std::uint64_t events_received = 0;
  std::map<std::string, std::uint64_t, std::less<>> events_by_type;
  std::uint64_t audio_frames_received = 0;  // Accepted input_audio_buffer.append events.
  std::uint64_t audio_bytes_received = 0;   // What they held, decoded.

  std::uint64_t turns_detected = 0;  // Ends of speech, by turn detection.

  // To the clients.
  std::uint64_t events_sent = 0;
  std::uint64_t errors_sent = 0;  // Of those.
  std::uint64_t audio_deltas_sent = 0;
  std::uint64_t audio_bytes_sent = 0;
  std::uint64_t responses_created = 0;
  std::uint64_t responses_done = 0;         // Whatever their status.
  std::uint64_t responses_cancelled = 0;    // Of those.
  std::uint64_t responses_interrupted = 0;  // Of those cancelled: by speech that turn detection heard.
  std::uint64_t responses_failed = 0;       // Of those done.
  std::uint64_t transcripts_sent = 0;       // Of input.
  std::uint64_t tool_calls_sent = 0;        // Whole ones.
  std::uint64_t tool_calls_answered = 0;    // Of those: their results were taken.
};

// Its totals, on one line: "sessions=2 lost=0 open=0 ...".
std::string to_string(const OpenAiRealtimeLedger& ledger);

class OpenAiRealtimePeer {
 public:
  // Listens at once. Throws Error: kConnectFailed when it cannot, kInvalidArgument for options that make no sense.
  explicit OpenAiRealtimePeer(EventLoop& loop, OpenAiRealtimePeerOptions options = {});
  // Ends what is left where it stands: sockets are dropped without a close handshake, so clients see 1006.
  ~OpenAiRealtimePeer();
  OpenAiRealtimePeer(const OpenAiRealtimePeer&) = delete;
  OpenAiRealtimePeer& operator=(const OpenAiRealtimePeer&) = delete;

  // "ws://127.0.0.1:40121/v1/realtime", or "wss://..."; a client adds ?model= or ?call_id=.
  std::string url() const;
  std::uint16_t port() const;

  // From now on the only key that is let in: a key that is rotated while sessions are open, which go on.
  void set_api_key(std::string key);

  const OpenAiRealtimeLedger& ledger() const;

  // Stops listening, and closes each session with 1001. Ends when all are gone, after the close timeout (5 s) and
  // one second more at the latest. The peer stays readable, but takes no connection any more.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_OPENAI_REALTIME_PEER_H_
