// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_VOICE_OPENAI_FIXTURE_H_
#define SOAK_TESTS_UNIT_VOICE_OPENAI_FIXTURE_H_

// The OpenAI Realtime client against a server that says exactly what a test lets it say: not the fake, which has its
// own idea of the protocol.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/net/websocket_server.h"
#include "soak/task.h"
#include "soak/voice/openai_realtime.h"

namespace soak::voice {

using namespace std::chrono_literals;

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
  if (value != nullptr && value->IsInt64()) return std::to_string(value->GetInt64());
  return value != nullptr && value->IsString() ? value->GetString() : "";
}

// An error event of the provider, in answer to the client event `event_id`; empty: to none.
inline std::string error_event(const std::string& code, const std::string& message, const std::string& event_id = {}) {
  return fmt::format(
      R"({{"type":"error","event_id":"e","error":{{"type":"invalid_request_error","code":"{}","message":"{}",)"
      R"("param":null,"event_id":{}}}}})",
      code, message, event_id.empty() ? "null" : '"' + event_id + '"');
}

// One connection, as the server sees it.
class Connection {
 public:
  Connection(EventLoop& loop, net::AcceptedWebSocket accepted)
      : opened(loop.now()), request(accepted.request), socket_(std::move(accepted.socket)) {}

  Task<> send_text(std::string text) { return socket_->send_text(std::move(text)); }
  Task<> close(std::uint16_t code, std::string reason) { return socket_->close(code, std::move(reason)); }

  // The next event of the client, which is kept as well.
  Task<std::string> hear() {
    net::Message message = co_await socket_->receive();
    received.push_back(message.data);
    co_return message.data;
  }

  // Hears all up to an event of `type`, which it returns.
  Task<std::string> hear_until(std::string type) {
    std::string heard;
    while (text_at(heard, "type") != type) heard = co_await hear();
    co_return heard;
  }

  // What it heard but for audio.
  std::vector<std::string> types_received() const {
    std::vector<std::string> types;
    for (const std::string& event : received) {
      std::string type = text_at(event, "type");
      if (type != "input_audio_buffer.append") types.push_back(std::move(type));
    }
    return types;
  }

  // Drops the connection: the client sees 1006.
  void drop() { socket_.reset(); }
  bool is_dropped() const { return socket_ == nullptr; }

  Instant opened;
  net::HandshakeRequest request;
  std::vector<std::string> received;  // session.update first.
  std::optional<net::CloseStatus> closed;

 private:
  std::unique_ptr<net::WebSocket> socket_;
};

using Script = std::function<Task<>(Connection&)>;

class OpenAiClientTest : public testing::Test {
 protected:
  // Runs `use` on a client whose server plays one of `scripts` on each connection, and the last one on all that follow.
  void run(std::vector<Script> scripts, const std::function<Task<>(OpenAiRealtimeClient&)>& use) {
    scripts_ = std::move(scripts);
    loop_.run(meet(use));
  }

  void play(Script script, const std::function<Task<>(OpenAiRealtimeClient&)>& use) { run({std::move(script)}, use); }

  // What connect() throws.
  Error connect_error(Script script) {
    Error caught(Errc::kSystem, "connect() threw nothing");
    play(std::move(script), [&caught](OpenAiRealtimeClient& client) -> Task<> {
      try {
        co_await client.connect();
      } catch (const Error& error) {
        caught = error;
      }
    });
    return caught;
  }

  Task<> meet(const std::function<Task<>(OpenAiRealtimeClient&)>& use) {
    net::ServerOptions server_options;
    server_options.on_handshake = [this](const net::HandshakeRequest& request) {
      ++handshakes_;
      if (refusals_.empty()) return refusal_ ? *refusal_ : net::accept_any(request);
      net::HandshakeReply reply = refusals_.front();
      refusals_.erase(refusals_.begin());
      return reply;
    };
    net::WebSocketServer server(loop_, server_options);
    options_.url = server.url() + "/v1/realtime";
    options_.api_key = kKey;
    options_.setup_timeout = 5s;
    TaskGroup group(loop_);
    group.start("server", accept(server, group));
    {
      OpenAiRealtimeClient client(loop_, options_);
      Task<> using_it = use(client);
      co_await std::move(using_it);
    }
    co_await sleep_for(1s);  // The server hears of the client's end.
    server.stop();
    group.end_in_place();
  }

  Task<> accept(net::WebSocketServer& server, TaskGroup& group) {
    try {
      while (true) {
        net::AcceptedWebSocket accepted = co_await server.accept();
        const std::size_t number = connections_.size();
        connections_.push_back(std::make_unique<Connection>(loop_, std::move(accepted)));
        group.start({"connection", number}, serve(*connections_.back(), number));
      }
    } catch (const Error&) {
    }
  }

  Task<> serve(Connection& connection, std::size_t number) {
    try {
      Task<> playing = scripts_[std::min(number, scripts_.size() - 1)](connection);
      co_await std::move(playing);
      while (!connection.is_dropped()) co_await connection.hear();
    } catch (const net::ConnectionClosed& closed) {
      connection.closed = closed.status();
    }
  }

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
    if (!last_event->empty()) co_await connection.send_text(*last_event);
    co_await connection.close(code, *reason);
  }

  // Sends frames of 40 ms; returns what was thrown, if anything was.
  static Task<std::optional<Error>> stream(OpenAiRealtimeClient& client, int frames) {
    std::optional<Error> thrown;
    for (int i = 0; i < frames && !thrown; ++i) {
      co_await sleep_for(40ms);
      try {
        co_await client.send_audio(kFrame);
      } catch (const Error& error) {
        thrown = error;
      }
    }
    co_return thrown;
  }

  std::chrono::nanoseconds between(std::size_t first, std::size_t second) const {
    return connections_[second]->opened - connections_[first]->opened;
  }

  VirtualLoop loop_;
  OpenAiRealtimeOptions options_;
  std::vector<Script> scripts_;
  std::optional<net::HandshakeReply> refusal_;  // Of each handshake.
  std::vector<net::HandshakeReply> refusals_;   // Of the next ones.
  int handshakes_ = 0;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace soak::voice

#endif  // SOAK_TESTS_UNIT_VOICE_OPENAI_FIXTURE_H_
