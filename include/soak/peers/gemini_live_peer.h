// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_GEMINI_LIVE_PEER_H_
#define SOAK_PEERS_GEMINI_LIVE_PEER_H_

// A fake of the Gemini Live API (BidiGenerateContent), for clients under soak.
// Sources: ai.google.dev, "Live API - WebSockets API reference" and "Session management with Live API"; the official
// SDKs, github.com/googleapis/js-genai (src/live.ts, src/types.ts) and googleapis/python-genai (google/genai/live.py);
// what only reports of users tell is marked with the thread.
//
// It listens on a loopback port, or in memory on a VirtualLoop. The first message must be a `setup`; it answers
// `setupComplete`, takes audio, and answers each turn with a tone. A connection ends after `connection_max`, with a
// goAway before it; a session goes on on the next connection, when its setup brings a handle. There are no error
// messages in this API: whoever sends what is malformed, unknown or out of order is closed with 1007 or 1008 and a
// reason. Its ledger says what it saw, so that a test compares both ends. All time comes from the loop, and all chance
// from the seed: the same seed gives the same bytes.
//
//   soak::peers::GeminiLivePeer peer(loop);
//   soak::net::ConnectOptions options;
//   options.headers.add("x-goog-api-key", "any");
//   auto socket = co_await soak::net::connect_websocket(loop, peer.url(), options);
//   co_await socket->send_text(R"({"setup":{"model":"models/gemini-live"}})");
//   soak::net::Message complete = co_await socket->receive();  // {"setupComplete":{}}
//
// What it writes is compact JSON; the service's has indents. Member names may come in lowerCamelCase or snake_case, as
// the JavaScript and the Python SDK send them.
//
// Where a client leaves automatic activity detection on, it goes by loudness: 20 ms are speech while their level is
// above 500 of 32767, or 1500 with START_SENSITIVITY_LOW. prefixPaddingMs of it at a stretch are the start of activity,
// which interrupts an answer unless activityHandling is NO_INTERRUPTION; silenceDurationMs without any are its end, and
// the turn is answered. How long that is by default is not known: here 500 ms, or 1 s with END_SENSITIVITY_LOW.
// audioStreamEnd ends what is being said; a stream in which nothing was loud enough is answered as a whole then. Text
// and clientContent end a turn as well.
//
// Not played yet: functions that are not waited for (NON_BLOCKING), and the paths of Vertex AI.

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

// How a connection without a valid key is sent away. What the service does is not known: 1007 has been seen for an
// expired key (github.com/yagudaev/voiceclaw/issues/155), the statuses are those of its HTTP API.
enum class GeminiBadKeyAnswer : std::uint8_t {
  kCloseAfterSetup,  // 101, and after the setup close 1007 "API key not valid. Please pass a valid API key."
  kHttp400,          // No 101; the error is the JSON body. The same for the next one.
  kHttp403,
};

// To be named in a constructor call, GeminiLivePeer peer(loop, {.seed = 7}). In a co_await expression g++ 12 would
// destroy it twice, as any aggregate with a string: make a named one there.
struct GeminiLivePeerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 takes a free one.
  // With a certificate it speaks `wss:` and nothing else, as the service does. A net::TestCa makes one.
  net::TlsIdentity tls = {};

  // Of handles and ids. Unset, it is drawn from the loop.
  std::optional<std::uint64_t> seed = std::nullopt;

  // The only key that is let in; empty lets any key in, but not none.
  std::string api_key = {};
  GeminiBadKeyAnswer bad_key = GeminiBadKeyAnswer::kCloseAfterSetup;

  // The only models there are, as "models/gemini-live"; empty takes any name after "models/". Another one is closed
  // with 1008 and the service's text (github.com/google/adk-python/issues/3314).
  std::vector<std::string> models = {};

  // The service sends its JSON in binary frames (github.com/ai-shifu/ai-shifu/issues/2760). Set: in text frames, which
  // a client must take as well.
  bool text_frames = false;
  // Takes a client's binary frame for a text frame. What the service does with one is not known; by default it is
  // closed with 1007.
  bool accept_binary_frames = false;

  // What it answers to a turn: that much of a tone, in pieces, `pace` times as fast as it plays. generationComplete
  // comes when all was sent, turnComplete when it would have been played.
  std::chrono::nanoseconds response_audio = std::chrono::seconds{2};
  std::chrono::nanoseconds delta_audio = std::chrono::milliseconds{100};  // Whole milliseconds, one at least.
  double pace = 4.0;                                                      // Infinity sends them all at once.

  // Where a setup declares functions, each answer begins with a call of the first of them, and waits so long for the
  // toolResponse; then, or when it is interrupted, the call is cancelled (toolCallCancellation). A response to a call
  // that is not under way is closed with 1008. Zero calls none.
  std::chrono::nanoseconds tool_patience = std::chrono::seconds{10};

  // How long a connection lives, from its upgrade: about 10 minutes by the documentation. Then close 1011 "Deadline
  // expired before operation could complete." (github.com/kizuna-ai-lab/sokuji/issues/179).
  std::chrono::nanoseconds connection_max = std::chrono::minutes{10};
  // How long before that the goAway is sent, at the latest at once; zero sends none.
  std::chrono::nanoseconds go_away_before = std::chrono::seconds{60};
  // Sends nothing any more between the goAway and the close (github.com/sierra-research/tau2-bench/issues/461).
  bool silent_after_go_away = false;

  // How long a session lives over all its connections, from its first setupComplete, unless its setup asks for
  // contextWindowCompression: 15 minutes for audio by the documentation. It ends like a connection, and for good.
  std::chrono::nanoseconds session_max = std::chrono::minutes{15};
  // How long after the end of its last connection a session can be resumed: 2 hours is often quoted.
  std::chrono::nanoseconds handle_validity = std::chrono::hours{2};
  // How many ended sessions are kept for that; of more, those that ended first are forgotten.
  std::size_t ended_sessions_max = 10'000;

  // What goes wrong on its connections; null for nothing. It must outlive the peer.
  fault::Script* faults = nullptr;

  // More sessions than that at a time are closed with 1011 and a text about the quota; zero is no limit. The number
  // that the service grants is not known, the code is (github.com/sohzm/cheating-daddy/issues/455).
  std::size_t sessions_max = 0;
};

// What the peer saw and did, from its start.
struct GeminiLiveLedger {
  // Connections that were answered setupComplete. One is open until its socket has ended.
  std::uint64_t sessions_opened = 0;
  std::uint64_t sessions_open = 0;
  std::uint64_t sessions_closed = 0;
  std::uint64_t sessions_lost = 0;     // Of those closed: ended without a close frame.
  std::uint64_t sessions_resumed = 0;  // Of those opened: they carry on an earlier one.

  // Connections that were not, whatever the reason, and those of them for a key, or for a handle.
  std::uint64_t connections_refused = 0;
  std::uint64_t auth_failures = 0;
  std::uint64_t resumptions_refused = 0;

  // From the clients. What is known is counted under its path, "setup", "realtimeInput.audio", "clientContent",
  // "toolResponse", everything else under "", whether it was accepted or not.
  std::uint64_t messages_received = 0;
  std::map<std::string, std::uint64_t, std::less<>> messages_by_type;
  std::uint64_t audio_frames_received = 0;  // Accepted audio, in realtimeInput.audio and mediaChunks.
  std::uint64_t audio_bytes_received = 0;   // What they held, decoded.

  // Sessions that were closed for what their client sent, and the whole text of the last refusal of any kind: a close
  // frame has room for 123 bytes of it.
  std::uint64_t messages_refused = 0;
  std::string last_refusal;

  std::uint64_t turns_detected = 0;  // Ends of speech, by activity detection.

  // To the clients.
  std::uint64_t messages_sent = 0;
  std::uint64_t audio_parts_sent = 0;
  std::uint64_t audio_bytes_sent = 0;
  std::uint64_t turns_started = 0;
  std::uint64_t turns_completed = 0;    // Up to turnComplete, the interrupted ones too.
  std::uint64_t turns_interrupted = 0;  // Of those.
  std::uint64_t tool_calls_sent = 0;
  std::uint64_t tool_calls_cancelled = 0;  // Of those.
  std::uint64_t tool_calls_answered = 0;   // Of those sent.
  std::uint64_t handles_sent = 0;
  std::uint64_t go_aways_sent = 0;
  std::uint64_t deadlines_expired =
      0;  // Connections that the peer ended because their time, or their session's, was up.
};

// Its totals, on one line: "sessions=2 resumed=1 lost=0 ...".
std::string to_string(const GeminiLiveLedger& ledger);

class GeminiLivePeer {
 public:
  // Listens at once. Throws Error: kConnectFailed when it cannot, kInvalidArgument for options that make no sense.
  explicit GeminiLivePeer(EventLoop& loop, GeminiLivePeerOptions options = {});
  // Ends what is left where it stands: sockets are dropped without a close handshake, so clients see 1006.
  ~GeminiLivePeer();
  GeminiLivePeer(const GeminiLivePeer&) = delete;
  GeminiLivePeer& operator=(const GeminiLivePeer&) = delete;

  // "ws://127.0.0.1:40121/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent". v1alpha, and
  // the method BidiGenerateContentConstrained of ephemeral tokens, are served as well.
  std::string url() const;
  // Where the SDKs put the path after, "ws://127.0.0.1:40121".
  std::string base_url() const;
  std::uint16_t port() const;

  // From now on the only key that is let in: a key that is rotated while sessions are open, which go on.
  void set_api_key(std::string key);

  const GeminiLiveLedger& ledger() const;

  // Stops listening, and closes each connection with 1001. Ends when all are gone, after the close timeout (5 s) and
  // one second more at the latest. The peer stays readable, but takes no connection any more.
  Task<> close();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::peers

#endif  // SOAK_PEERS_GEMINI_LIVE_PEER_H_
