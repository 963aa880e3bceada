// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_OPENAI_REALTIME_PEER_H_
#define SOAK_PEERS_OPENAI_REALTIME_PEER_H_

// A fake of the OpenAI Realtime service, in its GA wire format, for clients under soak.
//
// It listens on a loopback port, or in memory on a VirtualLoop, and checks client events as strictly as the provider
// does: a malformed, unknown or incomplete one gets an `error` event, and the session continues. Its ledger counts what
// it received and sent, so a test can compare both ends. Time comes from the loop and randomness from the
// seed: the same seed gives the same bytes.
//
//   soak::peers::OpenAiRealtimePeer peer(loop);
//   soak::net::ConnectOptions options;
//   options.headers.add("Authorization", "Bearer any");
//   auto socket = co_await soak::net::connect_websocket(loop, peer.url() + "?model=gpt-realtime", options);
//   soak::net::Message created = co_await socket->receive();  // session.created
//
// Turn detection uses loudness: input is speech while its level is above 500 of 32767, for the default threshold of
// 0.5.
//
// A function call is a response of its own. The peer does not wait for its result: the result may arrive for as long as
// the session lives and knows the call, and the next response.create answers it. A result for an unknown call gets an
// `error` event "invalid_tool_call_id" (github.com/livekit/agents/issues/3344). It is not known what the service does
// with the result of a call that was broken off, or with a second result: here the first gets that error, and the
// second is accepted.

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

// How a connection without a valid key is refused. Both have been observed, and it is not known which one the
// service uses today, so a client must treat either as permanent.
enum class BadKeyAnswer : std::uint8_t {
  kErrorEventThenClose,  // 101, an `error` event, then close 3000 "invalid_request_error.invalid_api_key".
  kHttp401,              // No 101; the error is the JSON body.
};

// You can write these in a constructor call: OpenAiRealtimePeer peer(loop, {.seed = 7}). In a co_await expression, give
// them a name first: g++ 12 would destroy the temporary twice, like any aggregate with a string.
struct OpenAiRealtimePeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 picks a free one.
  // With a certificate it speaks only `wss:`, like the service. A net::TestCa creates one.
  net::TlsIdentity tls = {};

  // Seed of ids and obfuscation. If unset, drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only key that is accepted; empty accepts any key, but requires one.
  std::string api_key = {};
  BadKeyAnswer bad_key = BadKeyAnswer::kErrorEventThenClose;
  // For a client that sends a key both as Authorization and as subprotocol. The service refuses it, with an unknown
  // status. 0 refuses it as `bad_key` does.
  int both_keys_status = 400;

  // How long a session lives. `expires_at` announces its end, which comes with an `error` event "session_expired" and
  // close 1001 (github.com/livekit/agents/issues/2358, pollen-robotics/reachy_mini_conversation_app/issues/134).
  std::chrono::nanoseconds session_max = std::chrono::minutes{60};

  // What all sessions together may use; 0 is no limit. After each response, `rate_limits.updated` reports what is left.
  // A response that is requested when nothing is left fails with "rate_limit_exceeded".
  std::int64_t tokens_per_minute = 800'000;

  // How much of the audio that sessions sent is kept for conversation.item.retrieve, over all of them: the newest.
  // Older items are given back without it.
  std::size_t stored_audio_bytes_max = std::size_t{8} << 20;

  // If a session has its input transcribed: how long that takes after the commit.
  std::chrono::nanoseconds transcription_delay = std::chrono::milliseconds{300};

  // The faults of its connections; null for none. Must outlive the peer.
  fault::Script* faults = nullptr;

  // Accepts a binary frame as a text frame. It is not known what the service does with one; by default it is an error.
  bool accept_binary_frames = false;

  // The answer to response.create: this much of a tone, in pieces, sent `pace` times as fast as it plays.
  std::chrono::nanoseconds response_audio = std::chrono::seconds{2};
  std::chrono::nanoseconds delta_audio = std::chrono::milliseconds{100};  // Whole milliseconds, at least one.
  double pace = 4.0;                                                      // Infinity sends all pieces at once.

  // Calls functions if the session or response.create declares some and tool_choice allows it: the response is then a
  // call of the first function. If the conversation ends with the result of a function, the response answers it
  // instead. If false, functions are called only where tool_choice requires it: with "required", or with the name of a
  // function, every response is a call, as with the service. The arguments are valid by the function's declared JSON
  // Schema.
  bool call_tools = true;
};

// What the peer received and did since it was created.
struct OpenAiRealtimeLedger {
  // Connections that got a session. A session is open until its socket has ended.
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_open = 0;
  std::uint64_t sessions_closed = 0;
  std::uint64_t sessions_lost = 0;     // Of those closed: ended without a close frame.
  std::uint64_t sessions_expired = 0;  // Of those closed: reached session_max.

  // Connections that were refused, by a status or by an error event and a close; those of them refused for their key;
  // and those refused because the client still speaks the beta.
  std::uint64_t refused_handshakes = 0;
  std::uint64_t auth_failures = 0;
  std::uint64_t beta_refusals = 0;

  // From the clients, accepted or not. Events are counted by their `type`; those without a known one are under "" (no
  // JSON, no object, no type, an unknown type).
  std::uint64_t events_received = 0;
  std::map<std::string, std::uint64_t, std::less<>> events_by_type;
  std::uint64_t audio_frames_received = 0;  // Accepted input_audio_buffer.append events.
  std::uint64_t audio_bytes_received = 0;   // Their audio, decoded.

  std::uint64_t turns_detected = 0;  // Ends of speech, by turn detection.

  // To the clients.
  std::uint64_t events_sent = 0;
  std::uint64_t errors_sent = 0;  // Of those.
  std::uint64_t audio_deltas_sent = 0;
  std::uint64_t audio_bytes_sent = 0;
  std::uint64_t responses_created = 0;
  std::uint64_t responses_done = 0;         // With any status.
  std::uint64_t responses_cancelled = 0;    // Out of responses_done.
  std::uint64_t responses_interrupted = 0;  // Cancelled by speech that turn detection heard.
  std::uint64_t responses_failed = 0;       // Out of responses_done.
  std::uint64_t responses_over_limit = 0;   // Out of responses_failed: tokens_per_minute was used up.
  std::uint64_t transcripts_sent = 0;       // Of input.
  std::uint64_t client_secrets_made = 0;

  // What clients asked for that the fake accepts and does not play, and what it does not know and refused: the name of
  // each, and how often. The log names it when it first comes.
  std::map<std::string, std::uint64_t, std::less<>> not_played;
  std::map<std::string, std::uint64_t, std::less<>> unknown;
  std::uint64_t tool_calls_sent = 0;      // Complete ones.
  std::uint64_t tool_calls_answered = 0;  // Calls whose result was accepted.
};

// Its totals, on one line: "sessions=2 lost=0 open=0 ...".
std::string to_string(const OpenAiRealtimeLedger& ledger);

class OpenAiRealtimePeer {
 public:
  // Starts to listen. Throws Error: kConnectFailed if it cannot, kInvalidArgument for invalid options.
  explicit OpenAiRealtimePeer(EventLoop& loop, OpenAiRealtimePeerOptions options = {});
  // Drops the open connections without a close handshake: clients see 1006.
  ~OpenAiRealtimePeer();
  OpenAiRealtimePeer(const OpenAiRealtimePeer&) = delete;
  OpenAiRealtimePeer& operator=(const OpenAiRealtimePeer&) = delete;

  // "ws://127.0.0.1:40121/v1/realtime", or "wss://..."; a client appends ?model= or ?call_id=.
  std::string url() const;
  std::uint16_t port() const;
  // Of the service's HTTP API, on the same port: "http://127.0.0.1:40121/v1", or "https://...". It has POST
  // /realtime/client_secrets, whose secrets open sessions like the key.
  std::string http_url() const;

  // Replaces the key that is accepted, as a rotation does. Open sessions continue.
  void set_api_key(std::string key);

  const OpenAiRealtimeLedger& ledger() const;

  // Stops listening, and closes each session with 1001. Returns when all are gone, at most one second after
  // the close timeout (5 s). The ledger stays readable.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_OPENAI_REALTIME_PEER_H_
