// SPDX-License-Identifier: Apache-2.0
#include "mesh/edge/chat.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "mesh/json.h"
#include "mesh/json_lookup.h"
#include "soak/error.h"

namespace mesh {

namespace {

constexpr std::string_view kApiMode = "chat_completions";

struct Variable {
  const char* name = nullptr;
  std::string value;
};

// Ours before the original's.
Variable first_set(const std::function<const char*(const char*)>& get, const char* ours, const char* theirs) {
  for (const char* name : {ours, theirs}) {
    const char* value = get(name);
    if (value != nullptr && *value != '\0') {
      return {name, value};
    }
  }
  return {};
}

}  // namespace

ChatOptions chat_options_from(const std::function<const char*(const char*)>& get, ChatOptions defaults) {
  ChatOptions options = std::move(defaults);
  const Variable url = first_set(get, "MESH_LLM_BASE_URL", "SYNTHIEN_WORKLOAD_BASE_URL");
  if (url.name != nullptr) {
    if (!url.value.starts_with("http://") && !url.value.starts_with("https://")) {
      throw soak::Error(soak::Errc::kInvalidArgument,
                        fmt::format("{}: expected an http: or https: URL, got \"{}\"", url.name, url.value));
    }
    options.base_url = url.value;
    while (options.base_url.ends_with('/')) {
      options.base_url.pop_back();
    }
  }
  if (Variable model = first_set(get, "MESH_LLM_MODEL", "SYNTHIEN_WORKLOAD_MODEL"); model.name != nullptr) {
    options.model = std::move(model.value);
  }
  if (Variable key = first_set(get, "MESH_LLM_API_KEY", "SYNTHIEN_WORKLOAD_API_KEY"); key.name != nullptr) {
    options.key = std::move(key.value);
  }
  const Variable mode = first_set(get, "MESH_LLM_API_MODE", "SYNTHIEN_WORKLOAD_API_MODE");
  if (mode.name != nullptr && mode.value != kApiMode) {
    throw soak::Error(soak::Errc::kInvalidArgument,
                      fmt::format("{}: expected {}, got \"{}\"", mode.name, kApiMode, mode.value));
  }
  const char* enabled = get("ENABLE_LLM_TASKS");
  if (enabled != nullptr && *enabled != '\0') {
    const std::string_view value = enabled;
    if (value != "0" && value != "1") {
      throw soak::Error(soak::Errc::kInvalidArgument,
                        fmt::format("ENABLE_LLM_TASKS: expected 0 or 1, got \"{}\"", value));
    }
    if (value == "0") {
      options.base_url.clear();
    }
  }
  return options;
}

Chat::Chat(soak::EventLoop& loop, ChatOptions options) : options_(std::move(options)), client_(loop) {}

soak::Task<std::string> Chat::complete(std::string prompt) {
  if (!enabled()) {
    co_return fmt::format("Source: task:local\nObservation: {}", prompt);
  }
  JsonText message;
  message.text("role", "user").text("content", prompt);
  JsonText prompt_body;
  prompt_body.text("model", options_.model).raw("messages", json_array({message.object()}));
  soak::net::HttpRequest request("POST", options_.base_url + "/chat/completions");
  request.body = prompt_body.object();
  request.headers.add("Content-Type", "application/json");
  if (!options_.key.empty()) {
    request.headers.add("Authorization", "Bearer " + options_.key);
  }
  soak::Task<soak::net::HttpResponse> sending = client_.send(std::move(request));
  const soak::net::HttpResponse response = co_await std::move(sending);
  if (response.status == 401 || response.status == 403) {
    throw soak::Error(soak::Errc::kAuthentication,
                      fmt::format("chat: the endpoint refuses the key, with status {}", response.status));
  }
  if (response.status / 100 != 2) {
    throw soak::Error(soak::Errc::kRejected, fmt::format("chat: the endpoint replied with status {}", response.status));
  }
  const rapidjson::Document body = parse_json(response.body);
  const rapidjson::Value::ConstArray choices = list_of(body, "choices");
  if (choices.Empty()) {
    throw soak::Error(soak::Errc::kProtocol, "chat: expected a response with \"choices\"");
  }
  const rapidjson::Value* answer = member_of(choices[0], "message");
  const rapidjson::Value* content = answer == nullptr ? nullptr : member_of(*answer, "content");
  if (content == nullptr || !content->IsString()) {
    throw soak::Error(soak::Errc::kProtocol, "chat: expected a choice with a \"message\" that has a \"content\"");
  }
  co_return std::string(content->GetString(), content->GetStringLength());
}

}  // namespace mesh
