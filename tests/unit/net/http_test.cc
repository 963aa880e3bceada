// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "soak/gather.h"
#include "tests/unit/net/http_transports.h"

namespace soak::net {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename Transport>
class HttpTest : public HttpTransportTest<Transport> {};
// Answers 200 once `event` is set.
HttpHandler answered_after(Event& event) {
  return [&event](HttpServerRequest) -> Task<HttpReply> {
    co_await event.wait();
    co_return HttpReply(200);
  };
}

TYPED_TEST_SUITE(HttpTest, Transports, TransportNames);

Task<HttpReply> say_hello(HttpServerRequest request) { co_return HttpReply(200, "hello " + request.path); }

// What the server is asked, and what the client is told.
TYPED_TEST(HttpTest, CarriesARequestAndItsResponse) {
  HttpServerRequest seen;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        seen = std::move(request);
        co_return HttpReply(201, R"({"ok":true})", {{"Content-Type", "application/json"}, {"X-RateLimit-Limit", "5"}});
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    HttpRequest request("POST", server.url() + "/bot1:a/sendMessage?wait=true&text=a%20b", R"({"text":"hi"})",
                        {{"Content-Type", "application/json"}, {"Authorization", "Bearer xoxb"}});
    HttpResponse response = co_await client.send(std::move(request));

    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.body, R"({"ok":true})");
    EXPECT_EQ(response.headers.get("content-type"), "application/json");
    EXPECT_EQ(response.headers.get("x-ratelimit-limit"), "5");
  });
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.path, "/bot1:a/sendMessage");
  EXPECT_EQ(seen.query, "wait=true&text=a%20b");
  EXPECT_EQ(seen.query_value("text"), "a b");
  EXPECT_EQ(seen.query_value("none"), "");
  EXPECT_EQ(seen.body, R"({"text":"hi"})");
  EXPECT_EQ(seen.headers.get("authorization"), "Bearer xoxb");
  EXPECT_EQ(seen.headers.get_all("Content-Type"), std::vector<std::string>{"application/json"});
  EXPECT_EQ(seen.headers.get("Host"), "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(seen.headers.get("Content-Length"), "13");
  EXPECT_FALSE(seen.headers.contains("Expect"));
  EXPECT_THAT(seen.peer_address, HasSubstr(":"));
  EXPECT_EQ(client.counters().requests, 1u);
  EXPECT_EQ(client.counters().responses, 1u);
}

TYPED_TEST(HttpTest, CarriesBodiesOfAllSizesAndBytesBothWays) {
  HttpServer server(
      this->loop_,
      [](HttpServerRequest request) -> Task<HttpReply> { co_return HttpReply(200, std::move(request.body)); },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65'535}, std::size_t{65'537},
                                   std::size_t{1} << 20, (std::size_t{5} << 20) + 1}) {
      const std::string body = patterned(size);
      HttpRequest request("POST", server.url() + "/", body);
      HttpResponse response = co_await client.send(std::move(request));
      EXPECT_EQ(response.status, 200);
      EXPECT_TRUE(response.body == body) << size << " bytes came back as " << response.body.size();
    }
  });
  EXPECT_EQ(client.counters().connections_opened, 1u);
}

TYPED_TEST(HttpTest, CarriesAnyMethodWithAndWithoutABody) {
  std::vector<std::string> seen;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        seen.push_back(request.method + " " + request.body + " " + request.headers.get("Content-Length", "none") + " " +
                       request.headers.get("Content-Type", "none"));
        co_return HttpReply(200, "x");
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    for (const char* const method : {"GET", "POST", "PUT", "PATCH", "DELETE"}) {
      for (const char* const body : {"", "b"}) {
        HttpRequest request(method, server.url() + "/", body);
        HttpResponse response = co_await client.send(std::move(request));
        EXPECT_EQ(response.body, "x") << method;
      }
    }
  });
  EXPECT_THAT(seen,
              ElementsAre("GET  none none", "GET b 1 none", "POST  0 none", "POST b 1 none", "PUT  0 none",
                          "PUT b 1 none", "PATCH  0 none", "PATCH b 1 none", "DELETE  none none", "DELETE b 1 none"));
}

TYPED_TEST(HttpTest, KeepsRepeatedHeadersAndTheirCase) {
  Headers seen;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        seen = request.headers;
        co_return HttpReply(200, "",
                            {{"Set-Cookie", "a=1"}, {"retry-after", "30"}, {"Set-Cookie", "b=2"}, {"X-Empty", ""}});
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  HttpResponse response;
  this->run([&]() -> Task<> {
    HttpRequest request("GET", server.url() + "/", "", {{"X-Tag", "one"}, {"x-TAG", "two"}, {"X-None", ""}});
    response = co_await client.send(std::move(request));
  });
  EXPECT_THAT(seen.get_all("x-tag"), ElementsAre("one", "two"));
  EXPECT_EQ(seen.get("X-None", "absent"), "");
  std::vector<std::string> names;
  for (const auto& [name, value] : seen)
    if (name == "X-Tag" || name == "x-TAG") names.push_back(name);
  EXPECT_THAT(names, ElementsAre("X-Tag", "x-TAG"));
  EXPECT_THAT(response.headers.get_all("SET-COOKIE"), ElementsAre("a=1", "b=2"));
  EXPECT_EQ(response.headers.get("Retry-After"), "30");
  EXPECT_EQ(response.headers.get("X-Empty", "absent"), "");
  bool lower = false;
  for (const auto& [name, value] : response.headers) lower = lower || name == "retry-after";
  EXPECT_TRUE(lower);
}

TYPED_TEST(HttpTest, TakesNoBodyWhereThereIsNone) {
  HttpServer server(
      this->loop_,
      [](HttpServerRequest request) -> Task<HttpReply> {
        co_return HttpReply(std::stoi(request.path.substr(1)), "never seen");
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    for (const char* const status : {"204", "304"}) {
      HttpRequest request("POST", server.url() + "/" + status, "body");
      HttpResponse response = co_await client.send(std::move(request));
      EXPECT_EQ(std::to_string(response.status), status);
      EXPECT_EQ(response.body, "");
      EXPECT_FALSE(response.headers.contains("Content-Length"));
    }
    HttpRequest head("HEAD", server.url() + "/200");
    HttpResponse response = co_await client.send(std::move(head));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(response.headers.get("Content-Length"), "10");
  });
  EXPECT_EQ(client.counters().connections_opened, 1u);
}

TYPED_TEST(HttpTest, AnyStatusIsAResponseAndNoRedirectIsFollowed) {
  int requests = 0;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        ++requests;
        co_return HttpReply(std::stoi(request.path.substr(1)), "body", {{"Location", "/200"}});
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    for (const int status : {200, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 502, 503, 599}) {
      HttpRequest request("POST", server.url() + "/" + std::to_string(status), "x");
      HttpResponse response = co_await client.send(std::move(request));
      EXPECT_EQ(response.status, status);
      EXPECT_EQ(response.body, "body");
    }
  });
  EXPECT_EQ(requests, 14);
}

TYPED_TEST(HttpTest, KeepsItsConnectionForTheNextRequest) {
  std::set<std::uint64_t> connections;
  std::set<std::string> peers;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        connections.insert(request.connection);
        peers.insert(request.peer_address);
        co_return HttpReply(200);
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    for (int i = 0; i < 20; ++i) {
      HttpRequest request(i % 2 == 0 ? "GET" : "POST", server.url() + "/", i % 2 == 0 ? "" : "x");
      co_await client.send(std::move(request));
    }
    EXPECT_EQ(client.open_connections(), 1u);
    EXPECT_EQ(server.open_connections(), 1u);
  });
  EXPECT_EQ(connections.size(), 1u);
  EXPECT_EQ(peers.size(), 1u);
  EXPECT_EQ(client.counters().connections_opened, 1u);
  EXPECT_EQ(client.counters().responses, 20u);
}

TYPED_TEST(HttpTest, SendsAtOnceAsManyAsItMayHaveConnections) {
  constexpr int kRequests = 12;
  int now = 0;
  int most = 0;
  std::set<std::uint64_t> connections;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        connections.insert(request.connection);
        most = std::max(most, ++now);
        // Long enough for whatever else would come at once.
        co_await sleep_for(20ms);
        --now;
        co_return HttpReply(200, request.path);
      },
      this->server_options());
  HttpClientOptions options = this->client_options();
  options.connections_max = 3;
  HttpClient client(this->loop_, options);
  std::vector<int> order;
  this->run([&]() -> Task<> {
    auto ask = [&](int i) -> Task<> {
      HttpRequest request("GET", server.url() + "/" + std::to_string(i));
      HttpResponse response = co_await client.send(std::move(request));
      EXPECT_EQ(response.body, "/" + std::to_string(i));
      order.push_back(i);
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < kRequests; ++i)
        group.start({"request", static_cast<std::uint64_t>(i)}, ask(i), TaskKind::kFinite);
      co_await yield();
    });
    EXPECT_EQ(client.open_connections(), 3u);
  });
  EXPECT_EQ(most, 3);
  EXPECT_EQ(connections.size(), 3u);
  EXPECT_EQ(client.counters().connections_opened, 3u);
  // First come, first served: none overtakes one that came three or more before it.
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kRequests));
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_NEAR(order[i], static_cast<int>(i), 2);
}

TYPED_TEST(HttpTest, TheTimeoutRunsWhileARequestWaitsForItsTurn) {
  Event answer;
  HttpServer server(this->loop_, answered_after(answer), this->server_options());
  HttpClientOptions options = this->client_options();
  options.connections_max = 1;
  options.timeout = 300ms;
  HttpClient client(this->loop_, options);
  this->run([&]() -> Task<> {
    Outcome sent;
    Outcome waiting;
    auto ask = [&](const char* path, Outcome& outcome) -> Task<> {
      HttpRequest request("POST", server.url() + path, "x");
      outcome = co_await outcome_of(client, std::move(request));
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("first", ask("/first?key=secret", sent), TaskKind::kFinite);
      group.start("second", ask("/second?key=secret", waiting), TaskKind::kFinite);
      co_await yield();
    });
    answer.set();
    EXPECT_EQ(sent.code, Errc::kTimeout);
    EXPECT_TRUE(sent.may_have_arrived);
    EXPECT_EQ(sent.message, "POST " + server.url() + ": the timeout of 0.3 s passed before the response");
    EXPECT_EQ(waiting.code, Errc::kTimeout);
    // On a real clock it has its turn for the moment that it came later than the first.
    if (this->loop_.is_virtual()) {
      EXPECT_FALSE(waiting.may_have_arrived);
      EXPECT_EQ(waiting.message,
                "POST " + server.url() + ": the timeout of 0.3 s passed while all connections were taken");
      EXPECT_EQ(this->loop_.elapsed(), 300ms);
    }
    EXPECT_EQ(client.open_connections(), 0u);
  });
}

TYPED_TEST(HttpTest, ARefusedConnectionNamesTheHostAndHasNotArrived) {
  std::string url;
  {
    HttpServer server(this->loop_, &say_hello, this->server_options());
    url = server.url();
  }
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    HttpRequest request("POST", url + "/bot1:secret/sendMessage?token=secret", "x", {{"Authorization", "secret"}});
    Outcome outcome = co_await outcome_of(client, std::move(request));
    EXPECT_EQ(outcome.code, Errc::kConnectFailed);
    EXPECT_FALSE(outcome.may_have_arrived);
    EXPECT_THAT(outcome.message, AllOf(HasSubstr("POST " + url + ": connection refused, 0."),
                                       HasSubstr(" s after the request began"), Not(HasSubstr("secret"))));
  });
  EXPECT_EQ(client.open_connections(), 0u);
  EXPECT_EQ(client.counters().connections_opened, 0u);
  EXPECT_EQ(client.counters().requests, 1u);
  EXPECT_EQ(client.counters().responses, 0u);
}

TYPED_TEST(HttpTest, AResetInsteadOfTheResponseMayHaveArrived) {
  int requests = 0;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest) -> Task<HttpReply> {
        if (++requests == 1) co_return HttpReply::reset();
        co_return HttpReply(200, "again");
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    HttpRequest request("POST", server.url() + "/bot1:secret/x", "x");
    Outcome outcome = co_await outcome_of(client, std::move(request));
    EXPECT_EQ(outcome.code, Errc::kConnectionClosed);
    EXPECT_TRUE(outcome.may_have_arrived);
    EXPECT_THAT(outcome.message,
                AllOf(HasSubstr("POST " + server.url() + ": the connection was reset, "), Not(HasSubstr("secret"))));
    EXPECT_EQ(client.open_connections(), 0u);

    HttpRequest next("POST", server.url() + "/", "y");
    Outcome second = co_await outcome_of(client, std::move(next));
    EXPECT_EQ(second.response.body, "again");
  });
  EXPECT_EQ(requests, 2);
  EXPECT_EQ(client.counters().connections_opened, 2u);
}

// A kept connection that is reset is where clients like to repeat the request by themselves.
TYPED_TEST(HttpTest, ARequestOnAKeptConnectionThatIsResetIsSentOnce) {
  for (const char* const method : {"POST", "GET"}) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{200'000}}) {
      std::vector<std::string> stored;
      HttpServer server(
          this->loop_,
          [&](HttpServerRequest request) -> Task<HttpReply> {
            stored.push_back(request.path);
            if (request.path == "/lost") co_return HttpReply::reset();
            co_return HttpReply(200);
          },
          this->server_options());
      HttpClient client(this->loop_, this->client_options());
      this->run([&]() -> Task<> {
        const std::string body = std::string_view(method) == "GET" ? std::string() : patterned(size);
        HttpRequest first(method, server.url() + "/first", body);
        co_await client.send(std::move(first));
        HttpRequest second(method, server.url() + "/lost", body);
        Outcome outcome = co_await outcome_of(client, std::move(second));
        EXPECT_EQ(outcome.code, Errc::kConnectionClosed) << outcome.message;
        EXPECT_TRUE(outcome.may_have_arrived);
        // Whatever else were on its way would have come before this one's answer.
        HttpRequest third(method, server.url() + "/third", body);
        co_await client.send(std::move(third));
      });
      EXPECT_THAT(stored, ElementsAre("/first", "/lost", "/third")) << method << " of " << size << " bytes";
    }
  }
}

TYPED_TEST(HttpTest, OnHeadMayResetBeforeTheBodyIsRead) {
  std::vector<HttpServerRequest> heads;
  int requests = 0;
  HttpServerOptions options = this->server_options();
  options.on_head = [&](const HttpServerRequest& request) {
    heads.push_back(request);
    return request.path == "/fine";
  };
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest) -> Task<HttpReply> {
        ++requests;
        co_return HttpReply(200, "fine");
      },
      options);
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    // A small body has left before the reset comes; of a big one the server cannot have the end.
    HttpRequest small("POST", server.url() + "/small?a=b", "x", {{"X-Tag", "t"}});
    Outcome outcome = co_await outcome_of(client, std::move(small));
    EXPECT_EQ(outcome.code, Errc::kConnectionClosed);
    EXPECT_TRUE(outcome.may_have_arrived);

    HttpRequest big("POST", server.url() + "/big", patterned(std::size_t{12} << 20));
    outcome = co_await outcome_of(client, std::move(big));
    EXPECT_EQ(outcome.code, Errc::kConnectionClosed) << outcome.message;
    EXPECT_FALSE(outcome.may_have_arrived);

    HttpRequest fine("POST", server.url() + "/fine", "x");
    outcome = co_await outcome_of(client, std::move(fine));
    EXPECT_EQ(outcome.response.body, "fine");
  });
  EXPECT_EQ(requests, 1);
  ASSERT_EQ(heads.size(), 3u);
  EXPECT_EQ(heads[0].method, "POST");
  EXPECT_EQ(heads[0].path, "/small");
  EXPECT_EQ(heads[0].query, "a=b");
  EXPECT_EQ(heads[0].headers.get("X-Tag"), "t");
  for (const HttpServerRequest& head : heads) EXPECT_EQ(head.body, "");
}

TYPED_TEST(HttpTest, WhatOnHeadThrowsAnswers500) {
  HttpServerOptions options = this->server_options();
  options.on_head = [](const HttpServerRequest&) -> bool { throw std::runtime_error("broken"); };
  HttpServer server(this->loop_, &say_hello, options);
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    HttpRequest request("POST", server.url() + "/", "x");
    HttpResponse response = co_await client.send(std::move(request));
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body, "broken");
  });
}

TYPED_TEST(HttpTest, AResponseThatEndsEarlyIsAClosedConnection) {
  HttpServer server(
      this->loop_,
      [](HttpServerRequest) -> Task<HttpReply> {
        co_return HttpReply(200, "half of it", {{"Content-Length", "20"}});
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    HttpRequest request("POST", server.url() + "/", "x");
    Outcome outcome = co_await outcome_of(client, std::move(request));
    EXPECT_EQ(outcome.code, Errc::kConnectionClosed);
    EXPECT_TRUE(outcome.may_have_arrived);
    EXPECT_THAT(outcome.message, HasSubstr("the connection ended within the response"));
    EXPECT_EQ(client.open_connections(), 0u);
  });
}

TYPED_TEST(HttpTest, BoundsTheResponse) {
  HttpServer server(
      this->loop_,
      [](HttpServerRequest request) -> Task<HttpReply> {
        co_return HttpReply(200, std::string(static_cast<std::size_t>(std::stoi(request.path.substr(1))), 'x'));
      },
      this->server_options());
  HttpClientOptions options = this->client_options();
  options.response_bytes_max = 100'000;
  HttpClient client(this->loop_, options);
  this->run([&]() -> Task<> {
    HttpRequest exact("GET", server.url() + "/100000");
    Outcome outcome = co_await outcome_of(client, std::move(exact));
    EXPECT_EQ(outcome.response.body.size(), 100'000u);

    HttpRequest more("GET", server.url() + "/100001");
    outcome = co_await outcome_of(client, std::move(more));
    EXPECT_EQ(outcome.code, Errc::kProtocol);
    EXPECT_TRUE(outcome.may_have_arrived);
    EXPECT_THAT(outcome.message, HasSubstr("the response is longer than 97.7 KiB"));

    HttpRequest again("GET", server.url() + "/5");
    outcome = co_await outcome_of(client, std::move(again));
    EXPECT_EQ(outcome.response.body, "xxxxx");
  });
}

// Of the rest the server gets rid, or not, as the connection allows; it goes on with the others.
TYPED_TEST(HttpTest, AClientMayLeaveWithinItsResponse) {
  const std::string big = patterned(std::size_t{24} << 20);
  HttpServer server(
      this->loop_, [&](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply(200, big); },
      this->server_options());
  HttpClientOptions options = this->client_options();
  options.response_bytes_max = 1'000;
  HttpClient client(this->loop_, options);
  this->run([&]() -> Task<> {
    for (int round = 0; round < 3; ++round) {
      HttpRequest request("GET", server.url() + "/");
      Outcome outcome = co_await outcome_of(client, std::move(request));
      EXPECT_EQ(outcome.code, Errc::kProtocol);
      co_await this->until([&] { return server.open_connections() == 0 && server.requests_under_way() == 0; });
    }
  });
}

TYPED_TEST(HttpTest, WhatAHandlerThrowsAnswers500) {
  HttpServer server(
      this->loop_,
      [](HttpServerRequest request) -> Task<HttpReply> {
        if (request.path == "/error") throw std::runtime_error("out of luck");
        throw 7;
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    HttpRequest request("GET", server.url() + "/error");
    HttpResponse response = co_await client.send(std::move(request));
    EXPECT_EQ(response.status, 500);
    EXPECT_EQ(response.body, "out of luck");
    HttpRequest other("GET", server.url() + "/seven");
    response = co_await client.send(std::move(other));
    EXPECT_EQ(response.status, 500);
  });
  EXPECT_EQ(client.counters().connections_opened, 1u);
}

TYPED_TEST(HttpTest, BoundsTheRequestBody) {
  int requests = 0;
  HttpServerOptions options = this->server_options();
  options.body_bytes_max = 1'000;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest) -> Task<HttpReply> {
        ++requests;
        co_return HttpReply(200);
      },
      options);
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    for (const std::size_t size : {std::size_t{1'000}, std::size_t{1'001}, std::size_t{300'000}}) {
      HttpRequest request("POST", server.url() + "/", patterned(size));
      Outcome outcome = co_await outcome_of(client, std::move(request));
      EXPECT_EQ(outcome.response.status, size > 1'000 ? 413 : 200) << outcome.message;
    }
    HttpRequest request("POST", server.url() + "/", "x");
    Outcome outcome = co_await outcome_of(client, std::move(request));
    EXPECT_EQ(outcome.response.status, 200);
  });
  EXPECT_EQ(requests, 2);
  EXPECT_EQ(client.counters().connections_opened, 3u);
}

TYPED_TEST(HttpTest, ACancelledRequestGoesWithItsConnection) {
  Event asked;
  Event answer;
  bool finished = false;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        if (request.path == "/next") co_return HttpReply(200, "next");
        asked.set();
        co_await answer.wait();
        finished = true;
        co_return HttpReply(200, "too late");
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    auto ask = [&]() -> Task<> {
      HttpRequest request("POST", server.url() + "/", "x");
      co_await client.send(std::move(request));
      ADD_FAILURE() << "it was cancelled";
    };
    co_await with_group(this->loop_, {.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
      group.start("request", ask());
      co_await asked.wait();
      EXPECT_EQ(server.requests_under_way(), 1u);
    });
    EXPECT_EQ(client.open_connections(), 0u);
    co_await this->until([&] { return server.open_connections() == 0; });
    // The handler goes on without its client.
    EXPECT_EQ(server.requests_under_way(), 1u);
    answer.set();
    co_await this->until([&] { return server.requests_under_way() == 0; });
    EXPECT_TRUE(finished);

    HttpRequest next("POST", server.url() + "/next", "x");
    HttpResponse response = co_await client.send(std::move(next));
    EXPECT_EQ(response.body, "next");
  });
}

TYPED_TEST(HttpTest, CancelledWhileItWaitsForItsTurnItLeavesTheOthersTheirs) {
  Event answer;
  HttpServer server(this->loop_, answered_after(answer), this->server_options());
  HttpClientOptions options = this->client_options();
  options.connections_max = 1;
  HttpClient client(this->loop_, options);
  int answered = 0;
  this->run([&]() -> Task<> {
    auto ask = [&]() -> Task<> {
      HttpRequest request("GET", server.url() + "/");
      co_await client.send(std::move(request));
      ++answered;
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& patient) -> Task<> {
      patient.start("first", ask(), TaskKind::kFinite);
      co_await yield();
      co_await with_group(this->loop_, {.cancel_first = true}, [&](TaskGroup& hasty) -> Task<> {
        hasty.start("second", ask(), TaskKind::kFinite);
        co_await yield();
        patient.start("third", ask(), TaskKind::kFinite);
        co_await yield();
      });
      answer.set();
    });
  });
  EXPECT_EQ(answered, 2);
}

// What resumes here comes from inside the transport; it may take the transport down.
TYPED_TEST(HttpTest, WhatItsResponsesResumeMayDestroyIt) {
  HttpServer server(this->loop_, &say_hello, this->server_options());
  this->run([&]() -> Task<> {
    for (int round = 0; round < 10; ++round) {
      auto client = std::make_unique<HttpClient>(this->loop_, this->client_options());
      HttpRequest request("POST", server.url() + "/a", "x");
      HttpResponse response = co_await client->send(std::move(request));
      client.reset();
      EXPECT_EQ(response.body, "hello /a");
    }
    co_await this->until([&] { return server.open_connections() == 0; });
  });
}

TYPED_TEST(HttpTest, WhatIsUnderWayWhenTheClientGoesEnds) {
  Event asked;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest) -> Task<HttpReply> {
        asked.set();
        co_await sleep_for(1h);
        co_return HttpReply(200);
      },
      this->server_options());
  HttpClientOptions options = this->client_options();
  options.connections_max = 1;
  auto client = std::make_unique<HttpClient>(this->loop_, options);
  std::vector<Outcome> outcomes;
  this->run([&]() -> Task<> {
    auto ask = [&]() -> Task<> {
      HttpRequest request("POST", server.url() + "/", "x");
      Outcome outcome = co_await outcome_of(*client, std::move(request));
      outcomes.push_back(outcome);
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("sent", ask(), TaskKind::kFinite);
      group.start("waiting", ask(), TaskKind::kFinite);
      co_await asked.wait();
      client.reset();
    });
    co_await this->until([&] { return server.open_connections() == 0; });
  });
  ASSERT_EQ(outcomes.size(), 2u);
  for (const Outcome& outcome : outcomes) {
    EXPECT_EQ(outcome.code, Errc::kConnectionClosed);
    EXPECT_THAT(outcome.message, HasSubstr("dropped by the end of its HttpClient"));
  }
  EXPECT_NE(outcomes[0].may_have_arrived, outcomes[1].may_have_arrived);
}

TYPED_TEST(HttpTest, AServerThatGoesEndsWhatIsUnderWay) {
  Event asked;
  bool destroyed = false;
  struct Note {
    explicit Note(bool& note) : flag(note) {}
    ~Note() { flag = true; }
    bool& flag;
  };
  auto server = std::make_unique<HttpServer>(
      this->loop_,
      [&](HttpServerRequest) -> Task<HttpReply> {
        const Note note(destroyed);
        asked.set();
        co_await sleep_for(1h);
        co_return HttpReply(200);
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  Outcome outcome;
  this->run([&]() -> Task<> {
    auto ask = [&]() -> Task<> {
      HttpRequest request("POST", server->url() + "/", "x");
      outcome = co_await outcome_of(client, std::move(request));
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("request", ask(), TaskKind::kFinite);
      co_await asked.wait();
      server.reset();
      EXPECT_TRUE(destroyed);
    });
  });
  EXPECT_EQ(outcome.code, Errc::kConnectionClosed) << outcome.message;
  EXPECT_TRUE(outcome.may_have_arrived);
  EXPECT_THAT(outcome.message, HasSubstr("the connection was reset"));
}

TYPED_TEST(HttpTest, CloseAnswersWhatIsUnderWayAndTakesNoMore) {
  Event asked;
  Event answer;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        if (request.path == "/first") co_return HttpReply(200);
        asked.set();
        co_await answer.wait();
        co_return HttpReply(200, "answered");
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  HttpClient other(this->loop_, this->client_options());
  Outcome under_way;
  this->run([&]() -> Task<> {
    auto ask = [&]() -> Task<> {
      HttpRequest request("POST", server.url() + "/", "x");
      under_way = co_await outcome_of(client, std::move(request));
    };
    bool closed = false;
    auto close = [&]() -> Task<> {
      co_await server.close();
      closed = true;
    };
    HttpRequest first("GET", server.url() + "/first");
    co_await other.send(std::move(first));
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("request", ask(), TaskKind::kFinite);
      co_await asked.wait();
      group.start("close", close(), TaskKind::kFinite);
      co_await this->until([&] { return server.open_connections() == 1; });  // The idle one is gone.
      HttpRequest late("POST", server.url() + "/", "x");
      Outcome outcome = co_await outcome_of(other, std::move(late));
      EXPECT_EQ(outcome.code, Errc::kConnectFailed) << outcome.message;
      EXPECT_FALSE(outcome.may_have_arrived);
      EXPECT_FALSE(closed);
      answer.set();
    });
    EXPECT_EQ(under_way.response.body, "answered") << under_way.message;
    co_await this->until([&] { return server.open_connections() == 0 && client.open_connections() == 0; });
    co_await server.close();  // A second time it has nothing to do.
  });
}

TYPED_TEST(HttpTest, CloseDropsWhatOutlastsItsTimeout) {
  Event asked;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest) -> Task<HttpReply> {
        asked.set();
        co_await sleep_for(1h);
        co_return HttpReply(200);
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  Outcome outcome;
  this->run([&]() -> Task<> {
    auto ask = [&]() -> Task<> {
      HttpRequest request("POST", server.url() + "/", "x");
      outcome = co_await outcome_of(client, std::move(request));
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("request", ask(), TaskKind::kFinite);
      co_await asked.wait();
      co_await server.close(10ms);
      EXPECT_EQ(server.requests_under_way(), 0u);
      EXPECT_EQ(server.open_connections(), 0u);
    });
  });
  EXPECT_EQ(outcome.code, Errc::kConnectionClosed) << outcome.message;
}

TYPED_TEST(HttpTest, TheServerClosesAnIdleConnectionAndTheNextRequestOpensAnother) {
  HttpServerOptions options = this->server_options();
  options.keep_alive = 20ms;
  HttpServer server(this->loop_, &say_hello, options);
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    for (std::uint64_t round = 1; round <= 3; ++round) {
      HttpRequest request("POST", server.url() + "/", "x");
      Outcome outcome = co_await outcome_of(client, std::move(request));
      EXPECT_TRUE(outcome.answered()) << outcome.message;
      EXPECT_EQ(client.counters().connections_opened, round);
      co_await this->until([&] { return server.open_connections() == 0; });
      for (int turn = 0; turn < 5; ++turn) co_await sleep_for(1ms);  // Until the client has heard of it.
    }
  });
}

TYPED_TEST(HttpTest, ConnectionCloseIsTheLastOfItsConnection) {
  HttpServer server(
      this->loop_,
      [](HttpServerRequest request) -> Task<HttpReply> {
        HttpReply reply(200, request.path);
        if (request.path == "/by-server") reply = HttpReply(200, request.path, {{"Connection", "close"}});
        co_return reply;
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    for (const char* const path : {"/by-server", "/by-client", "/neither", "/neither"}) {
      HttpRequest request("POST", server.url() + path, "x");
      if (std::string_view(path) == "/by-client") request.headers.add("Connection", "close");
      HttpResponse response = co_await client.send(std::move(request));
      EXPECT_EQ(response.body, path);
    }
  });
  EXPECT_EQ(client.counters().connections_opened, 3u);
}

TYPED_TEST(HttpTest, RefusesWhatCannotBeSent) {
  HttpClient client(this->loop_, this->client_options());
  const std::string url = TypeParam::kTls ? "https://127.0.0.1:1" : "http://127.0.0.1:1";
  const auto refusal = [&](HttpRequest request) {
    std::string message;
    this->run([&]() -> Task<> {
      try {
        co_await client.send(std::move(request));
        ADD_FAILURE();
      } catch (const HttpError&) {
        ADD_FAILURE() << "nothing was to be tried";
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), Errc::kInvalidArgument);
        message = error.what();
      }
    });
    EXPECT_THAT(message, Not(HasSubstr("secret")));
    return message;
  };

  EXPECT_EQ(refusal(HttpRequest("GET", "ws://h/secret")), "ws://h: unsupported scheme ws, expected http or https");
  EXPECT_EQ(refusal(HttpRequest("GET", "secret")), "the URL: not a URL, expected http://host:port/path");
  EXPECT_EQ(refusal(HttpRequest("GET", "http://a:secret@h/")),
            "http://h: user and password in a URL are not supported");
  EXPECT_EQ(refusal(HttpRequest("GET", "http://h/#secret")), "http://h: an HTTP URL to be sent has no fragment");
  EXPECT_EQ(refusal(HttpRequest("G T", url + "/secret")),
            url + ": the method is not a token, expected GET, POST and the like");
  EXPECT_EQ(refusal(HttpRequest("CONNECT", url)), url + ": CONNECT is a proxy's, expected GET, POST and the like");
  EXPECT_EQ(refusal(HttpRequest("GET", url, "", {{"X-A", "secret\r\nX-B: 1"}})),
            url + ": the header field X-A holds a line break or a NUL");
  EXPECT_EQ(refusal(HttpRequest("GET", url, "", {{"secret secret", "1"}})),
            url + ": the name of a header field is not a token");
  EXPECT_EQ(refusal(HttpRequest("GET", url, "", {{"content-length", "1"}})),
            url + ": the header field content-length is the transport's own");
  EXPECT_EQ(client.counters().requests, 0u);

  HttpClientOptions none = this->client_options();
  none.connections_max = 0;
  EXPECT_THROW(HttpClient(this->loop_, none), Error);
  EXPECT_THROW(HttpServer(this->loop_, nullptr, this->server_options()), Error);
}

TYPED_TEST(HttpTest, KeepsHttpAndHttpsApart) {
  HttpServerOptions tls;
  tls.tls = loopback_identity();
  HttpServer plain(this->loop_, &say_hello);
  HttpServer secure(this->loop_, &say_hello, tls);
  EXPECT_THAT(plain.url(), HasSubstr("http://"));
  EXPECT_THAT(secure.url(), HasSubstr("https://"));
  HttpClientOptions options = this->client_options();
  options.ca_file = test_ca().ca_file();
  HttpClient client(this->loop_, options);
  this->run([&]() -> Task<> {
    HttpRequest to_plain("POST", "https://127.0.0.1:" + std::to_string(plain.port()) + "/", "x");
    Outcome outcome = co_await outcome_of(client, std::move(to_plain));
    EXPECT_EQ(outcome.code, Errc::kConnectFailed);
    EXPECT_FALSE(outcome.may_have_arrived);
    EXPECT_THAT(outcome.message, HasSubstr("the server speaks no TLS"));

    HttpRequest to_secure("POST", "http://127.0.0.1:" + std::to_string(secure.port()) + "/", "x");
    outcome = co_await outcome_of(client, std::move(to_secure));
    EXPECT_EQ(outcome.code, Errc::kConnectionClosed) << outcome.message;
    EXPECT_TRUE(outcome.may_have_arrived);
  });
}

TYPED_TEST(HttpTest, APortThatIsTakenIsAnError) {
  HttpServer server(this->loop_, &say_hello, this->server_options());
  HttpServerOptions options = this->server_options();
  options.port = server.port();
  try {
    HttpServer second(this->loop_, &say_hello, options);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kConnectFailed);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("127.0.0.1:" + std::to_string(server.port())), HasSubstr("in use")));
  }
}

TYPED_TEST(HttpTest, TheCensusSaysWhatItAwaits) {
  Event asked;
  Event answer;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest) -> Task<HttpReply> {
        asked.set();
        co_await answer.wait();
        co_return HttpReply(200);
      },
      this->server_options());
  HttpClientOptions options = this->client_options();
  options.connections_max = 1;
  HttpClient client(this->loop_, options);
  this->run([&]() -> Task<> {
    auto ask = [&]() -> Task<> {
      HttpRequest request("GET", server.url() + "/");
      co_await client.send(std::move(request));
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("sent", ask(), TaskKind::kFinite);
      group.start("waiting", ask(), TaskKind::kFinite);
      co_await asked.wait();
      EXPECT_EQ(group.tasks()[0].awaiting, "HTTP response");
      EXPECT_EQ(group.tasks()[1].awaiting, "a connection to be free");
      answer.set();
    });
  });
}

template <typename Loop>
void answer_what_cannot_stand() {
  Loop loop;
  HttpServer server(loop, [](HttpServerRequest) -> Task<HttpReply> {
    co_return HttpReply(200, "", {{"X-A", "1\r\nX-B: 2"}});
  });
  HttpClientOptions options;
  options.proxy = "";
  HttpClient client(loop, options);
  HttpRequest request("GET", server.url() + "/");
  loop.run(client.send(std::move(request)));
}

TEST(HttpDeathTest, AReplyThatBreaksOutOfItsHeaderAborts) {
  EXPECT_DEATH(answer_what_cannot_stand<UvLoop>(), "an HttpReply of status 200 is no final one");
  EXPECT_DEATH(answer_what_cannot_stand<VirtualLoop>(), "an HttpReply of status 200 is no final one");
}

}  // namespace
}  // namespace soak::net
