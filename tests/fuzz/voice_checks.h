// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_FUZZ_VOICE_CHECKS_H_
#define SOAK_TESTS_FUZZ_VOICE_CHECKS_H_

// How a hostile client reaches a fake, and what it requires of its answers and its ledger. A fake without a
// specialization of its own gets what holds for every fake.

#include <rapidjson/document.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <string_view>

#include "require.h"
#include "soak/net/websocket.h"
#include "soak/peers/gemini_live_peer.h"
#include "soak/peers/openai_realtime_peer.h"

namespace soak::fuzz {

inline rapidjson::Document object_of(const net::Message& message) {
  rapidjson::Document document;
  document.Parse(message.data.c_str(), message.data.size());
  require(!document.HasParseError() && document.IsObject(), "what the peer says is a JSON object");
  return document;
}

template <typename Fake>
struct VoiceChecks {
  static constexpr const char* kKeyHeader = "Authorization";
  static constexpr const char* kKey = "Bearer fuzz";
  static constexpr const char* kQuery = "";
  static constexpr std::initializer_list<std::uint16_t> kCloseCodes = {1002, 1003, 1007, 1008, 1009, 1011};

  static void expect_message(const net::Message&) {}

  template <typename Ledger>
  static void expect_sound(const Ledger&, std::size_t /*connections*/, std::size_t /*said*/) {}
};

template <>
struct VoiceChecks<peers::OpenAiRealtimePeer> {
  static constexpr const char* kKeyHeader = "Authorization";
  static constexpr const char* kKey = "Bearer sk-fuzz";
  static constexpr const char* kQuery = "?model=gpt-realtime";
  // 1009 is that of the transport, for a message that is too long; 1007 too, for text that is no UTF-8.
  static constexpr std::initializer_list<std::uint16_t> kCloseCodes = {1007, 1009, 3000, 4000};

  static void expect_message(const net::Message& message) {
    require(message.is_text(), "what the peer says is text");
    const rapidjson::Document event = object_of(message);
    require(event.HasMember("type") && event["type"].IsString(), "an event has a type");
    require(event.HasMember("event_id") && event["event_id"].IsString(), "an event has an id");
  }

  static void expect_sound(const peers::OpenAiRealtimeLedger& ledger, std::size_t connections, std::size_t said) {
    require(ledger.sessions_opened == connections, "every connection got a session");
    require(ledger.events_received <= said, "no message is counted twice");
    require(ledger.responses_created == ledger.responses_done, "every response has ended");
    require(ledger.tool_calls_answered <= ledger.tool_calls_sent, "no result without a call");
  }
};

template <>
struct VoiceChecks<peers::GeminiLivePeer> {
  static constexpr const char* kKeyHeader = "x-goog-api-key";
  static constexpr const char* kKey = "fuzz";
  static constexpr const char* kQuery = "";
  // 1009 is that of the transport, for a message that is too long.
  static constexpr std::initializer_list<std::uint16_t> kCloseCodes = {1007, 1008, 1009, 1011};

  static void expect_message(const net::Message& message) {
    static const std::set<std::string_view> kNames = {
        "setupComplete", "serverContent", "sessionResumptionUpdate", "goAway",
        "usageMetadata", "toolCall",      "toolCallCancellation"};
    require(!message.is_text(), "what the peer says is binary");
    const rapidjson::Document document = object_of(message);
    require(document.MemberCount() > 0, "a message says something");
    for (const auto& member : document.GetObject()) {
      require(kNames.contains(member.name.GetString()), "a message says what the API knows");
    }
  }

  static void expect_sound(const peers::GeminiLiveLedger& ledger, std::size_t connections, std::size_t said) {
    require(ledger.sessions_opened + ledger.connections_refused <= connections, "no connection is counted twice");
    require(ledger.messages_received <= said, "no message is counted twice");
    require(ledger.tool_calls_cancelled + ledger.tool_calls_answered <= ledger.tool_calls_sent,
            "a call ends once, after it began");
    require(ledger.turns_interrupted <= ledger.turns_completed && ledger.turns_completed <= ledger.turns_started,
            "a turn ends once, after it began");
  }
};

}  // namespace soak::fuzz

#endif  // SOAK_TESTS_FUZZ_VOICE_CHECKS_H_
