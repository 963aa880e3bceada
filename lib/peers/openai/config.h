// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_CONFIG_H_
#define SOAK_LIB_PEERS_OPENAI_CONFIG_H_

// What a session of the fake of OpenAI Realtime is set to, and what `session.update` and `response.create` may
// change. Parts that it merely gives back are kept as JSON.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/peers/notices.h"
#include "lib/peers/openai/json.h"
#include "lib/peers/tone.h"
#include "lib/peers/voice_detector.h"

namespace soak::peers::openai {

// Of what a response is made from, or of what it made.
struct Tokens {
  std::int64_t text = 0;
  std::int64_t audio = 0;

  std::int64_t all() const { return text + audio; }
  Tokens& operator+=(const Tokens& other) {
    text += other.text;
    audio += other.audio;
    return *this;
  }
};

// About four characters each (help.openai.com, "What are tokens and how to count them?").
constexpr std::int64_t tokens_of_text(std::size_t bytes) { return static_cast<std::int64_t>(bytes + 3) / 4; }

struct TurnDetection {
  enum class Kind : std::uint8_t { kNone, kServerVad, kSemanticVad };

  // As it is played: a threshold of 1 stands for 1000 of 32767, and semantic_vad, which goes by what is said, takes 500
  // ms of silence for the end.
  VoiceDetection by_loudness() const;

  Kind kind = Kind::kServerVad;
  double threshold = 0.5;
  std::int64_t prefix_padding_ms = 300;
  std::int64_t silence_duration_ms = 200;  // What real sessions say; the documentation's text has 500.
  std::optional<std::int64_t> idle_timeout_ms;
  std::string eagerness = "auto";
  bool create_response = true;
  bool interrupt_response = true;
};

struct Function {
  std::string name;
  std::string parameters;  // JSON Schema; empty: it takes none.
};

// A server whose tools the service lists (RealtimeMCPListTools of github.com/openai/openai-openapi).
struct McpServer {
  std::string label;
  std::vector<std::string> tools;  // Those that the client allows by their names; empty: it names none.
};

struct ToolUse {
  // What a response may call, by its tools and its tool_choice; nothing: it answers.
  std::optional<Function> function() const;

  std::string tools = "[]";
  std::vector<Function> functions;  // Of those.
  std::vector<McpServer> servers;   // Likewise.
  std::string choice = R"("auto")";
  bool allowed = true;  // By the choice.
  bool forced = false;  // By the choice: "required", or a function. Every response is a call.
  std::string chosen;   // By the choice; empty: any.
};

struct SessionConfig {
  bool transcription = false;  // It transcribes its input, and answers nothing.
  std::string id;
  std::string model;
  std::int64_t expires_at = 0;  // Seconds since 1970.

  bool text_only = false;
  std::string instructions = "You are a helpful assistant that was made for soak tests.";
  ToolUse tool_use;
  std::optional<std::int64_t> max_output_tokens;  // None: "inf".
  std::optional<bool> parallel_tool_calls;
  std::string tracing = "null";
  std::string truncation = R"("auto")";
  std::string prompt = "null";
  std::string include = "null";
  std::string reasoning;  // Empty: the session does not have it.

  AudioFormat input_format = AudioFormat::kPcm;
  std::string transcription_json = "null";
  std::string transcription_model;  // Empty: input is not transcribed.
  std::string noise_reduction = "null";
  TurnDetection turn_detection;

  AudioFormat output_format = AudioFormat::kPcm;
  std::string voice = R"("alloy")";
  double speed = 1.0;
};

// Whether what may be changed only at times may be changed now.
struct UpdateState {
  bool assistant_audio = false;  // The conversation has some, so its voice is fixed.
  bool response_running = false;
};

// `config` with what `session` asks for; throws Refusal.
SessionConfig updated(SessionConfig config, const Field& session, UpdateState state);

// Notes what `session` asks for that the fake does not play.
void note_not_played(const Field& session, Notices& notices);

void write_session(json::Writer& json, const SessionConfig& config);

// One response: the session's settings, and what `response.create` says of it.
struct ResponseConfig {
  explicit ResponseConfig(const SessionConfig& session);

  bool text_only;
  bool in_conversation = true;
  AudioFormat format;
  std::string voice;
  ToolUse tool_use;
  std::optional<std::int64_t> max_output_tokens;
  std::string metadata = "null";
  std::size_t instructions_bytes = 0;
  // In place of the conversation: what is given, and the items of the conversation that it refers to.
  std::optional<Tokens> own_input = std::nullopt;
  std::vector<std::string> referenced_items = {};
};

ResponseConfig configured(ResponseConfig config, const Field& response);

// "output_modalities", "max_output_tokens" and "audio" of a response.
void write_output(json::Writer& json, const ResponseConfig& config);

// A conversation item as a client may create it; throws Refusal.
void check_item(const Field& item);

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_CONFIG_H_
