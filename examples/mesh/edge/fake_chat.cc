// SPDX-License-Identifier: Apache-2.0
#include "mesh/edge/fake_chat.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "mesh/json.h"
#include "mesh/json_lookup.h"

namespace mesh {

namespace {

soak::net::HttpReply error_reply(int status, std::string_view message) {
  JsonText error;
  error.text("message", message).text("type", "invalid_request_error");
  JsonText body;
  body.raw("error", error.object());
  return soak::net::HttpReply(status, body.object(), {{"Content-Type", "application/json"}});
}

soak::net::HttpServerOptions listen_on(std::uint16_t port) {
  soak::net::HttpServerOptions options;
  options.port = port;
  return options;
}

}  // namespace

FakeChat::FakeChat(soak::EventLoop& loop, FakeChatOptions options)
    : options_(std::move(options)),
      server_(
          loop, [this](soak::net::HttpServerRequest request) { return answer(std::move(request)); },
          listen_on(options_.port)) {}

soak::Task<soak::net::HttpReply> FakeChat::answer(soak::net::HttpServerRequest request) {
  if (request.path != "/v1/chat/completions") {
    co_return error_reply(404, "expected POST /v1/chat/completions");
  }
  if (request.method != "POST") {
    co_return error_reply(405, "expected POST");
  }
  if (!options_.key.empty() && request.headers.get("Authorization") != "Bearer " + options_.key) {
    co_return error_reply(401, "Incorrect API key provided");
  }
  const rapidjson::Document body = parse_json(request.body);
  const rapidjson::Value::ConstArray messages = list_of(body, "messages");
  const std::string model = text_of(body, "model");
  if (messages.Empty() || model.empty()) {
    co_return error_reply(400, "expected a model, and messages, a list with at least one entry");
  }
  const std::string prompt = text_of(messages[messages.Size() - 1], "content");
  co_await soak::sleep_for(options_.delay);
  ++completions_;
  const std::string content = fmt::format("Source: url:https://example.org/{}\nObservation: {}", prompt.size(), prompt);
  JsonText message;
  message.text("role", "assistant").text("content", content);
  JsonText choice;
  choice.integer("index", 0).raw("message", message.object()).text("finish_reason", "stop");
  JsonText reply;
  reply.text("id", fmt::format("chatcmpl-{}", completions_)).text("object", "chat.completion").text("model", model);
  reply.raw("choices", json_array({choice.object()}));
  const soak::net::Headers headers = {{"Content-Type", "application/json"}};
  co_return soak::net::HttpReply(200, reply.object(), headers);
}

}  // namespace mesh
