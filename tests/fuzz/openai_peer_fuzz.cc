// SPDX-License-Identifier: Apache-2.0
// Hostile clients of the OpenAI Realtime fake: whatever they say, each message is counted, each answer is an event, and
// nothing is left when they are gone.

#include <rapidjson/document.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hostile_client.h"
#include "script.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/peers/openai_realtime_peer.h"

namespace soak {
namespace {

void expect_event(const net::Message& message) {
  rapidjson::Document event;
  event.Parse(message.data.c_str(), message.data.size());
  fuzz::require(message.is_text(), "what the peer says is text");
  fuzz::require(!event.HasParseError() && event.IsObject(), "what the peer says is a JSON object");
  fuzz::require(event.HasMember("type") && event["type"].IsString(), "an event has a type");
  fuzz::require(event.HasMember("event_id") && event["event_id"].IsString(), "an event has an id");
}

void expect_reason(const net::CloseStatus& status) {
  // 1009 is that of the transport, for a message that is too long; 1007 too, for text that is no UTF-8.
  fuzz::require_reason(status, {1007, 1009, 3000, 4000});
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  std::vector<fuzz::Connection> script = fuzz::script_of({data, size});
  const std::size_t said = fuzz::messages_in(script);
  VirtualLoop loop;
  peers::OpenAiRealtimePeer peer(loop, {.seed = 1});
  net::ConnectOptions options;
  options.headers.add("Authorization", "Bearer sk-fuzz");
  const std::string url = peer.url() + "?model=gpt-realtime";
  loop.run(fuzz::talk_to(loop, peer, url, options, script, &expect_event, &expect_reason));
  const peers::OpenAiRealtimeLedger& ledger = peer.ledger();
  fuzz::require(ledger.sessions_opened == script.size() && ledger.sessions_open == 0, "every session has ended");
  fuzz::require(ledger.events_received <= said, "no message is counted twice");
  fuzz::require(ledger.responses_created == ledger.responses_done, "every response has ended");
  fuzz::require(ledger.tool_calls_answered <= ledger.tool_calls_sent, "no result without a call");
  return 0;
}
