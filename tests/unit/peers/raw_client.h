// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_PEERS_RAW_CLIENT_H_
#define SOAK_TESTS_UNIT_PEERS_RAW_CLIENT_H_

// A client that says exactly what a test tells it to, so that the fakes are tested against the wire and nothing else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/net/websocket_client.h"
#include "soak/task.h"

namespace soak::peers {

using namespace std::chrono_literals;

// One server event, or the end of the connection.
class Heard {
 public:
  Heard() = default;
  explicit Heard(std::string text) : text_(std::move(text)) { json_.Parse(text_.c_str()); }
  explicit Heard(net::CloseStatus status) : status_(std::move(status)) {}

  const std::string& text() const { return text_; }
  const net::CloseStatus& status() const { return status_; }
  std::string type() const { return text_.empty() ? "(end)" : get("type"); }

  // What stands at a place such as "session.audio.input", as JSON; a string without its quotes. "(absent)" if nothing.
  std::string get(std::string_view place) const {
    std::string pointer;
    for (const char character : "." + std::string(place)) {
      pointer += character == '.' ? '/' : character;
    }
    const rapidjson::Value* const value = rapidjson::Pointer(pointer.c_str()).Get(json_);
    if (value == nullptr) {
      return "(absent)";
    }
    if (value->IsString()) {
      return {value->GetString(), value->GetStringLength()};
    }
    rapidjson::StringBuffer buffer;
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    value->Accept(writer);
    return buffer.GetString();
  }

 private:
  std::string text_;
  net::CloseStatus status_;
  rapidjson::Document json_;
};

class RawClient {
 public:
  explicit RawClient(std::unique_ptr<net::WebSocket> socket) : socket_(std::move(socket)) {}

  Task<> say(std::string json) { return socket_->send_text(std::move(json)); }

  Task<Heard> hear() {
    try {
      net::Message message = co_await socket_->receive();
      co_return Heard(std::move(message.data));
    } catch (const net::ConnectionClosed& closed) {
      co_return Heard(closed.status());
    }
  }

  Task<Heard> ask(std::string json) {
    co_await say(std::move(json));
    co_return co_await hear();
  }

  // Everything up to the first event of `type`, that one too.
  Task<std::vector<Heard>> hear_until(std::string type) {
    std::vector<Heard> events;
    do {
      events.push_back(co_await hear());
    } while (events.back().type() != type && events.back().type() != "(end)");
    co_return events;
  }

  net::WebSocket& socket() { return *socket_; }

 private:
  std::unique_ptr<net::WebSocket> socket_;
};

inline std::vector<std::string> types_of(const std::vector<Heard>& events) {
  std::vector<std::string> types;
  for (const Heard& event : events) {
    types.push_back(event.type());
  }
  return types;
}

// Opens `url` with an Authorization header, unless `key` is empty, and hears nothing yet.
inline Task<RawClient> dial(EventLoop& loop, std::string url, std::string key = "sk-test",
                            std::vector<std::string> subprotocols = {}, net::Headers headers = {}) {
  net::ConnectOptions options;
  options.headers = std::move(headers);
  if (!key.empty()) {
    options.headers.add("Authorization", "Bearer " + key);
  }
  options.subprotocols = std::move(subprotocols);
  std::unique_ptr<net::WebSocket> socket = co_await net::connect_websocket(loop, url, options);
  co_return RawClient(std::move(socket));
}

// Three sessions, by `test.enter(peer)`: one is closed, one is lost, one stays open.
template <typename Test, typename Peer>
Task<> expect_sessions_told_apart(Test& test, Peer& peer) {
  RawClient closed = co_await test.enter(peer);
  std::optional<RawClient> dropped = co_await test.enter(peer);
  const RawClient open = co_await test.enter(peer);
  EXPECT_EQ(peer.ledger().sessions_open, 3u);

  co_await closed.socket().close();
  dropped.reset();
  co_await sleep_for(1s);

  EXPECT_EQ(peer.ledger().sessions_opened, 3u);
  EXPECT_EQ(peer.ledger().sessions_open, 1u);
  EXPECT_EQ(peer.ledger().sessions_closed, 2u);
  EXPECT_EQ(peer.ledger().sessions_lost, 1u);
}

// What a fake answers to JSON that is posted to `url`.
struct Posted {
  int status = 0;
  Heard body;
};

inline Posted post(VirtualLoop& loop, std::string url, std::string body, net::Headers headers) {
  return loop.run([](EventLoop& own_loop, net::HttpRequest request) -> Task<Posted> {
    net::HttpClient client(own_loop);
    const net::HttpResponse response = co_await client.send(std::move(request));
    Posted posted;
    posted.status = response.status;
    posted.body = Heard(response.body);
    co_return posted;
  }(loop, net::HttpRequest("POST", std::move(url), std::move(body), std::move(headers))));
}

}  // namespace soak::peers

#endif  // SOAK_TESTS_UNIT_PEERS_RAW_CLIENT_H_
