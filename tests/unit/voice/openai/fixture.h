// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_VOICE_OPENAI_FIXTURE_H_
#define SOAK_TESTS_UNIT_VOICE_OPENAI_FIXTURE_H_

// The OpenAI Realtime client against a scripted server.

#include <fmt/format.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "soak/error.h"
#include "soak/task.h"
#include "soak/voice/openai_realtime.h"
#include "tests/unit/voice/scripted_server.h"

namespace soak::voice {

inline constexpr char kCreated[] = R"({"type":"session.created","event_id":"event_1","session":{"type":"realtime"}})";
inline constexpr char kUpdated[] = R"({"type":"session.updated","event_id":"event_2","session":{"type":"realtime"}})";
inline constexpr char kKey[] = "sk-very-secret";
inline constexpr std::array<std::byte, 1920> kFrame{};      // 40 ms.
inline constexpr std::array<std::byte, 4800> kShortTurn{};  // 100 ms, the least that is a turn.

// The member at a path such as "session/audio/input", as JSON's own type; null where there is none.
inline const rapidjson::Value* at(const rapidjson::Value& value, const std::string& path) {
  const rapidjson::Value* found = &value;
  for (std::size_t from = 0; found != nullptr && from <= path.size();) {
    const std::size_t slash = std::min(path.find('/', from), path.size());
    const std::string name = path.substr(from, slash - from);
    found = found->IsObject() && found->HasMember(name.c_str()) ? &(*found)[name.c_str()] : nullptr;
    from = slash + 1;
  }
  return found;
}

// A string or a number; "" for anything else.
inline std::string text_at(const std::string& json, const std::string& path) {
  rapidjson::Document document;
  document.Parse(json.c_str());
  const rapidjson::Value* value = document.HasParseError() ? nullptr : at(document, path);
  if (value != nullptr && value->IsInt64()) {
    return std::to_string(value->GetInt64());
  }
  return value != nullptr && value->IsString() ? value->GetString() : "";
}

// An error event of the provider, in answer to the client event `event_id`; empty: to none.
inline std::string error_event(const std::string& code, const std::string& message, const std::string& event_id = {}) {
  return fmt::format(
      R"({{"type":"error","event_id":"e","error":{{"type":"invalid_request_error","code":"{}","message":"{}",)"
      R"("param":null,"event_id":{}}}}})",
      code, message, event_id.empty() ? "null" : '"' + event_id + '"');
}

// Hears all up to an event of `type`, which it returns.
inline Task<std::string> hear_until(Connection& connection, std::string type) {
  std::string heard;
  while (text_at(heard, "type") != type) {
    heard = co_await connection.hear();
  }
  co_return heard;
}

// What `connection` heard but for audio.
inline std::vector<std::string> types_received(const Connection& connection) {
  std::vector<std::string> types;
  for (const std::string& event : connection.received) {
    std::string type = text_at(event, "type");
    if (type != "input_audio_buffer.append") {
      types.push_back(std::move(type));
    }
  }
  return types;
}

class OpenAiClientTest : public ScriptedServerTest<OpenAiRealtimeClient, OpenAiRealtimeOptions> {
 protected:
  OpenAiClientTest() : ScriptedServerTest("/v1/realtime", kKey) {}

  void play(Script script, const std::function<Task<>(OpenAiRealtimeClient&)>& use) { run({std::move(script)}, use); }

  // Lets a session begin.
  static Task<> begin(Connection& connection) {
    co_await connection.send_text(kCreated);
    co_await connection.hear();
    co_await connection.send_text(kUpdated);
  }

  // Lets a session begin that ends after `life`.
  Script beginning_for(std::chrono::nanoseconds life) {
    return [this, life](Connection& connection) { return begin_for(connection, life); };
  }
  Task<> begin_for(Connection& connection, std::chrono::nanoseconds life) {
    const auto expires =
        std::chrono::duration_cast<std::chrono::seconds>((loop_.wall_now() + life).time_since_epoch()).count();
    co_await connection.send_text(
        fmt::format(R"({{"type":"session.created","session":{{"type":"realtime","expires_at":{}}}}})", expires));
    co_await connection.hear();
    co_await connection.send_text(kUpdated);
  }

  // Lets a session begin, and closes after `life`.
  static Script closing_after(std::chrono::nanoseconds life, std::uint16_t code, std::string reason,
                              std::string last_event = {}) {
    return [life, code, reason = std::move(reason), last_event = std::move(last_event)](Connection& connection) {
      return close_after(connection, life, code, &reason, &last_event);
    };
  }
  static Task<> close_after(Connection& connection, std::chrono::nanoseconds life, std::uint16_t code,
                            const std::string* reason, const std::string* last_event) {
    co_await begin(connection);
    co_await sleep_for(life);
    if (!last_event->empty()) {
      co_await connection.send_text(*last_event);
    }
    co_await connection.close(code, *reason);
  }

  static Task<std::optional<Error>> stream(OpenAiRealtimeClient& client, int frames) {
    return ScriptedServerTest::stream(client, kFrame, frames);
  }
};

}  // namespace soak::voice

#endif  // SOAK_TESTS_UNIT_VOICE_OPENAI_FIXTURE_H_
