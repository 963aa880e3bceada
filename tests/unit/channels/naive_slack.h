// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_CHANNELS_NAIVE_SLACK_H_
#define SOAK_TESTS_UNIT_CHANNELS_NAIVE_SLACK_H_

// A client of Slack that refreshes its token, and gives up for good when one refresh has failed; or, without the bug,
// tries again.

#include <chrono>
#include <cstddef>
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

class NaiveSlack : public Channel {
 public:
  NaiveSlack(EventLoop& loop, std::string url, std::string token, std::string refresh_token, bool gives_up)
      : http_(loop),
        url_(std::move(url)),
        token_(std::move(token)),
        refresh_token_(std::move(refresh_token)),
        gives_up_(gives_up) {}

  std::string_view provider() const override { return "slack"; }
  const ChannelCounters& counters() const override { return counters_; }

  Task<Delivery> send(std::string conversation, std::string text) override {
    const Permit permit = co_await turn_.acquire();
    Delivery delivery(DeliveryOutcome::kFailed, "the refresh of the token failed");
    for (int tries = 0; tries < 20 && !stopped_; ++tries) {
      const net::HttpResponse response =
          co_await ask("/chat.postMessage", R"({"channel":")" + conversation + R"(","text":")" + text + "\"}");
      if (response.body.find("\"ok\":true") != std::string::npos) {
        delivery = Delivery(DeliveryOutcome::kDelivered, "");
        break;
      }
      if (response.body.find("token_expired") != std::string::npos) {
        co_await refresh();
        continue;
      }
      const bool limited = response.status == 429;
      counters_.rate_limited += limited ? 1 : 0;
      if (response.status == 0 || response.body.find("_error") != std::string::npos) {
        delivery = Delivery(DeliveryOutcome::kUncertain, "unknown");
        ++counters_.uncertain;
        break;
      }
      co_await sleep_for(std::chrono::seconds{35});  // Longer than any wait of its fake.
    }
    co_return delivery;
  }

 private:
  Task<> refresh() {
    const net::HttpResponse response = co_await ask(
        "/oauth.v2.access", "client_id=1&client_secret=s&grant_type=refresh_token&refresh_token=" + refresh_token_);
    std::string token = member(response.body, "access_token");
    if (!token.empty()) {
      token_ = std::move(token);
      refresh_token_ = member(response.body, "refresh_token");
      ++counters_.rotations;
    } else if (gives_up_) {
      stopped_ = true;
    } else {
      co_await sleep_for(std::chrono::seconds{5});
    }
  }

  // Status 0 where no response came.
  Task<net::HttpResponse> ask(std::string path, std::string body) {
    net::HttpRequest request("POST", url_ + path, std::move(body));
    const bool is_form = path == "/oauth.v2.access";
    request.headers.add("Content-Type",
                        is_form ? "application/x-www-form-urlencoded" : "application/json; charset=utf-8");
    request.headers.add("Authorization", "Bearer " + token_);
    net::HttpResponse response;
    try {
      response = co_await http_.send(std::move(request));
    } catch (const Error&) {
      response.status = 0;
    }
    co_return response;
  }

  static std::string member(std::string_view body, const std::string& name) {
    const std::string before = "\"" + name + "\":\"";
    const std::size_t at = body.find(before);
    if (at == std::string_view::npos) {
      return {};
    }
    const std::string_view value = body.substr(at + before.size());
    return std::string(value.substr(0, value.find('"')));
  }

  net::HttpClient http_;
  const std::string url_;
  std::string token_;
  std::string refresh_token_;
  const bool gives_up_;
  bool stopped_ = false;
  Semaphore turn_{1};
  ChannelCounters counters_;
};

}  // namespace soak::channels

#endif  // SOAK_TESTS_UNIT_CHANNELS_NAIVE_SLACK_H_
