// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_VOICE_GEMINI_FIXTURE_H_
#define SOAK_TESTS_UNIT_VOICE_GEMINI_FIXTURE_H_

// The Gemini Live client against a scripted server.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "soak/error.h"
#include "soak/task.h"
#include "soak/voice/gemini_live.h"
#include "tests/unit/voice/scripted_server.h"

namespace soak::voice {

inline constexpr char kComplete[] = R"({"setupComplete":{}})";
inline constexpr char kKey[] = "a-very-secret-key";
inline constexpr char kTurnComplete[] =
    R"({"serverContent":{"turnComplete":true},"usageMetadata":{"totalTokenCount":3}})";
inline constexpr std::array<std::byte, 1280> kGeminiFrame{};  // 40 ms.

inline std::string handle_update(const std::string& handle) {
  return R"({"sessionResumptionUpdate":{"newHandle":")" + handle + R"(","resumable":true}})";
}

class GeminiLiveClientTest : public ScriptedServerTest<GeminiLiveClient, GeminiLiveOptions> {
 protected:
  GeminiLiveClientTest() : ScriptedServerTest("/ws/live", kKey) {}

  // Hears the setup and says these one after the other, in binary frames as the service does.
  static Script saying(std::vector<std::string> messages) {
    return [messages = std::move(messages)](Connection& connection) { return say(connection, &messages); };
  }
  static Task<> say(Connection& connection, const std::vector<std::string>* messages) {
    co_await connection.hear();
    for (const std::string& message : *messages) {
      co_await connection.send_binary(message);
    }
  }

  // The same, and closes after `life`.
  static Script saying_then_closing(std::vector<std::string> messages, std::chrono::nanoseconds life,
                                    std::uint16_t code, std::string reason) {
    return [messages = std::move(messages), life, code, reason = std::move(reason)](Connection& connection) {
      return say_then_close(connection, &messages, life, code, &reason);
    };
  }
  static Task<> say_then_close(Connection& connection, const std::vector<std::string>* messages,
                               std::chrono::nanoseconds life, std::uint16_t code, const std::string* reason) {
    co_await connection.hear();
    for (const std::string& message : *messages) {
      co_await connection.send_binary(message);
    }
    co_await sleep_for(life);
    co_await connection.close(code, *reason);
  }

  static Task<std::optional<Error>> stream(GeminiLiveClient& client, int frames) {
    return ScriptedServerTest::stream(client, kGeminiFrame, frames);
  }
};

}  // namespace soak::voice

#endif  // SOAK_TESTS_UNIT_VOICE_GEMINI_FIXTURE_H_
