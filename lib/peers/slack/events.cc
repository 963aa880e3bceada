// SPDX-License-Identifier: Apache-2.0
// The Events API: what happens in the workspace goes to the app's request URL (docs.slack.dev/apis/events-api), signed
// (docs.slack.dev/authentication/verifying-requests-from-slack).

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <utility>

#include "lib/json/writer.h"
#include "lib/peers/json_response.h"
#include "lib/peers/slack/service.h"

namespace soak::peers {
namespace {

using std::chrono::seconds;

std::string signature(const std::string& secret, std::int64_t timestamp, const std::string& body) {
  const std::string base = fmt::format("v0:{}:{}", timestamp, body);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(base.data()), base.size(), digest, &size);
  std::string text = "v0=";
  for (unsigned int i = 0; i < size; ++i) {
    text += fmt::format("{:02x}", digest[i]);
  }
  return text;
}

}  // namespace

// Immediately, after a minute, and after five.
DeliveryRetries SlackService::event_retries() {
  return {.waits = {std::chrono::nanoseconds{0}, std::chrono::minutes{1}, std::chrono::minutes{5}},
          .keep_order = false,
          .before_retry = [](net::HttpRequest& request, std::size_t number) {
            request.headers.set("x-slack-retry-num", std::to_string(number));
            request.headers.set("x-slack-retry-reason", "http_error");
          }};
}

void SlackService::send_event(const SlackMessage& message) {
  if (options_.events_url.empty()) {
    return;
  }
  const std::int64_t now = std::chrono::floor<seconds>(loop_.wall_now()).time_since_epoch().count();
  json::Writer json;
  json.object().key("token").text("").key("team_id").text("T00000001").key("api_app_id").text("A00000001");
  json.key("event").object().key("type").text("message").key("channel").text(message.conversation);
  json.key("user").text(message.user).key("text").text(message.text).key("ts").text(message.id);
  json.key("event_ts").text(message.id).key("channel_type");
  json.text(message.conversation.starts_with('D') ? "im" : message.conversation.starts_with('G') ? "mpim" : "channel");
  json.end_object().key("type").text("event_callback").key("event_id").text(ids_.next("Ev"));
  json.key("event_time").integer(now).key("authorizations").array().object().key("enterprise_id").null();
  json.key("team_id").text("T00000001").key("user_id").text("U00000001").key("is_bot").boolean(true);
  json.key("is_enterprise_install").boolean(false).end_object().end_array();
  json.key("is_ext_shared_channel").boolean(false).end_object();
  net::HttpRequest request("POST", options_.events_url, json.take(), json_headers());
  request.headers.add("X-Slack-Request-Timestamp", std::to_string(now));
  request.headers.add("X-Slack-Signature", signature(options_.signing_secret, now, request.body));
  deliveries_.add(std::move(request));
}

}  // namespace soak::peers
