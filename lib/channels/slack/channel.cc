// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/slack.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/channels/edge.h"
#include "lib/channels/seconds.h"
#include "lib/channels/sender.h"
#include "lib/channels/service.h"
#include "lib/channels/slack/errors.h"
#include "lib/json/reader.h"
#include "lib/json/writer.h"
#include "lib/text/ascii.h"
#include "lib/text/percent.h"
#include "soak/detail/secrets.h"
#include "soak/error.h"
#include "soak/log.h"
#include "soak/net/http_client.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;

constexpr Pace kChannelPace{1050ms, 1};
constexpr Pace kOverallPace{100ms, 5};  // The cap of a workspace is not published; several hundred a minute were seen.

class SlackService final : public Service {
 public:
  explicit SlackService(std::string url) : url_(std::move(url)) {}

  std::string_view name() const override { return "slack"; }

  std::string refuse(const Outgoing& message) const override {
    if (std::string wrong = refuse_text(message.text, SlackChannel::kTextMax); !wrong.empty()) {
      return wrong;
    }
    return refuse_conversation(message.conversation);
  }

  std::string refuse_conversation(std::string_view channel) const override {
    const bool has_gap =
        std::any_of(channel.begin(), channel.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
    return channel.empty() || has_gap ? "no channel, such as C0123456789" : "";
  }

  net::HttpRequest request(const Outgoing& message, const std::string& token) const override {
    json::Writer json;
    json.object().key("channel").text(message.conversation).key("text").text(message.text).end_object();
    net::Headers headers;
    headers.add("Content-Type", "application/json; charset=utf-8");  // Without the charset Slack warns.
    headers.add("Authorization", "Bearer " + token);
    return {"POST", url_ + "/chat.postMessage", json.take(), std::move(headers)};
  }

  Answer read(const net::HttpResponse& response) const override {
    const json::Document body(response.body);
    if (json::member(body.value(), "ok") == nullptr) {
      return edge_answer(response);
    }
    const std::string_view error = json::text_member(body.value(), "error");
    Answer answer;
    if (response.status == 429) {
      answer.meaning = Meaning::kWait;
      answer.rate_limited = true;
    } else if (response.status == 200 && json::flag_member(body.value(), "ok")) {
      answer.meaning = Meaning::kDelivered;
      answer.id = json::text_member(body.value(), "ts");
      answer.conversation = json::text_member(body.value(), "channel");
    } else if (response.status == 200 && !error.empty()) {
      answer.meaning = slack_meaning(error);
      answer.auth_failure = answer.meaning == Meaning::kCredentialRefused;
      answer.refusal_is_certain = error == "token_expired";
      answer.rate_limited = answer.meaning == Meaning::kWait;
      answer.reach = error == "message_limit_exceeded" ? Reach::kAll : Reach::kConversation;  // The workspace's limit.
    } else if (response.status >= 400 && response.status < 500) {
      answer.meaning = Meaning::kRejected;
      answer.auth_failure = response.status == 401 || response.status == 403;
    }
    if (answer.meaning != Meaning::kDelivered) {
      answer.why = fmt::format("{} {}", response.status, error);
    }
    return answer;
  }

  // "general", "#general", or the id of a user, whose direct messages are a channel.
  bool is_name(std::string_view channel) const override {
    const bool is_id =
        std::all_of(channel.begin(), channel.end(), [](char c) { return text::is_upper(c) || text::is_digit(c); });
    return !is_id || channel.starts_with('U') || channel.starts_with('W');
  }

  Pace conversation_pace(std::string_view) const override { return kChannelPace; }
  Pace overall_pace() const override { return kOverallPace; }

 private:
  std::string url_;
};

}  // namespace

// The refresh token, and the call that spends it for the next pair. A failure leaves it as it is: whether it was spent
// is not known, and the provider will say.
class SlackChannel::Rotation {
 public:
  Rotation(EventLoop& loop, const SlackOptions& options)
      : loop_(loop), options_(options), http_(loop, http_options(options)) {
    text::keep_secret(options.client_secret);
    text::keep_secret(options.refresh_token);
  }

  Task<Replacement> refresh() {
    net::HttpRequest request(
        "POST", options_.url + "/oauth.v2.access",
        fmt::format("client_id={}&client_secret={}&grant_type=refresh_token&refresh_token={}",
                    text::percent_encode(options_.client_id), text::percent_encode(options_.client_secret),
                    text::percent_encode(options_.refresh_token)));
    request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    Replacement next;
    try {
      const net::HttpResponse response = co_await http_.send(std::move(request));
      read(response, next);
    } catch (const Error& error) {
      next.why = fmt::format("oauth.v2.access: {}", error.what());
    }
    if (!next.secret.empty() && options_.on_refresh) {
      keep_pair(next.secret);
    }
    co_return next;
  }

 private:
  static net::HttpClientOptions http_options(const SlackOptions& options) {
    net::HttpClientOptions http;
    http.timeout = options.delivery.http_timeout;
    http.ca_file = options.delivery.ca_file;
    return http;
  }

  void read(const net::HttpResponse& response, Replacement& next) {
    const json::Document body(response.body);
    const std::string_view error = json::text_member(body.value(), "error");
    if (response.status == 200 && json::flag_member(body.value(), "ok")) {
      next.secret = json::text_member(body.value(), "access_token");
      if (const std::string_view refresh = json::text_member(body.value(), "refresh_token"); !refresh.empty()) {
        options_.refresh_token = refresh;
        text::keep_secret(options_.refresh_token);
      }
      next.why = "oauth.v2.access: 200 without an access_token";
      return;
    }
    next.why = fmt::format("oauth.v2.access: {} {}", response.status, error.empty() ? kNotTheProviders : error);
    next.wait = retry_after(response);
    const Meaning meaning = slack_meaning(error);
    next.refused =
        response.status == 200 && !error.empty() && meaning != Meaning::kWait && meaning != Meaning::kUnknown;
  }

  // The old pair is spent, so this one is used even where it could not be stored.
  void keep_pair(const std::string& token) {
    try {
      options_.on_refresh(token, options_.refresh_token);
    } catch (...) {
      const std::string message = "on_refresh threw: " + detail::what_of(std::current_exception());
      log({.level = LogLevel::kError, .at = loop_.now(), .source = "slack", .label = "token", .message = message});
    }
  }

  EventLoop& loop_;
  SlackOptions options_;
  net::HttpClient http_;
};

SlackChannel::SlackChannel(EventLoop& loop, const SlackOptions& options)
    : SlackChannel(loop, options, options.refresh_token.empty() ? nullptr : std::make_shared<Rotation>(loop, options)) {
}

SlackChannel::SlackChannel(EventLoop& loop, const SlackOptions& options, std::shared_ptr<Rotation> rotation)
    : PacedChannel([&] {
        SenderOptions sender(options.delivery, options.url, options.token);
        if (rotation != nullptr) {
          sender.replace = [rotation] { return rotation->refresh(); };
        }
        return std::make_unique<Sender>(loop, std::make_unique<SlackService>(options.url), sender);
      }()) {}

}  // namespace soak::channels
