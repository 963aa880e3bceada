// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_PEERS_GEMINI_FIXTURE_H_
#define SOAK_TESTS_UNIT_PEERS_GEMINI_FIXTURE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/text/base64.h"
#include "soak/peers/gemini_live_peer.h"
#include "tests/unit/peers/raw_client.h"

namespace soak::peers {

// {"setup":{"model":"models/gemini-live", <more>}}
inline std::string setup_message(const std::string& more = {}) {
  return R"({"setup":{"model":"models/gemini-live")" + (more.empty() ? "" : "," + more) + "}}";
}

inline const char kByHand[] = R"("realtimeInputConfig":{"automaticActivityDetection":{"disabled":true}})";
inline const char kResumable[] = R"("sessionResumption":{})";
inline std::string resuming(const std::string& handle) {
  return R"("sessionResumption":{"handle":")" + handle + R"("})";
}

inline std::string audio_message(std::size_t bytes, const std::string& mime_type = "audio/pcm;rate=16000") {
  std::string message = R"({"realtimeInput":{"audio":{"mimeType":")" + mime_type + R"(","data":")";
  text::append_base64(message, std::vector<std::byte>(bytes, std::byte{1}));
  return message + R"("}}})";
}

inline const char kStart[] = R"({"realtimeInput":{"activityStart":{}}})";
inline const char kEnd[] = R"({"realtimeInput":{"activityEnd":{}}})";
inline const char kAsk[] =
    R"({"clientContent":{"turns":[{"role":"user","parts":[{"text":"Hello?"}]}],"turnComplete":true}})";

// What a message is about: "setupComplete", "goAway", "turnComplete", "audio"; "(end)" for the end of the connection.
inline std::string about(const Heard& heard) {
  if (heard.text().empty()) {
    return "(end)";
  }
  for (const char* const name : {"setupComplete", "goAway", "sessionResumptionUpdate"}) {
    if (heard.get(name) != "(absent)") {
      return name;
    }
  }
  for (const char* const name :
       {"turnComplete", "interrupted", "generationComplete", "inputTranscription", "outputTranscription"}) {
    if (heard.get(std::string("serverContent.") + name) != "(absent)") {
      return name;
    }
  }
  const std::string part = "serverContent.modelTurn.parts.0.";
  if (heard.get(part + "inlineData") != "(absent)") {
    return "audio";
  }
  return heard.get(part + "text") != "(absent)" ? "text" : "something else";
}

inline std::vector<std::string> about(const std::vector<Heard>& messages) {
  std::vector<std::string> names;
  for (const Heard& message : messages) {
    names.push_back(about(message));
  }
  return names;
}

// Everything up to the first message about `name`, that one too.
inline Task<std::vector<Heard>> hear_until(RawClient& client, std::string name) {
  std::vector<Heard> messages;
  do {
    messages.push_back(co_await client.hear());
  } while (about(messages.back()) != name && about(messages.back()) != "(end)");
  co_return messages;
}

// Opens `url` with a key as the Python SDK sends it, unless it is empty, and says nothing yet.
inline Task<RawClient> dial_gemini(EventLoop& loop, std::string url, std::string key = "key") {
  net::ConnectOptions options;
  if (!key.empty()) {
    options.headers.add("x-goog-api-key", key);
  }
  std::unique_ptr<net::WebSocket> socket = co_await net::connect_websocket(loop, url, options);
  co_return RawClient(std::move(socket));
}

class GeminiTest : public testing::Test {
 public:
  VirtualLoop loop_;

  // A session, setupComplete heard; and its first handle, if the setup asks for handles.
  Task<RawClient> enter(GeminiLivePeer& peer, std::string more = {}, std::string* handle = nullptr) {
    RawClient client = co_await dial_gemini(loop_, peer.url());
    std::string setup = setup_message(more);
    const Heard complete = co_await client.ask(std::move(setup));
    EXPECT_EQ(about(complete), "setupComplete") << complete.text() << complete.status().reason;
    if (handle != nullptr) {
      const Heard update = co_await client.hear();
      *handle = update.get("sessionResumptionUpdate.newHandle");
    }
    co_return client;
  }

  // Says each of `messages` on one connection, and returns how it ends; empty if it does not within a minute.
  net::CloseStatus end_after(std::vector<std::string> messages, GeminiLivePeerOptions options = {}) {
    GeminiLivePeer peer(loop_, std::move(options));
    const net::CloseStatus status = loop_.run(
        [](GeminiTest& test, GeminiLivePeer& own, std::vector<std::string>& sayings) -> Task<net::CloseStatus> {
          RawClient client = co_await dial_gemini(test.loop_, own.url());
          for (const std::string& saying : sayings) {
            co_await client.say(saying);
          }
          co_await sleep_for(60s);
          net::CloseStatus none(0, {}, net::CloseStatus::By::kLost);
          co_return client.socket().close_status().value_or(none);
        }(*this, peer, messages));
    last_refusal_ = peer.ledger().last_refusal;
    return status;
  }

  std::string last_refusal_;
};

}  // namespace soak::peers

#endif  // SOAK_TESTS_UNIT_PEERS_GEMINI_FIXTURE_H_
