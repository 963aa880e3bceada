// SPDX-License-Identifier: Apache-2.0
// What a server is asked, and what its client is told.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/net/http_transports.h"

namespace soak::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename Transport>
class HttpTest : public HttpTransportTest<Transport> {};

TYPED_TEST_SUITE(HttpTest, Transports, TransportNames);

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

// The client keeps what it sent last, for a request that is like it.
TYPED_TEST(HttpTest, ARequestHasNothingOfTheOneBefore) {
  std::vector<std::string> seen;
  HttpServer server(
      this->loop_,
      [&](HttpServerRequest request) -> Task<HttpReply> {
        seen.push_back(request.method + " " + request.path + " " + request.headers.get("Content-Type", "none") + " " +
                       request.headers.get("X-A", "none") + " " + std::to_string(request.body.size()));
        co_return HttpReply(200, "x");
      },
      this->server_options());
  HttpClient client(this->loop_, this->client_options());
  struct Sent {
    const char* method;
    const char* path;
    std::size_t size;
    const char* type;
    const char* a;
  };
  constexpr std::size_t kLarge = std::size_t{100} << 10;  // Not sent together with the head.
  const std::vector<Sent> all = {
      {"POST", "/1", 3, "a/b", "1"}, {"POST", "/1", 5, "a/b", "1"},      {"POST", "/1", 5, "a/b", "2"},
      {"POST", "/1", 0, "a/b", "2"}, {"POST", "/2", kLarge, "a/b", "2"}, {"POST", "/2", 3, "a/b", "2"},
      {"GET", "/2", 0, "", "2"},     {"GET", "/2", 0, "", ""},           {"GET", "/2", 4, "", ""},
      {"GET", "/2", 0, "", ""},      {"DELETE", "/2", 0, "", ""},        {"HEAD", "/2", 0, "", ""},
      {"POST", "/2", 3, "", "1"},    {"HEAD", "/2", 0, "", "1"},         {"POST", "/2", 3, "c/d", "1"}};
  std::vector<std::string> expected;
  this->run([&]() -> Task<> {
    for (const Sent& sent : all) {
      HttpRequest request(sent.method, server.url() + sent.path, std::string(sent.size, 'x'));
      std::string line = std::string(sent.method) + " " + sent.path;
      for (const auto& [name, value] : {std::pair{"Content-Type", sent.type}, std::pair{"X-A", sent.a}}) {
        if (*value != '\0') {
          request.headers.add(name, value);
        }
        line += std::string(" ") + (*value != '\0' ? value : "none");
      }
      expected.push_back(line + " " + std::to_string(sent.size));
      HttpResponse response = co_await client.send(std::move(request));
      EXPECT_EQ(response.status, 200) << line;
    }
  });
  EXPECT_EQ(seen, expected);
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
  for (const auto& [name, value] : seen) {
    if (name == "X-Tag" || name == "x-TAG") {
      names.push_back(name);
    }
  }
  EXPECT_THAT(names, ElementsAre("X-Tag", "x-TAG"));
  EXPECT_THAT(response.headers.get_all("SET-COOKIE"), ElementsAre("a=1", "b=2"));
  EXPECT_EQ(response.headers.get("Retry-After"), "30");
  EXPECT_EQ(response.headers.get("X-Empty", "absent"), "");
  bool lower = false;
  for (const auto& [name, value] : response.headers) {
    lower = lower || name == "retry-after";
  }
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

TYPED_TEST(HttpTest, WhatAHandlerThrowsAnswers500) {
  HttpServer server(
      this->loop_,
      [](HttpServerRequest request) -> Task<HttpReply> {
        if (request.path == "/error") {
          throw std::runtime_error("out of luck");
        }
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
  for (const HttpServerRequest& head : heads) {
    EXPECT_EQ(head.body, "");
  }
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

  EXPECT_EQ(refusal(HttpRequest("GET", "ws://h/secret")), "ws://h: unsupported scheme ws: expected http or https");
  EXPECT_EQ(refusal(HttpRequest("GET", "secret")), "the URL: not a URL: expected http://host:port/path");
  EXPECT_EQ(refusal(HttpRequest("GET", "http://a:secret@h/")),
            "http://h: user and password in a URL are not supported");
  EXPECT_EQ(refusal(HttpRequest("GET", "http://h/#secret")), "http://h: an HTTP URL to be sent has no fragment");
  EXPECT_EQ(refusal(HttpRequest("G T", url + "/secret")),
            url + ": the method is not a token: expected GET, POST and the like");
  EXPECT_EQ(refusal(HttpRequest("CONNECT", url)), url + ": CONNECT is for proxies: expected GET, POST and the like");
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
  EXPECT_DEATH(answer_what_cannot_stand<UvLoop>(), "an HttpReply of status 200 is not a final one");
  EXPECT_DEATH(answer_what_cannot_stand<VirtualLoop>(), "an HttpReply of status 200 is not a final one");
}

}  // namespace
}  // namespace soak::net
