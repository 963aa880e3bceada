// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_CHANNELS_NAIVE_CHANNEL_H_
#define SOAK_TESTS_UNIT_CHANNELS_NAIVE_CHANNEL_H_

// A client of the Telegram Bot API as people write one in an afternoon, with a bug that was seen in one like it. It is
// what the verdict of a soak has to catch. Without a bug it is slow, simple, and right.

#include <charconv>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "soak/channels/channel.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/semaphore.h"
#include "soak/task.h"

namespace soak::channels {

enum class Bug : std::uint8_t {
  kNone,
  kIgnoresRetryAfter,       // Half a second, a second, two: its own backoff, whatever it is told (hermes-agent#46762).
  kMillisecondsForSeconds,  // Javacord#783.
  kRetriesAtOnce,           // python-slack-sdk#287.
  kRetriesWhatMayHaveArrived,  // python-telegram-bot#1045.
  kBacksOffInStep,             // Exactly as long as it is told, in every conversation (openclaw#50866).
  kLosesTheNewToken,           // Uses it once; then comes its configuration again, which nobody wrote it to.
  kBelievesAnHtml404,          // A proxy's page is the end of its token.
};

class NaiveChannel : public Channel {
 public:
  NaiveChannel(EventLoop& loop, std::string url, std::string token, Bug bug)
      : loop_(loop), http_(loop), url_(std::move(url)), configured_token_(token), token_(std::move(token)), bug_(bug) {}

  std::string_view provider() const override { return "telegram"; }
  const ChannelCounters& counters() const override { return counters_; }

  void set_token(std::string token) {
    token_ = std::move(token);
    if (bug_ != Bug::kLosesTheNewToken) {
      configured_token_ = token_;
    }
    ++counters_.rotations;
    rotated_.set();
  }

  Task<Delivery> send(std::string conversation, std::string text) override {
    Semaphore& turn = turns_.try_emplace(conversation, 1u).first->second;
    const Permit permit = co_await turn.acquire();
    Delivery delivery(DeliveryOutcome::kFailed, stopped_ ? "stopped for good by a 404" : "five times in vain");
    for (int tries = 0; tries < 5 && !stopped_; ++tries) {
      const Step step = co_await request(conversation, text, tries);
      if (step == Step::kAgain) {
        continue;
      }
      delivery = step == Step::kDelivered ? Delivery(DeliveryOutcome::kDelivered, "")
                                          : Delivery(DeliveryOutcome::kUncertain, "unknown");
      break;
    }
    ++counters_.sent;
    counters_.uncertain += delivery.outcome == DeliveryOutcome::kUncertain ? 1 : 0;
    co_return delivery;
  }

 private:
  enum class Step : std::uint8_t { kDelivered, kAgain, kUnknown };

  Task<Step> request(const std::string& conversation, const std::string& text, int tries) {
    const std::string used = token_;
    const auto moved_to = moved_.find(conversation);
    const std::string chat = moved_to == moved_.end() ? conversation : moved_to->second;
    net::HttpRequest request("POST", url_ + "/bot" + used + "/sendMessage",
                             R"({"chat_id":)" + chat + R"(,"text":")" + text + "\"}");
    request.headers.add("Content-Type", "application/json");
    token_ = configured_token_;
    net::HttpResponse response;
    bool unanswered = false;
    try {
      response = co_await http_.send(std::move(request));
    } catch (const Error&) {
      unanswered = true;
    }
    if (unanswered || response.status >= 500) {
      co_return bug_ == Bug::kRetriesWhatMayHaveArrived ? Step::kAgain : Step::kUnknown;
    }
    row_ = response.status == 429 ? row_ + 1 : 0;
    counters_.max_consecutive_429s = std::max(counters_.max_consecutive_429s, row_);
    if (response.status == 429) {
      ++counters_.rate_limited;
      const std::chrono::nanoseconds delay = wait(response, tries);
      if (delay.count() > 0) {
        co_await sleep_for(delay);
      }
      co_return Step::kAgain;
    }
    if (response.status == 404 && bug_ == Bug::kBelievesAnHtml404) {
      stopped_ = true;
      co_return Step::kUnknown;
    }
    if (response.status == 401 || response.status == 404) {  // Passing, as long as the token stays the same.
      if (used == token_) {
        rotated_.reset();
        (void)co_await rotated_.wait_for(std::chrono::seconds{30});
      }
      co_return Step::kAgain;
    }
    if (const std::int64_t moved = number_after(response.body, "\"migrate_to_chat_id\":"); moved != 0) {
      moved_[conversation] = std::to_string(moved);
      co_return Step::kAgain;
    }
    co_return Step::kDelivered;
  }

  std::chrono::nanoseconds wait(const net::HttpResponse& response, int tries) {
    using std::chrono::milliseconds;
    const std::int64_t asked = std::max<std::int64_t>(retry_after(response), 1);
    switch (bug_) {
      case Bug::kIgnoresRetryAfter:
        return milliseconds(500) * (1 << tries);
      case Bug::kMillisecondsForSeconds:
        return milliseconds(asked);
      case Bug::kRetriesAtOnce:
        return {};
      case Bug::kBacksOffInStep:
        return milliseconds(1000) * asked;
      default:
        break;
    }
    std::uniform_int_distribution<std::int64_t> later(10, 3000);
    return milliseconds(1000) * asked + milliseconds(later(loop_.random()));
  }

  // From the body, the header, or the text.
  static std::int64_t retry_after(const net::HttpResponse& response) {
    for (const std::string_view before : {"\"retry_after\":", "retry after "}) {
      const std::size_t at = response.body.find(before);
      if (at != std::string::npos) {
        return number(std::string_view(response.body).substr(at + before.size()));
      }
    }
    return number(response.headers.get("Retry-After"));
  }

  static std::int64_t number_after(std::string_view text, std::string_view before) {
    const std::size_t at = text.find(before);
    return at == std::string_view::npos ? 0 : number(text.substr(at + before.size()));
  }

  static std::int64_t number(std::string_view text) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }

  EventLoop& loop_;
  net::HttpClient http_;
  const std::string url_;
  std::string configured_token_;
  std::string token_;
  const Bug bug_;
  std::map<std::string, Semaphore> turns_;
  std::map<std::string, std::string> moved_;
  bool stopped_ = false;
  Event rotated_;
  ChannelCounters counters_;
  std::uint64_t row_ = 0;
};

}  // namespace soak::channels

#endif  // SOAK_TESTS_UNIT_CHANNELS_NAIVE_CHANNEL_H_
