// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/channel_control.h"

#include <fmt/format.h>

#include <utility>

#include "lib/json/reader.h"
#include "lib/json/writer.h"
#include "lib/peers/json_field.h"
#include "lib/peers/json_response.h"

namespace soak::peers {
namespace {

constexpr std::string_view kExpected =
    R"(expected {"conversation": "...", "text": "..."}, and optionally "from" with the id of a user)";

net::HttpResponse respond(int status, std::string_view member, std::string_view value) {
  json::Writer json;
  json.object().key(member).text(value).end_object();
  return json_response(status, json.take());
}

// A string, or a number as one: a chat's id is either.
std::string text_of(const Field& message, std::string_view name) {
  const std::optional<Field> field = message.find(name);
  if (!field) {
    return {};
  }
  if (field->value().IsInt64()) {
    return std::to_string(field->value().GetInt64());
  }
  return std::string(field->string());
}

}  // namespace

net::HttpResponse answer_control(JsonParser& parser, const net::HttpServerRequest& request,
                                 const std::function<std::string(const IncomingMessage&)>& post) {
  if (request.path != kControlPath || request.method != "POST") {
    return respond(404, "error", fmt::format("{} {}: expected POST {}", request.method, request.path, kControlPath));
  }
  IncomingMessage message;
  try {
    std::string body = request.body;
    const Field object(parser.parse(body), "");
    object.object({"conversation", "text", "from"});
    message = {text_of(object, "conversation"), text_of(object, "text"), text_of(object, "from")};
  } catch (const Refusal& refusal) {
    return respond(400, "error", fmt::format("{} {}", refusal.message, kExpected));
  }
  if (message.conversation.empty() || message.text.empty()) {
    return respond(
        400, "error",
        fmt::format("\"{}\" is missing or empty: {}", message.text.empty() ? "text" : "conversation", kExpected));
  }
  const std::string id = post(message);
  if (id.empty()) {
    return respond(400, "error",
                   fmt::format("\"conversation\" is \"{}\", which does not exist here, or \"from\" is no "
                               "id of a user",
                               excerpt(message.conversation)));
  }
  return respond(200, "id", id);
}

}  // namespace soak::peers
