// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/discord.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lib/channels/edge.h"
#include "lib/channels/seconds.h"
#include "lib/channels/sender.h"
#include "lib/channels/service.h"
#include "lib/json/reader.h"
#include "lib/json/writer.h"
#include "lib/text/ascii.h"
#include "soak/error.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;

constexpr Pace kChannelPace{2200ms, 2};  // At most 29 in any minute.
constexpr Pace kOverallPace{22ms, 1};    // 45 of 50 a second.
constexpr char kUserAgent[] = "DiscordBot (soak, 0.1)";

constexpr std::int64_t kUnknownWebhook = 10015;
constexpr std::int64_t kUnknownChannel = 10003;
constexpr std::int64_t kInvalidWebhookToken = 50027;
constexpr std::int64_t kInternalNetworkError = 40333;

net::Headers json_headers() {
  net::Headers headers;
  headers.add("Content-Type", "application/json");
  headers.add("User-Agent", kUserAgent);  // Without one of this form the edge sends the request away.
  return headers;
}

// The waits and the limits that all of Discord's answers have in common.
class DiscordService : public Service {
 public:
  explicit DiscordService(std::string url) : url_(std::move(url)) {}

  std::string_view name() const override { return "discord"; }

  std::string refuse(const Outgoing& message) const override {
    if (std::string wrong = refuse_text(message.text, DiscordBotChannel::kTextMax); !wrong.empty()) {
      return wrong;
    }
    return refuse_conversation(message.conversation);
  }

  Answer read(const net::HttpResponse& response) const override {
    const json::Document body(response.body);
    Answer answer = is_own(response, body) ? read_own(response, body) : read_edge(response, body);
    answer.counts_as_invalid =
        response.status == 401 || response.status == 403 || (response.status == 429 && !is_shared(response));
    if (response.headers.get("X-RateLimit-Remaining") == "0") {
      // Its own clock may be wrong by minutes, so not X-RateLimit-Reset.
      answer.pause = parse_wait(response.headers.get("X-RateLimit-Reset-After")).value_or(0ns);
    }
    return answer;
  }

  Pace conversation_pace(std::string_view) const override { return kChannelPace; }
  Pace overall_pace() const override { return kOverallPace; }

 protected:
  const std::string& url() const { return url_; }

 private:
  virtual Meaning read_refusal(int status, std::int64_t code) const = 0;

  // The edge has answers in JSON, too: a 429 whose message is "You are being blocked from accessing our API temporarily
  // ...", without a word on any limit (github.com/CSSS/wall_e/issues/2319), and a 403 "internal network error" with
  // code 40333.
  static bool is_own(const net::HttpResponse& response, const json::Document& body) {
    if (!body.is_object()) {
      return response.status == 204;
    }
    const std::optional<std::int64_t> code = json::integer_member(body.value(), "code");
    if (response.status == 429) {
      const bool blocked = json::text_member(body.value(), "message").starts_with("You are being blocked");
      return !blocked && (json::member(body.value(), "retry_after") != nullptr || says_limit(response));
    }
    if (response.status >= 400 && response.status < 500) {
      return code.has_value() && *code != kInternalNetworkError;  // Each of Discord's own errors has one.
    }
    return true;
  }

  static bool says_limit(const net::HttpResponse& response) {
    return std::any_of(response.headers.begin(), response.headers.end(), [](const auto& field) {
      return text::to_lower(field.first).starts_with("x-ratelimit-") ||
             text::equal_ignoring_case(field.first, "Retry-After");
    });
  }

  static Answer read_edge(const net::HttpResponse& response, const json::Document& body) {
    Answer answer = edge_answer(response);
    if (const std::string_view message = json::text_member(body.value(), "message"); !message.empty()) {
      answer.why = fmt::format("{} {}", response.status, message);
    }
    if ((response.status == 403 || response.status == 429) && !answer.wait) {
      answer.wait = kBlockedFor;
    }
    return answer;
  }

  Answer read_own(const net::HttpResponse& response, const json::Document& body) const {
    Answer answer;
    if (response.status == 200) {
      answer.meaning = Meaning::kDelivered;
      answer.id = json::text_member(body.value(), "id");
    } else if (response.status == 204) {
      answer.meaning = Meaning::kDelivered;  // Accepted; whether it is saved is not said.
    } else if (response.status == 429) {
      answer.rate_limited = true;
      read_wait(response, body, answer);
    } else if (response.status >= 400 && response.status < 500) {
      answer.meaning = read_refusal(response.status, json::integer_member(body.value(), "code").value_or(0));
      answer.auth_failure = response.status == 401 || response.status == 403;
    }
    if (answer.meaning != Meaning::kDelivered) {
      answer.why = fmt::format("{} {}", response.status, json::text_member(body.value(), "message"));
    }
    return answer;
  }

  // The body has the fraction that the header rounds up.
  static void read_wait(const net::HttpResponse& response, const json::Document& body, Answer& answer) {
    answer.meaning = Meaning::kWait;
    answer.wait = wait_member(body.value(), "retry_after");
    const bool global = json::flag_member(body.value(), "global") || response.headers.contains("X-RateLimit-Global");
    answer.reach = global ? Reach::kAll : Reach::kConversation;
  }

  // A limit that is shared with other users of the resource is not held against this one.
  static bool is_shared(const net::HttpResponse& response) {
    return response.headers.get("X-RateLimit-Scope") == "shared";
  }

  std::string url_;
};

class WebhookService final : public DiscordService {
 public:
  WebhookService(std::string url, bool wait) : DiscordService(std::move(url)), wait_(wait) {}

  std::string_view credential_name() const override { return "webhook"; }

  // Discord counts by the webhook, whatever thread it writes to (topics/rate-limits: webhook_id and webhook_token).
  std::string limit_of(std::string_view /*thread*/) const override { return {}; }

  net::HttpRequest request(const Outgoing& message, const std::string& webhook) const override {
    json::Writer json;
    json.object().key("content").text(message.text).end_object();
    std::string url = fmt::format("{}/webhooks/{}?wait={}", this->url(), webhook, wait_);
    if (!message.conversation.empty()) {
      url += "&thread_id=" + message.conversation;
    }
    return {"POST", std::move(url), json.take(), json_headers()};
  }

  std::string refuse_conversation(std::string_view conversation) const override {
    return conversation.find_first_not_of("0123456789") == std::string_view::npos ? ""
                                                                                  : "a thread id that is not a number";
  }

 private:
  Meaning read_refusal(int status, std::int64_t code) const override {
    if (code == kUnknownWebhook || code == kInvalidWebhookToken || status == 401) {
      return Meaning::kCredentialRefused;
    }
    return code == kUnknownChannel || status == 403 ? Meaning::kConversationGone : Meaning::kRejected;
  }

  bool wait_;
};

class BotService final : public DiscordService {
 public:
  BotService(std::string url, nanoseconds nonce_time) : DiscordService(std::move(url)), nonce_time_(nonce_time) {}

  net::HttpRequest request(const Outgoing& message, const std::string& token) const override {
    json::Writer json;
    json.object().key("content").text(message.text).key("nonce").text(message.nonce);
    json.key("enforce_nonce").boolean(true).end_object();
    net::Headers headers = json_headers();
    headers.add("Authorization", "Bot " + token);
    return {"POST", fmt::format("{}/channels/{}/messages", url(), message.conversation), json.take(),
            std::move(headers)};
  }

  nanoseconds nonce_time() const override { return nonce_time_; }

  std::string refuse_conversation(std::string_view conversation) const override {
    return !conversation.empty() && conversation.find_first_not_of("0123456789") == std::string_view::npos
               ? ""
               : "a channel id that is not a number";
  }

 private:
  // A 401 about a webhook's token says nothing of the bot's (github.com/discordjs/discord.js/issues/10798).
  Meaning read_refusal(int status, std::int64_t code) const override {
    if (status == 401) {
      return code == kInvalidWebhookToken ? Meaning::kRejected : Meaning::kCredentialRefused;
    }
    return status == 403 || code == kUnknownChannel ? Meaning::kConversationGone : Meaning::kRejected;
  }

  nanoseconds nonce_time_;
};

template <typename Own, typename Options>
std::unique_ptr<Sender> make_sender(EventLoop& loop, std::unique_ptr<Own> service, const Options& options,
                                    const std::string& credential) {
  SenderOptions sender(options.delivery, options.url, credential);
  sender.invalid_requests_max = options.invalid_requests_max;
  return std::make_unique<Sender>(loop, std::move(service), sender);
}

constexpr std::string_view kWebhooks = "/webhooks/";

// "<id>/<token>", of a whole URL too.
std::string without_url(std::string webhook) {
  const std::size_t at = webhook.find(kWebhooks);
  return at == std::string::npos ? webhook : webhook.substr(at + kWebhooks.size());
}

// A webhook that is none could send its secret to another host than it was meant for.
void check_webhook(std::string_view webhook) {
  const std::size_t slash = std::min(webhook.find('/'), webhook.size());
  const std::string_view id = webhook.substr(0, slash);
  const std::string_view token = webhook.substr(std::min(slash + 1, webhook.size()));
  const bool is_token = std::all_of(token.begin(), token.end(), [](char c) {
    return text::is_letter_or_digit(c) || c == '-' || c == '_' || c == '.';
  });
  if (id.empty() || id.find_first_not_of("0123456789") != std::string_view::npos || token.empty() || !is_token) {
    throw Error(Errc::kInvalidArgument,
                "discord: not a webhook: expected <id>/<token>, or a URL that ends with /webhooks/<id>/<token>");
  }
}

DiscordWebhookOptions taken_apart(DiscordWebhookOptions options) {
  const std::size_t at = options.webhook.find(kWebhooks);
  if (at != std::string::npos) {
    options.url = options.webhook.substr(0, at);
  }
  options.webhook = without_url(std::move(options.webhook));
  check_webhook(options.webhook);
  return options;
}

std::unique_ptr<Sender> make_sender(EventLoop& loop, const DiscordWebhookOptions& options) {
  return make_sender(loop, std::make_unique<WebhookService>(options.url, options.wait), options, options.webhook);
}

}  // namespace

DiscordWebhookChannel::DiscordWebhookChannel(EventLoop& loop, const DiscordWebhookOptions& options)
    : PacedChannel(make_sender(loop, taken_apart(options))) {}

void DiscordWebhookChannel::set_webhook(std::string webhook) { set_credential(without_url(std::move(webhook))); }

DiscordBotChannel::DiscordBotChannel(EventLoop& loop, const DiscordBotOptions& options)
    : PacedChannel(
          make_sender(loop, std::make_unique<BotService>(options.url, options.nonce_time), options, options.token)) {
  if (options.nonce_time < 0ns) {
    throw Error(Errc::kInvalidArgument, "discord: nonce_time is negative: expected 0 or more");
  }
}

}  // namespace soak::channels
