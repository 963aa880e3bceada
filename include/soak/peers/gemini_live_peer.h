// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_GEMINI_LIVE_PEER_H_
#define SOAK_PEERS_GEMINI_LIVE_PEER_H_

// A fake of the Gemini Live API (BidiGenerateContent), for clients under soak.
// Sources: ai.google.dev, "Live API - WebSockets API reference" and "Session management with Live API"; the official
// SDKs, github.com/googleapis/js-genai (src/live.ts, src/types.ts) and googleapis/python-genai (google/genai/live.py);
// what is known only from users is marked with a link.
//
// It listens on a loopback port, or in memory on a VirtualLoop. The first message must be a `setup`; the peer
// replies `setupComplete`, receives audio, and answers each turn with a tone. A connection ends after `connection_max`,
// announced by a goAway. A session continues on the next connection if its setup contains a handle. This API has no
// error messages: after a malformed, unknown or out-of-order message, the connection is closed with 1007 or 1008 and a
// reason. The ledger counts what the peer received and sent, so a test can compare both ends. Time comes from the loop
// and randomness from the seed: the same seed gives the same bytes.
//
//   soak::peers::GeminiLivePeer peer(loop);
//   soak::net::ConnectOptions options;
//   options.headers.add("x-goog-api-key", "any");
//   auto socket = co_await soak::net::connect_websocket(loop, peer.url(), options);
//   co_await socket->send_text(R"({"setup":{"model":"models/gemini-live"}})");
//   soak::net::Message complete = co_await socket->receive();  // {"setupComplete":{}}
//
// It writes compact JSON; the service's is indented. It accepts member names in lowerCamelCase and in snake_case,
// because the JavaScript and the Python SDK differ.
//
// Automatic activity detection, unless the client switches it off, uses loudness: 20 ms of audio are speech if their
// level is above 500 of 32767, or 1500 with START_SENSITIVITY_LOW. Activity starts after prefixPaddingMs of continuous
// speech, which interrupts an answer unless activityHandling is NO_INTERRUPTION. It ends after silenceDurationMs
// without speech, and the turn is answered. The service's default for that is not known: here it is 500 ms, or 1 s with
// END_SENSITIVITY_LOW. audioStreamEnd ends activity too; if nothing in the stream was loud enough, the whole stream is
// answered as one turn. Text and clientContent also end a turn.
//
// Not simulated: the paths of Vertex AI, and what `not_played` in the ledger names once a client asks for it.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "soak/event_loop.h"
#include "soak/fault/script.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"

namespace soak::peers {

// How a connection without a valid key is refused. It is not known what the service does: 1007 was reported for
// an expired key (github.com/yagudaev/voiceclaw/issues/155), and the statuses are those of its HTTP API.
enum class GeminiBadKeyAnswer : std::uint8_t {
  kCloseAfterSetup,  // 101, and after the setup close 1007 "API key not valid. Please pass a valid API key."
  kHttp400,          // No 101; the error is the JSON body. The same for the next one.
  kHttp403,
};

// You can write these in a constructor call: GeminiLivePeer peer(loop, {.seed = 7}). In a co_await expression, give
// them a name first: g++ 12 would destroy the temporary twice, like any aggregate with a string.
struct GeminiLivePeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 picks a free one.
  // With a certificate it speaks only `wss:`, like the service. A net::TestCa creates one.
  net::TlsIdentity tls = {};

  // Seed of handles and ids. If unset, drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only key that is accepted; empty accepts any key, but requires one.
  std::string api_key = {};
  GeminiBadKeyAnswer bad_key = GeminiBadKeyAnswer::kCloseAfterSetup;

  // The models that exist, such as "models/gemini-live"; empty accepts any name after "models/". A request for another
  // one is closed with 1008 and the service's text (github.com/google/adk-python/issues/3314).
  std::vector<std::string> models = {};

  // The service sends its JSON in binary frames (github.com/ai-shifu/ai-shifu/issues/2760). If set, it
  // uses text frames, which a client must accept too.
  bool text_frames = false;
  // Accepts a client's binary frame as a text frame. It is not known what the service does with one; by default the
  // connection is closed with 1007.
  bool accept_binary_frames = false;

  // The answer to a turn: this much of a tone, in pieces, sent `pace` times as fast as it plays. It sends
  // generationComplete when all is sent, and turnComplete when all would have been played.
  std::chrono::nanoseconds response_audio = std::chrono::seconds{2};
  std::chrono::nanoseconds delta_audio = std::chrono::milliseconds{100};  // Whole milliseconds, at least one.
  double pace = 4.0;                                                      // Infinity sends all pieces at once.

  // If a setup declares functions, each answer begins with a call of the first one, with arguments that are valid by
  // its declared schema, and waits for its toolResponse. If the answer is interrupted, the call is cancelled
  // (toolCallCancellation). A response to a call that is not under way closes the connection with 1008. With the
  // behavior NON_BLOCKING the answer goes on, and its result is spoken of as its `scheduling` says: WHEN_IDLE unless it
  // does.
  bool call_tools = true;
  // Also cancels a call whose result takes longer than this, to test a client against it; zero does not.
  std::chrono::nanoseconds tool_patience{0};

  // How long a connection lives after its upgrade; documented as about 10 minutes. It ends with close 1011 "Deadline
  // expired before operation could complete." (github.com/kizuna-ai-lab/sokuji/issues/179).
  std::chrono::nanoseconds connection_max = std::chrono::minutes{10};
  // How long before that end the goAway is sent, or at once if the connection is shorter; zero sends none.
  std::chrono::nanoseconds go_away_before = std::chrono::seconds{60};
  // Sends nothing between the goAway and the close (github.com/sierra-research/tau2-bench/issues/461).
  bool silent_after_go_away = false;

  // How long a session lives over all its connections, from its first setupComplete, unless its setup asks for
  // contextWindowCompression; documented as 15 minutes for audio. It ends like a connection, and cannot be resumed.
  std::chrono::nanoseconds session_max = std::chrono::minutes{15};
  // When the first handle comes after setupComplete. The service was seen to send it a moment later.
  std::chrono::nanoseconds first_handle_after = std::chrono::milliseconds{100};
  // How long a session can be resumed after the end of its last connection; 2 hours is often quoted. A handle that is
  // not the session's last is good for as long after it was sent.
  std::chrono::nanoseconds handle_validity = std::chrono::hours{2};
  // How many ended sessions are kept for that; beyond it, those that ended first are forgotten.
  std::size_t ended_sessions_max = 10'000;

  // The faults of its connections; null for none. Must outlive the peer.
  fault::Script* faults = nullptr;

  // How many sessions may be open at once; zero is no limit. One more is closed with 1011 and a text about the quota.
  // The service's number is not known, its code is (github.com/sohzm/cheating-daddy/issues/455).
  std::size_t sessions_max = 0;
};

// What the peer received and did since it was created.
struct GeminiLiveLedger {
  // Connections that got setupComplete. A session is open until its socket has ended.
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_open = 0;
  std::uint64_t sessions_closed = 0;
  std::uint64_t sessions_lost = 0;     // Of those closed: ended without a close frame.
  std::uint64_t sessions_resumed = 0;  // Of those opened: they continue an earlier one.

  // Connections that were refused for any reason; those of them refused for their key, or for their handle.
  std::uint64_t connections_refused = 0;
  std::uint64_t auth_failures = 0;
  std::uint64_t resumptions_refused = 0;

  // From the clients, accepted or not. Messages are counted by their path: "setup", "realtimeInput.audio",
  // "clientContent", "toolResponse"; unknown ones are under "".
  std::uint64_t messages_received = 0;
  std::map<std::string, std::uint64_t, std::less<>> messages_by_type;
  std::uint64_t audio_frames_received = 0;  // Accepted audio, in realtimeInput.audio and mediaChunks.
  std::uint64_t audio_bytes_received = 0;   // Their audio, decoded.

  // Sessions that were closed because of a client's message, and the full text of the last refusal of any kind; a close
  // frame has room for only 123 bytes.
  std::uint64_t messages_refused = 0;
  std::string last_refusal;

  std::uint64_t turns_detected = 0;  // Ends of speech, by activity detection.

  // To the clients.
  std::uint64_t messages_sent = 0;
  std::uint64_t audio_parts_sent = 0;
  std::uint64_t audio_bytes_sent = 0;
  std::uint64_t turns_started = 0;
  std::uint64_t turns_completed = 0;    // Up to turnComplete, including interrupted ones.
  std::uint64_t turns_interrupted = 0;  // Of those.
  std::uint64_t tool_calls_sent = 0;
  std::uint64_t tool_calls_cancelled = 0;  // Of those.
  std::uint64_t tool_calls_answered = 0;   // Of those sent.
  std::uint64_t handles_sent = 0;
  std::uint64_t go_aways_sent = 0;
  std::uint64_t deadlines_expired = 0;  // Connections ended because their time, or their session's, was up.
  std::uint64_t auth_tokens_made = 0;

  // What clients asked for that the fake accepts and does not play, and what it does not know and refused: the name of
  // each, and how often. The log names it when it first comes.
  std::map<std::string, std::uint64_t, std::less<>> not_played;
  std::map<std::string, std::uint64_t, std::less<>> unknown;
};

// Its totals, on one line: "sessions=2 resumed=1 lost=0 ...".
std::string to_string(const GeminiLiveLedger& ledger);

class GeminiLivePeer {
 public:
  // Starts to listen. Throws Error: kConnectFailed if it cannot, kInvalidArgument for invalid options.
  explicit GeminiLivePeer(EventLoop& loop, GeminiLivePeerOptions options = {});
  // Drops the open connections without a close handshake: clients see 1006.
  ~GeminiLivePeer();
  GeminiLivePeer(const GeminiLivePeer&) = delete;
  GeminiLivePeer& operator=(const GeminiLivePeer&) = delete;

  // "ws://127.0.0.1:40121/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent". v1alpha, and
  // the method BidiGenerateContentConstrained of ephemeral tokens, are served as well.
  std::string url() const;
  // For the SDKs, which append the path themselves: "ws://127.0.0.1:40121".
  std::string base_url() const;
  std::uint16_t port() const;
  // Of the service's HTTP API, on the same port: "http://127.0.0.1:40121", or "https://...". It has POST
  // /v1alpha/auth_tokens, whose tokens open sessions like the key.
  std::string http_url() const;

  // Replaces the key that is accepted, as a rotation does. Open sessions continue.
  void set_api_key(std::string key);

  const GeminiLiveLedger& ledger() const;

  // Stops listening, and closes each connection with 1001. Returns when all are gone, at most one second after
  // the close timeout (5 s). The ledger stays readable.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_GEMINI_LIVE_PEER_H_
