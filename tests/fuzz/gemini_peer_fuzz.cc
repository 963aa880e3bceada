// SPDX-License-Identifier: Apache-2.0
// Hostile clients of the Gemini Live fake: whatever they say, each message is counted, each answer is a message of the
// API, a refusal is a close with a code and a reason, and nothing is left when they are gone.

#include <rapidjson/document.h>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hostile_client.h"
#include "script.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/peers/gemini_live_peer.h"

namespace soak {
namespace {

void expect_message(const net::Message& message) {
  static const std::set<std::string_view> kNames = {
      "setupComplete", "serverContent", "sessionResumptionUpdate", "goAway",
      "usageMetadata", "toolCall",      "toolCallCancellation"};
  rapidjson::Document document;
  document.Parse(message.data.c_str(), message.data.size());
  fuzz::require(!message.is_text(), "what the peer says is binary");
  fuzz::require(!document.HasParseError() && document.IsObject(), "what the peer says is a JSON object");
  fuzz::require(document.MemberCount() > 0, "a message says something");
  for (const auto& member : document.GetObject()) {
    fuzz::require(kNames.contains(member.name.GetString()), "a message says what the API knows");
  }
}

void expect_reason(const net::CloseStatus& status) {
  // 1009 is that of the transport, for a message that is too long.
  fuzz::require_reason(status, {1007, 1008, 1009, 1011});
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  std::vector<fuzz::Connection> script = fuzz::script_of({data, size});
  const std::size_t said = fuzz::messages_in(script);
  VirtualLoop loop;
  peers::GeminiLivePeer peer(loop, {.seed = 1});
  net::ConnectOptions options;
  options.headers.add("x-goog-api-key", "fuzz");
  const std::string url = peer.url();
  loop.run(fuzz::talk_to(loop, peer, url, options, script, &expect_message, &expect_reason));
  const peers::GeminiLiveLedger& ledger = peer.ledger();
  fuzz::require(ledger.sessions_open == 0 && ledger.sessions_opened == ledger.sessions_closed,
                "every session has ended");
  fuzz::require(ledger.sessions_opened + ledger.connections_refused <= script.size(), "no connection is counted twice");
  fuzz::require(ledger.messages_received <= said, "no message is counted twice");
  fuzz::require(ledger.tool_calls_cancelled + ledger.tool_calls_answered <= ledger.tool_calls_sent,
                "a call ends once, after it began");
  fuzz::require(ledger.turns_interrupted <= ledger.turns_completed && ledger.turns_completed <= ledger.turns_started,
                "a turn ends once, after it began");
  return 0;
}
