// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_CHANNELS_CHANNEL_FIXTURE_H_
#define SOAK_TESTS_UNIT_CHANNELS_CHANNEL_FIXTURE_H_

// A server in memory that answers each request as a test says, and remembers what was asked.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"
#include "soak/gather.h"
#include "soak/net/http_server.h"
#include "soak/task.h"

namespace soak::channels {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

struct Asked {
  nanoseconds at;
  net::HttpServerRequest request;
};

class ChannelTest : public testing::Test {
 protected:
  // Of request number 1, 2, ...: the one given for it, or the one for all others.
  void answer(std::size_t number, net::HttpReply reply) { replies_.insert_or_assign(number, std::move(reply)); }
  void answer_all(net::HttpReply reply) {
    otherwise_ = [reply](const net::HttpServerRequest&) { return reply; };
  }
  void answer_by(std::function<net::HttpReply(const net::HttpServerRequest&)> decide) {
    otherwise_ = std::move(decide);
  }
  // How long after the request the reply to that number comes.
  void delay(std::size_t number, nanoseconds time) { delays_[number] = time; }

  std::string url() const { return server_.url(); }
  const std::vector<Asked>& asked() const { return asked_; }
  // Between request number n and the one after it.
  nanoseconds gap(std::size_t number) const { return asked_.at(number).at - asked_.at(number - 1).at; }

  Delivery send(Channel& channel, std::string conversation, std::string text) {
    return loop_.run(channel.send(std::move(conversation), std::move(text)));
  }

  // All at once; the deliveries in the order of the messages.
  std::vector<Delivery> send_all(Channel& channel, const std::vector<std::pair<std::string, std::string>>& messages) {
    return loop_.run(
        [](Channel& own, const std::vector<std::pair<std::string, std::string>>& all) -> Task<std::vector<Delivery>> {
          std::vector<Task<Delivery>> tasks;
          for (const auto& [conversation, text] : all) {
            tasks.push_back(own.send(conversation, text));
          }
          GatherOptions options;
          options.max_concurrency = all.size();
          auto results = co_await gather(std::move(tasks), options);
          std::vector<Delivery> deliveries;
          for (auto& result : results) {
            deliveries.push_back(std::move(result).value());
          }
          co_return deliveries;
        }(channel, messages));
  }

  VirtualLoop loop_{{.seed = 1}};

 private:
  Task<net::HttpReply> reply_to(net::HttpServerRequest request) {
    asked_.push_back({loop_.elapsed(), std::move(request)});
    const std::size_t number = asked_.size();
    if (const auto delayed = delays_.find(number); delayed != delays_.end()) {
      co_await sleep_for(delayed->second);
    }
    const auto scripted = replies_.find(number);
    co_return scripted != replies_.end() ? scripted->second : otherwise_(asked_[number - 1].request);
  }

  std::vector<Asked> asked_;
  std::map<std::size_t, net::HttpReply> replies_;
  std::map<std::size_t, nanoseconds> delays_;
  std::function<net::HttpReply(const net::HttpServerRequest&)> otherwise_;
  net::HttpServer server_{loop_, [this](net::HttpServerRequest request) { return reply_to(std::move(request)); }};
};

}  // namespace soak::channels

#endif  // SOAK_TESTS_UNIT_CHANNELS_CHANNEL_FIXTURE_H_
