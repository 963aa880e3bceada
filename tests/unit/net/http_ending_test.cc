// SPDX-License-Identifier: Apache-2.0
// Requests that end without a response, and what their senders know of them then.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/net/http_transports.h"

namespace soak::net {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename Transport>
class HttpEndingTest : public HttpTransportTest<Transport> {};

TYPED_TEST_SUITE(HttpEndingTest, Transports, TransportNames);

HttpHandler never_answered(Event& asked) {
  return [&asked](HttpServerRequest) -> Task<HttpReply> {
    asked.set();
    co_await sleep_for(1h);
    co_return HttpReply(200);
  };
}

TYPED_TEST(HttpEndingTest, ARefusedConnectionNamesTheHostAndHasNotArrived) {
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

TYPED_TEST(HttpEndingTest, AResetInsteadOfTheResponseMayHaveArrived) {
  int requests = 0;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest) -> Task<HttpReply> {
        if (++requests == 1) {
          co_return HttpReply::reset();
        }
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
TYPED_TEST(HttpEndingTest, ARequestOnAKeptConnectionThatIsResetIsSentOnce) {
  for (const char* const method : {"POST", "GET"}) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{200'000}}) {
      std::vector<std::string> stored;
      HttpServer server(
          this->loop_,
          [&](HttpServerRequest request) -> Task<HttpReply> {
            stored.push_back(request.path);
            if (request.path == "/lost") {
              co_return HttpReply::reset();
            }
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

TYPED_TEST(HttpEndingTest, AResponseThatEndsEarlyIsAClosedConnection) {
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

// Of the rest the server gets rid, or not, as the connection allows; it goes on with the others.
TYPED_TEST(HttpEndingTest, AClientMayLeaveWithinItsResponse) {
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

TYPED_TEST(HttpEndingTest, ACancelledRequestGoesWithItsConnection) {
  Event asked;
  Event answer;
  bool finished = false;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        if (request.path == "/next") {
          co_return HttpReply(200, "next");
        }
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

TYPED_TEST(HttpEndingTest, CancelledWhileItWaitsForItsTurnItLeavesTheOthersTheirs) {
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
TYPED_TEST(HttpEndingTest, WhatItsResponsesResumeMayDestroyIt) {
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

TYPED_TEST(HttpEndingTest, WhatIsUnderWayWhenTheClientGoesEnds) {
  Event asked;
  HttpServer server(this->loop_, never_answered(asked), this->server_options());
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

TYPED_TEST(HttpEndingTest, AServerThatGoesEndsWhatIsUnderWay) {
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

TYPED_TEST(HttpEndingTest, CloseAnswersWhatIsUnderWayAndTakesNoMore) {
  Event asked;
  Event answer;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        if (request.path == "/first") {
          co_return HttpReply(200);
        }
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

TYPED_TEST(HttpEndingTest, CloseDropsWhatOutlastsItsTimeout) {
  Event asked;
  HttpServer server(this->loop_, never_answered(asked), this->server_options());
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

}  // namespace
}  // namespace soak::net
