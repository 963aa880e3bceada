// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_CLIENT_H_
#define SOAK_VOICE_CLIENT_H_

// What every voice client can do, so that one driver soaks them all.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "soak/task.h"

namespace soak::voice {

// Takes the provider's answers as they arrive: 16-bit little-endian mono PCM, at the client's kOutputRateHz. A piece
// need not be whole samples. `pcm` lives for the call alone, which comes on the loop's thread from inside the client:
// it must not destroy or close it, nor throw.
using AudioSink = std::function<void(std::span<const std::byte> pcm)>;

// A function of the program's that the provider may call for an answer.
struct Tool {
  std::string name;
  std::string description = {};
  std::string parameters = {};  // JSON Schema of its arguments, an object; empty: it takes none.
};

struct ToolCall {
  std::string id;
  std::string name;
  std::string arguments;  // JSON, an object; from OpenAI as the model wrote it, which may be neither.
};

// On the loop's thread, from inside the client: it must not destroy or close it, nor throw. The result may come later.
using ToolSink = std::function<void(const ToolCall&)>;

// What a client has done since it was made. Received figures are of what was understood.
struct ClientCounters {
  std::uint64_t sessions = 0;              // Sessions that were ready to stream.
  std::uint64_t sessions_open = 0;         // Of those: one while the client can stream, none otherwise. A gauge.
  std::uint64_t renewals = 0;              // Connections replaced because they had expired, or soon would have.
  std::uint64_t recoveries = 0;            // Connections replaced after they were lost.
  std::uint64_t frames_sent = 0;           // Audio frames that the transport took.
  std::uint64_t frames_lost = 0;           // Of those: still queued in it when their connection ended.
  std::uint64_t frames_unconfirmed = 0;    // Of the others: sent after the last ping that was answered, then it ended.
  std::uint64_t frames_dropped = 0;        // Never given to the transport: they were too old, or the provider's reason.
  std::uint64_t audio_bytes_received = 0;  // Decoded audio of the provider's answers.
  std::uint64_t responses_done = 0;
  std::uint64_t tool_calls = 0;
  std::uint64_t tool_calls_cancelled = 0;  // Of those: by the provider, or with their connection.
  std::uint64_t tool_results_sent = 0;     // Of those, too.
  std::uint64_t errors = 0;                // Error events of the provider.
  std::uint64_t unknown_events = 0;        // Ignored, as a client must.
  std::uint64_t invalid_events = 0;        // Not JSON, or without what they must have; ignored too.
};

// One session with a provider. Belongs to one EventLoop and its thread. Destroying it drops the connection without a
// close handshake and ends its own tasks where they stand.
class Client {
 public:
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // "openai": for titles and messages.
  virtual std::string_view provider() const = 0;

  // Samples a second of the 16-bit little-endian mono PCM that send_audio() takes.
  virtual int input_rate_hz() const = 0;

  // Opens the connection and the session: once. Throws soak::Error when the provider refuses, fails or takes too long.
  virtual Task<> connect() = 0;

  // Sends one frame of audio. Waits while the provider does not read, unless the client was given a backlog. `pcm` must
  // live until then. Throws soak::Error when the connection is lost.
  virtual Task<> send_audio(std::span<const std::byte> pcm) = 0;

  // Says that the user has finished speaking and asks for an answer; does nothing while one is under way.
  virtual Task<> end_turn() = 0;

  // The close handshake. The session is over when it returns, however the provider behaves.
  virtual Task<> close() = 0;

  virtual const ClientCounters& counters() const = 0;

 protected:
  Client() = default;
};

}  // namespace soak::voice

#endif  // SOAK_VOICE_CLIENT_H_
