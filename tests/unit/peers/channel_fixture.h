// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_PEERS_CHANNEL_FIXTURE_H_
#define SOAK_TESTS_UNIT_PEERS_CHANNEL_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/peers/channel_faults.h"
#include "soak/peers/channel_ledger.h"
#include "soak/task.h"
#include "tests/unit/peers/raw_client.h"

namespace soak::peers {

using namespace std::chrono_literals;

// What a request was answered; status 0: nothing, and `may_have_arrived` says what its sender knows.
struct Got {
  int status = 0;
  bool may_have_arrived = false;
  net::Headers headers;
  std::string body;

  std::string get(std::string_view place) const { return Heard(body).get(place); }
  std::string header(std::string_view name) const { return headers.get(name, "(absent)"); }
};

class ChannelTest : public testing::Test {
 public:
  VirtualLoop loop_;
  ChannelFaults faults_;
  net::HttpClient client_{loop_};

  Got ask(net::HttpRequest request) { return loop_.run(exchange(client_, std::move(request))); }
  Got ask(std::string method, std::string url, std::string body = {}, net::Headers headers = {}) {
    return ask(net::HttpRequest(std::move(method), std::move(url), std::move(body), std::move(headers)));
  }

  // All of them at one instant, each on its own connection.
  std::vector<Got> ask_together(std::vector<net::HttpRequest> requests) {
    std::vector<Got> answers(requests.size());
    loop_.run([](EventLoop& loop, std::vector<net::HttpRequest>& all, std::vector<Got>& into) -> Task<> {
      net::HttpClientOptions options;
      options.connections_max = 1000;
      net::HttpClient client(loop, options);
      co_await with_group({}, [&](TaskGroup& group) -> Task<> {
        for (std::size_t i = 0; i < all.size(); ++i) {
          group.start({"request", i}, keep(client, all[i], into[i]), TaskKind::kFinite);
        }
        co_return;
      });
    }(loop_, requests, answers));
    return answers;
  }

  void pass(std::chrono::nanoseconds duration) {
    loop_.run([](std::chrono::nanoseconds own) -> Task<> { co_await sleep_for(own); }(duration));
  }

  // By how much the heap grows while `send(i)` is called for two thousand numbers, after a first thousand. Where
  // another allocator than glibc's is at work it is 0.
  template <typename Send>
  static std::int64_t heap_growth(Send send) {
    for (int i = 0; i < 1000; ++i) {
      send(i);
    }
    const std::size_t before = mallinfo2().uordblks;
    for (int i = 1000; i < 3000; ++i) {
      send(i);
    }
    return static_cast<std::int64_t>(mallinfo2().uordblks) - static_cast<std::int64_t>(before);
  }

  static std::vector<ChannelFindingKind> kinds(const ChannelLedger& ledger) {
    std::vector<ChannelFindingKind> kinds;
    for (const ChannelFinding& finding : ledger.findings) {
      kinds.push_back(finding.kind);
    }
    return kinds;
  }

 private:
  static Task<Got> exchange(net::HttpClient& client, net::HttpRequest request) {
    Got got;
    try {
      net::HttpResponse response = co_await client.send(std::move(request));
      got.status = response.status;
      got.headers = std::move(response.headers);
      got.body = std::move(response.body);
    } catch (const net::HttpError& error) {
      got.may_have_arrived = error.may_have_arrived();
    }
    co_return got;
  }
  static Task<> keep(net::HttpClient& client, net::HttpRequest request, Got& into) {
    Got got = co_await exchange(client, std::move(request));
    into = std::move(got);
  }
};

}  // namespace soak::peers

#endif  // SOAK_TESTS_UNIT_PEERS_CHANNEL_FIXTURE_H_
