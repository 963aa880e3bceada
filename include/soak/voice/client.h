// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_CLIENT_H_
#define SOAK_VOICE_CLIENT_H_

// The interface of every voice client. One driver can soak them all.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "soak/task.h"

namespace soak::voice {

// Receives the provider's answers as they arrive: 16-bit little-endian mono PCM at the client's kOutputRateHz. A piece
// may end in the middle of a sample. `pcm` is valid during the call only. It is called on the loop's thread, from
// inside the client: it must not destroy or close the client, or throw.
using AudioSink = std::function<void(std::span<const std::byte> pcm)>;

// A function of your program that the provider may call to answer.
struct Tool {
  std::string name;
  std::string description = {};
  std::string parameters = {};  // JSON Schema of its arguments, an object; empty if it takes none.
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // A JSON object. From OpenAI it is the model's own text, which may be invalid.
};

// Called on the loop's thread, from inside the client: it must not destroy or close the client, or throw. You can send
// the result later.
using ToolSink = std::function<void(const ToolCall&)>;

// Learns what becomes of the answers that a client asks for. Called on the loop's thread, from inside the client: it
// must not call the client, or throw. An answer is asked for once, however many responses it takes, as with function
// calls.
class AnswerListener {
 public:
  enum class End : std::uint8_t {
    kReceived,
    kFailed,       // The provider reported that it failed, or refused it.
    kLost,         // Its connection ended first.
    kInterrupted,  // The user spoke over it, or before it.
  };

  virtual void asked() = 0;  // The user's speech has ended, and an answer is requested; by this client or by detection.
  virtual void heard(std::chrono::nanoseconds audio) = 0;  // So much of its audio has arrived.
  virtual void ended(End end) = 0;

 protected:
  AnswerListener() = default;
  AnswerListener(const AnswerListener&) = default;
  AnswerListener& operator=(const AnswerListener&) = default;
  ~AnswerListener() = default;
};

// What a client has done since it was built. Figures of received data count only what it understood.
struct ClientCounters {
  std::uint64_t sessions = 0;              // Sessions that became ready to stream.
  std::uint64_t sessions_open = 0;         // 1 while the client can stream, otherwise 0. A gauge.
  std::uint64_t renewals = 0;              // Connections replaced because they expired or were about to.
  std::uint64_t recoveries = 0;            // Connections replaced after they were lost.
  std::uint64_t frames_sent = 0;           // Audio frames that the transport accepted.
  std::uint64_t frames_lost = 0;           // Of frames_sent: still queued when the connection ended.
  std::uint64_t frames_unconfirmed = 0;    // Of the rest: sent after the last answered ping before it ended.
  std::uint64_t frames_dropped = 0;        // Never passed to the transport: too old, or dropped for the provider.
  std::uint64_t audio_bytes_received = 0;  // Decoded audio of the provider's answers.
  std::uint64_t responses_done = 0;
  std::uint64_t tool_calls = 0;
  std::uint64_t tool_calls_cancelled = 0;  // Of tool_calls: by the provider, or with their connection.
  std::uint64_t tool_results_sent = 0;     // Of tool_calls.
  std::uint64_t errors = 0;                // Error events of the provider.
  std::uint64_t unknown_events = 0;        // Ignored, as the protocols require.
  std::uint64_t invalid_events = 0;        // Not JSON, or without required fields; ignored too.
};

// One session with a provider. Use it on the thread of its EventLoop. Its destructor drops the connection without a
// close handshake and destroys its own tasks where they stand.
class Client {
 public:
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // "openai": for titles and messages.
  virtual std::string_view provider() const = 0;

  // Sample rate of the 16-bit little-endian mono PCM that send_audio() takes.
  virtual int input_rate_hz() const = 0;

  // Opens the connection and the session. Call it once. Throws soak::Error if the provider refuses, fails or takes too
  // long.
  virtual Task<> connect() = 0;

  // Sends one frame of audio. Waits while the provider does not read, unless the client has a backlog. `pcm` must stay
  // valid until it returns. Throws soak::Error if the connection is lost.
  virtual Task<> send_audio(std::span<const std::byte> pcm) = 0;

  // Ends the user's turn and requests an answer. Does nothing while an answer is in progress.
  virtual Task<> end_turn() = 0;

  // Closes with a handshake. The session is over when it returns, whatever the provider does.
  virtual Task<> close() = 0;

  virtual const ClientCounters& counters() const = 0;

  // What the provider last complained of; empty if it never did.
  virtual const std::string& last_error() const = 0;

  // Tells `listener` about answers from now on; null: nobody. It must outlive the client, or be replaced. A client that
  // does not report its answers ignores it.
  virtual void tell_answers_to(AnswerListener* /*listener*/) {}

 protected:
  Client() = default;
};

}  // namespace soak::voice

#endif  // SOAK_VOICE_CLIENT_H_
