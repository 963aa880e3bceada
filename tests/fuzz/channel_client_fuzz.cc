// SPDX-License-Identifier: Apache-2.0
// A hostile provider of the channel clients: whatever it answers, each message is settled within the time that a
// message may take, as what the answers say of it; it is not sent again when it may have been delivered, nor earlier
// than an answer asked for, and no secret is told.
//
// The script's subject is the client: "telegram", "slack", "webhook" or "bot". The first line of an answer is its
// status, 0 for a reset, and after how many seconds it comes.

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http_script.h"
#include "lib/json/reader.h"
#include "lib/text/ascii.h"
#include "require.h"
#include "soak/channels/discord.h"
#include "soak/channels/slack.h"
#include "soak/channels/telegram.h"
#include "soak/event_loop.h"
#include "soak/net/http_server.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using channels::DeliveryOutcome;
using fuzz::require;
using std::chrono::nanoseconds;

constexpr std::size_t kMessages = 8;
constexpr std::size_t kConversations = 2;
constexpr std::uint32_t kRequestsMax = 8;  // As DeliveryOptions has it.
constexpr std::string_view kSecret = "xoxb-a-secret-to-be-kept";

enum class Client : std::uint8_t { kTelegram, kSlack, kWebhook, kBot };

Client client_of(std::string_view subject) {
  if (subject == "slack") {
    return Client::kSlack;
  }
  if (subject == "webhook") {
    return Client::kWebhook;
  }
  return subject == "bot" ? Client::kBot : Client::kTelegram;
}

// The number at the beginning of `text`, which it is taken from.
int take_number(std::string_view& text) {
  int number = 0;
  text = text::trim(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return error == std::errc() ? number : 0;
}

struct Answer {
  explicit Answer(const fuzz::HttpMessage& message) : headers(message.headers), body(message.body) {
    std::string_view line = message.first_line;
    status = take_number(line);
    if (status != 0) {
      status = 200 + ((status % 400) + 200) % 400;  // 200 to 599 are themselves.
    }
    after = std::chrono::seconds(std::abs(take_number(line) % 60));
    headers.remove("Content-Length");  // An answer that is cut short is none, as a reset.
  }
  Answer() : body(R"({"ok":true,"result":{"message_id":1},"ts":"1.1","id":"1"})") {}

  int status = 200;
  nanoseconds after{0};
  net::Headers headers;
  std::string body;
};

// Of more than a year the clients think that it is a mistake.
std::optional<nanoseconds> wait_of(double seconds) {
  if (!(seconds > 0 && seconds <= 365.0 * 24 * 3600)) {
    return std::nullopt;
  }
  return nanoseconds(static_cast<std::int64_t>(seconds * 1e9) - 1000);  // A double is as exact as that.
}

// "30", "64.57"
std::optional<nanoseconds> wait_of(std::optional<std::string_view> field) {
  if (!field || field->empty() || field->size() > 15) {
    return std::nullopt;
  }
  if (field->find_first_not_of("0123456789.") != std::string_view::npos || field->front() == '.') {
    return std::nullopt;
  }
  if (std::count(field->begin(), field->end(), '.') > 1) {
    return std::nullopt;
  }
  return wait_of(std::atof(std::string(*field).c_str()));
}

std::optional<nanoseconds> sooner(std::optional<nanoseconds> one, std::optional<nanoseconds> other) {
  return one && other ? std::min(*one, *other) : one ? one : other;
}

class Provider {
 public:
  Provider(EventLoop& loop, Client client, const std::vector<fuzz::HttpMessage>& messages)
      : loop_(loop), client_(client), answers_(messages.begin(), messages.end()) {}

  Task<net::HttpReply> answer(net::HttpServerRequest request) {
    const Answer answer = next_ < answers_.size() ? answers_[next_++] : Answer();
    // That of a refresh of the token is no message.
    Sent* const sent = request.path.ends_with("/oauth.v2.access") ? nullptr : &note(request.body);
    // A client that has left by then knows nothing of the answer.
    const bool heard = answer.after < channels::DeliveryOptions().http_timeout - 1s && answer.status != 0;
    if (sent != nullptr) {
      sent->may_have_arrived |= !heard || !refuses(answer);
    }
    if (sent != nullptr) {
      sent->delivered = heard && (answer.status == 200 || answer.status == 204);
    }
    if (answer.after > 0s) {
      co_await sleep_for(heard ? answer.after : answer.after + 1s);
    }
    if (answer.status == 0) {
      co_return net::HttpReply::reset();
    }
    if (sent != nullptr && heard) {
      obey(*sent, answer);
    }
    co_return net::HttpReply(answer.status, answer.body, answer.headers);
  }

  void check(std::size_t number, const channels::Delivery& delivery) const {
    const Sent& sent = sent_[number];
    require(delivery.requests == sent.requests && delivery.requests <= kRequestsMax, "each request is counted");
    require(delivery.outcome != DeliveryOutcome::kDelivered || sent.delivered, "what is delivered was taken");
    require(delivery.outcome != DeliveryOutcome::kFailed || !sent.may_have_arrived, "what failed cannot have arrived");
    require(delivery.outcome != DeliveryOutcome::kUncertain || sent.may_have_arrived,
            "what is uncertain may have arrived");
    require(delivery.outcome == DeliveryOutcome::kDelivered || !delivery.why.empty(), "a failure has a reason");
  }

 private:
  struct Sent {
    std::size_t conversation = 0;
    std::uint32_t requests = 0;
    bool may_have_arrived = false;
    bool delivered = false;
    std::string body;  // The first time.
  };

  Sent& note(const std::string& body) {
    constexpr std::string_view kBefore = "message ";
    const std::size_t number = static_cast<std::size_t>(body.at(body.find(kBefore) + kBefore.size()) - '0');
    Sent& sent = sent_.at(number);
    sent.conversation = number % kConversations;
    require(client_ == Client::kBot || !sent.may_have_arrived, "what may have arrived is not sent again");
    require(client_ != Client::kBot || sent.requests == 0 || sent.body == body, "it is sent again with its nonce");
    require(loop_.elapsed() >= not_before_[sent.conversation], "a conversation rests for as long as was asked for");
    require(loop_.elapsed() == all_since_ || loop_.elapsed() >= none_before_, "all rest for as long as was asked for");
    ++sent.requests;
    sent.body = body;
    return sent;
  }

  // Whether the answer says that the message was not taken, and will not be.
  bool refuses(const Answer& answer) const {
    if (answer.status >= 400 && answer.status < 500) {
      return true;
    }
    if (client_ != Client::kSlack || answer.status != 200) {
      return false;
    }
    const json::Document body(answer.body);
    if (!body.is_object() || json::flag_member(body.value(), "ok")) {
      return false;
    }
    // "some aspect of the operation may have succeeded"
    constexpr std::string_view kOpen[] = {
        "", "fatal_error", "internal_error", "request_timeout", "service_unavailable", "team_added_to_org"};
    return std::find(std::begin(kOpen), std::end(kOpen), json::text_member(body.value(), "error")) == std::end(kOpen);
  }

  void obey(const Sent& sent, const Answer& answer) {
    const json::Document document(answer.body);
    const json::Value& body = document.value();
    std::optional<nanoseconds> wait;
    bool is_global = false;
    if (answer.status >= 400 || refuses(answer)) {
      wait = wait_of(answer.headers.find("Retry-After"));
    }
    if (answer.status == 429 && document.is_object() && client_ != Client::kSlack) {
      const json::Value* const parameters = client_ == Client::kTelegram ? json::member(body, "parameters") : &body;
      const auto told = parameters != nullptr ? json::number_member(*parameters, "retry_after") : std::nullopt;
      if (told) {
        wait = sooner(wait, wait_of(*told));
      }
      is_global = client_ != Client::kTelegram && json::flag_member(body, "global");
    }
    if (client_ == Client::kWebhook || client_ == Client::kBot) {
      if (answer.headers.get("X-RateLimit-Remaining") == "0") {
        const auto rest = wait_of(answer.headers.find("X-RateLimit-Reset-After"));
        if (rest) {
          rest_until(not_before_[sent.conversation], *rest);
        }
      }
    }
    if (wait) {
      rest_until(not_before_[sent.conversation], *wait);
    }
    if (!wait || !is_global) {
      return;
    }
    rest_until(none_before_, *wait);
    all_since_ = loop_.elapsed();
  }

  void rest_until(nanoseconds& not_before, nanoseconds wait) const {
    not_before = std::max(not_before, loop_.elapsed() + wait);
  }

  EventLoop& loop_;
  const Client client_;
  const std::vector<Answer> answers_;
  std::size_t next_ = 0;
  std::array<Sent, kMessages> sent_{};
  std::array<nanoseconds, kConversations> not_before_{};
  nanoseconds none_before_{0};
  nanoseconds all_since_{-1};  // What comes at the same instant was on its way.
};

std::unique_ptr<channels::Channel> make_channel(EventLoop& loop, Client client, const std::string& url) {
  switch (client) {
    case Client::kSlack:
      return std::make_unique<channels::SlackChannel>(loop, channels::SlackOptions{.url = url + "/api",
                                                                                   .token = std::string(kSecret),
                                                                                   .refresh_token = "xoxe-1-refresh",
                                                                                   .client_id = "1.1",
                                                                                   .client_secret = "2"});
    case Client::kWebhook:
      return std::make_unique<channels::DiscordWebhookChannel>(
          loop, channels::DiscordWebhookOptions{.webhook = url + "/webhooks/1/" + std::string(kSecret)});
    case Client::kBot:
      return std::make_unique<channels::DiscordBotChannel>(
          loop, channels::DiscordBotOptions{.url = url, .token = std::string(kSecret)});
    case Client::kTelegram:
      break;
  }
  return std::make_unique<channels::TelegramChannel>(
      loop, channels::TelegramOptions{.url = url, .token = "7:" + std::string(kSecret)});
}

Task<> send(channels::Channel& channel, Provider& provider, std::size_t number) {
  const std::string conversation = std::to_string(41 + number % kConversations);
  const channels::Delivery delivery = co_await channel.send(conversation, "message " + std::to_string(number));
  require(delivery.took <= channels::DeliveryOptions().give_up_after + 10min, "a message is settled in time");
  // Once it is replaced it is no secret any more.
  require(channel.counters().rotations > 0 || delivery.why.find(kSecret) == std::string::npos, "no secret is told");
  provider.check(number, delivery);
}

// Half of them at once; the other half when a conversation that was gone may be there again.
Task<> send_all(EventLoop& loop, channels::Channel& channel, Provider& provider) {
  TaskGroup group(loop);
  for (std::size_t number = 0; number < kMessages; ++number) {
    if (number == kMessages / 2) {
      co_await sleep_for(61min);
    }
    group.start({"message", number}, send(channel, provider, number), TaskKind::kFinite);
  }
  (void)co_await drain(group, {.timeout = 24h});
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  const fuzz::HttpScript script = fuzz::http_script_of({data, size});
  const Client client = client_of(script.subject);
  VirtualLoop loop;
  {
    Provider provider(loop, client, script.messages);
    net::HttpServer server(loop, [&](net::HttpServerRequest request) { return provider.answer(std::move(request)); });
    const std::unique_ptr<channels::Channel> channel = make_channel(loop, client, server.url());
    loop.run(send_all(loop, *channel, provider));
    const channels::ChannelCounters& counters = channel->counters();
    require(counters.sent == kMessages && counters.ok + counters.failed + counters.uncertain == kMessages,
            "each message is settled once");
    require(counters.early_requests == 0, "no request is early by the client's own count");
    require(counters.rate_limited <= counters.requests, "no answer is counted twice");
  }
  require(loop.live_tasks() == 0, "no task is left");
  return 0;
}
