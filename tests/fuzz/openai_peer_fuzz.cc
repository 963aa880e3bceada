// SPDX-License-Identifier: Apache-2.0
// Hostile clients of the OpenAI Realtime fake: whatever they say, each message is counted, each answer is an event, and
// nothing is left when they are gone.

#include <rapidjson/document.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messages.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak {
namespace {

using namespace std::chrono_literals;

void expect_event(const std::string& text) {
  rapidjson::Document event;
  event.Parse(text.c_str(), text.size());
  fuzz::require(!event.HasParseError() && event.IsObject(), "what the peer says is a JSON object");
  fuzz::require(event.HasMember("type") && event["type"].IsString(), "an event has a type");
  fuzz::require(event.HasMember("event_id") && event["event_id"].IsString(), "an event has an id");
}

Task<> hear(net::WebSocket& socket) {
  try {
    while (true) {
      const net::Message message = co_await socket.receive();
      expect_event(message.data);
    }
  } catch (const net::ConnectionClosed&) {
  }
}

Task<> talk(EventLoop& loop, peers::OpenAiRealtimePeer& peer, std::vector<net::Message>& messages) {
  net::ConnectOptions options;
  options.headers.add("Authorization", "Bearer sk-fuzz");
  const std::string url = peer.url() + "?model=gpt-realtime";
  const std::unique_ptr<net::WebSocket> socket = co_await net::connect_websocket(loop, url, options);
  TaskGroup group(loop);
  group.start("hear", hear(*socket));
  try {
    for (net::Message& message : messages) {
      co_await socket->send(std::move(message));
    }
  } catch (const Error&) {
  }
  co_await sleep_for(30s);  // Until what it answers has been said.
  co_await socket->close();
  (void)co_await drain(group);
  co_await peer.close();
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  std::vector<net::Message> messages = fuzz::messages_of({data, size});
  const std::size_t said = messages.size();
  VirtualLoop loop;
  peers::OpenAiRealtimePeer peer(loop, {.seed = 1});
  loop.run(talk(loop, peer, messages));
  fuzz::require(peer.ledger().sessions_opened == 1 && peer.ledger().sessions_open == 0, "the session has ended");
  fuzz::require(peer.ledger().events_received <= said, "no message is counted twice");
  fuzz::require(peer.ledger().responses_created == peer.ledger().responses_done, "every response has ended");
  return 0;
}
