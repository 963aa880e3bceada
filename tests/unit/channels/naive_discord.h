// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_CHANNELS_NAIVE_DISCORD_H_
#define SOAK_TESTS_UNIT_CHANNELS_NAIVE_DISCORD_H_

// A client of Discord, of a webhook with its threads or of a bot, with a bug or without.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "soak/channels/channel.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace soak::channels {

enum class DiscordBug : std::uint8_t {
  kNone,
  kPacesByThread,        // Each thread of a webhook has a pace of its own.
  kResendsWithoutLimit,  // However long ago the nonce was sent first.
};

class NaiveDiscord : public Channel {
 public:
  // With a bot's token, or a webhook's URL.
  NaiveDiscord(EventLoop& loop, std::string url, std::string secret, bool is_bot, DiscordBug bug)
      : loop_(loop), http_(loop), url_(std::move(url)), secret_(std::move(secret)), is_bot_(is_bot), bug_(bug) {}

  std::string_view provider() const override { return "discord"; }
  const ChannelCounters& counters() const override { return counters_; }
  void set_secret(std::string secret) {
    secret_ = std::move(secret);
    ++counters_.rotations;
  }

  Task<Delivery> send(std::string conversation, std::string text) override {
    using namespace std::chrono_literals;
    Paced& paced = paced_.try_emplace(bug_ == DiscordBug::kPacesByThread ? conversation : "").first->second;
    const Permit permit = co_await paced.turn.acquire();
    const std::string nonce = std::to_string(++nonces_);
    Delivery delivery(DeliveryOutcome::kFailed, "twenty times in vain");
    for (int tries = 0; tries < 20; ++tries) {
      co_await sleep_for(std::max<std::chrono::nanoseconds>(paced.next - loop_.now(), 0s));
      paced.next = loop_.now() + 2200ms;
      const net::HttpResponse response = co_await ask(conversation, text, nonce);
      row_ = response.status == 429 ? row_ + 1 : 0;
      counters_.rate_limited += response.status == 429 ? 1 : 0;
      counters_.max_consecutive_429s = std::max(counters_.max_consecutive_429s, row_);
      if (response.status == 200) {
        delivery = Delivery(DeliveryOutcome::kDelivered, "");
        break;
      }
      const bool unknown = response.status == 0 || response.status >= 500;
      const std::chrono::nanoseconds wait = wait_of(response);
      if (unknown && (!is_bot_ || (wait > 1min && bug_ != DiscordBug::kResendsWithoutLimit))) {
        delivery = Delivery(DeliveryOutcome::kUncertain, "unknown");
        ++counters_.uncertain;
        break;
      }
      co_await sleep_for(wait);
    }
    co_return delivery;
  }

 private:
  struct Paced {
    Semaphore turn{1};
    Instant next{};
  };

  // Status 0 where no response came.
  Task<net::HttpResponse> ask(std::string conversation, std::string text, std::string nonce) {
    std::string body = R"({"content":")" + text + "\"";
    net::HttpRequest request;
    request.method = "POST";
    request.headers.add("Content-Type", "application/json");
    request.headers.add("User-Agent", "DiscordBot (https://example.com, 1)");
    if (is_bot_) {
      request.url = url_ + "/channels/" + conversation + "/messages";
      request.headers.add("Authorization", "Bot " + secret_);
      request.body = body + R"(,"nonce":")" + nonce + R"(","enforce_nonce":true})";
    } else {
      request.url = secret_ + "?wait=true&thread_id=" + conversation;
      request.body = R"({"content":")" + text + " in thread " + conversation + "\"}";
    }
    net::HttpResponse response;
    try {
      response = co_await http_.send(std::move(request));
    } catch (const Error&) {
      response.status = 0;
    }
    co_return response;
  }

  static std::chrono::nanoseconds wait_of(const net::HttpResponse& response) {
    using namespace std::chrono_literals;
    constexpr std::string_view kBefore = "\"retry_after\":";
    const std::size_t at = response.body.find(kBefore);
    const double body = at == std::string::npos ? 0 : std::atof(response.body.c_str() + at + kBefore.size());
    const double seconds = std::max(body, std::atof(response.headers.get("Retry-After").c_str()));
    if (seconds > 0) {
      return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)) + 100ms;
    }
    const bool blocked = response.status == 403 || (response.status == 429 && at == std::string::npos);
    return blocked ? std::chrono::nanoseconds(10min) : std::chrono::nanoseconds(2s);
  }

  EventLoop& loop_;
  net::HttpClient http_;
  const std::string url_;
  std::string secret_;
  const bool is_bot_;
  const DiscordBug bug_;
  std::map<std::string, Paced> paced_;
  std::uint64_t nonces_ = 0;
  std::uint64_t row_ = 0;
  ChannelCounters counters_;
};

}  // namespace soak::channels

#endif  // SOAK_TESTS_UNIT_CHANNELS_NAIVE_DISCORD_H_
