// SPDX-License-Identifier: Apache-2.0
// Which connection a request goes on: a kept one, a new one, or none yet.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/net/http_transports.h"

namespace soak::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <typename Transport>
class HttpConnectionTest : public HttpTransportTest<Transport> {};

TYPED_TEST_SUITE(HttpConnectionTest, Transports, TransportNames);

TYPED_TEST(HttpConnectionTest, KeepsItsConnectionForTheNextRequest) {
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

TYPED_TEST(HttpConnectionTest, SendsAtOnceAsManyAsItMayHaveConnections) {
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
      for (int i = 0; i < kRequests; ++i) {
        group.start({"request", static_cast<std::uint64_t>(i)}, ask(i), TaskKind::kFinite);
      }
      co_await yield();
    });
    EXPECT_EQ(client.open_connections(), 3u);
  });
  EXPECT_EQ(most, 3);
  EXPECT_EQ(connections.size(), 3u);
  EXPECT_EQ(client.counters().connections_opened, 3u);
  // First come, first served: none overtakes one that came three or more before it.
  ASSERT_EQ(order.size(), static_cast<std::size_t>(kRequests));
  for (std::size_t i = 0; i < order.size(); ++i) {
    EXPECT_NEAR(order[i], static_cast<int>(i), 2);
  }
}

TYPED_TEST(HttpConnectionTest, TheTimeoutRunsWhileARequestWaitsForItsTurn) {
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

TYPED_TEST(HttpConnectionTest, TheCensusSaysWhatItAwaits) {
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

TYPED_TEST(HttpConnectionTest, TheServerClosesAnIdleConnectionAndTheNextRequestOpensAnother) {
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
      for (int turn = 0; turn < 5; ++turn) {
        co_await sleep_for(1ms);  // Until the client has heard of it.
      }
    }
  });
}

TYPED_TEST(HttpConnectionTest, ConnectionCloseIsTheLastOfItsConnection) {
  HttpServer server(
      this->loop_,
      [](HttpServerRequest request) -> Task<HttpReply> {
        HttpReply reply(200, request.path);
        if (request.path == "/by-server") {
          reply = HttpReply(200, request.path, {{"Connection", "close"}});
        }
        co_return reply;
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    for (const char* const path : {"/by-server", "/by-client", "/neither", "/neither"}) {
      HttpRequest request("POST", server.url() + path, "x");
      if (std::string_view(path) == "/by-client") {
        request.headers.add("Connection", "close");
      }
      HttpResponse response = co_await client.send(std::move(request));
      EXPECT_EQ(response.body, path);
    }
  });
  EXPECT_EQ(client.counters().connections_opened, 3u);
}

TYPED_TEST(HttpConnectionTest, KeepsHttpAndHttpsApart) {
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
    EXPECT_THAT(outcome.message, HasSubstr("the server does not use TLS"));

    HttpRequest to_secure("POST", "http://127.0.0.1:" + std::to_string(secure.port()) + "/", "x");
    outcome = co_await outcome_of(client, std::move(to_secure));
    EXPECT_EQ(outcome.code, Errc::kConnectionClosed) << outcome.message;
    EXPECT_TRUE(outcome.may_have_arrived);
  });
}

TYPED_TEST(HttpConnectionTest, APortThatIsTakenIsAnError) {
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

}  // namespace
}  // namespace soak::net
