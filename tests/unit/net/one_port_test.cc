// SPDX-License-Identifier: Apache-2.0
// A WebSocketServer that answers plain requests on its port too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "tests/unit/net/http_transports.h"
#include "tests/unit/net/raw_socket.h"

namespace soak::net {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string http_url(const WebSocketServer& server) { return "http" + server.url().substr(2); }

HttpResponse echo(HttpServerRequest request) {
  HttpResponse response(200, std::move(request.body));
  response.headers.add("X-Request", request.method + " " + request.path + "?" + request.query);
  return response;
}

template <typename Transport>
class OnePortTest : public HttpTransportTest<Transport> {
 protected:
  static ServerOptions options(std::function<HttpResponse(HttpServerRequest)> on_request) {
    ServerOptions options = TransportTest<Transport>::server_options();
    options.on_request = std::move(on_request);
    return options;
  }
};
TYPED_TEST_SUITE(OnePortTest, Transports, TransportNames);

TYPED_TEST(OnePortTest, RequestsAndWebSocketsAreServedSideBySide) {
  WebSocketServer server(this->loop_, this->options(&echo));
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{3} << 20}) {
      const std::string body = patterned(size);
      const Outcome outcome = co_await outcome_of(client, HttpRequest("POST", http_url(server) + "/a?b=c", body));
      EXPECT_TRUE(outcome.answered()) << outcome.message;
      EXPECT_EQ(outcome.response.status, 200);
      EXPECT_TRUE(outcome.response.body == body);
      EXPECT_EQ(outcome.response.headers.get("X-Request"), "POST /a?b=c");
      EXPECT_EQ(outcome.response.headers.get("Connection"), "close");
      EXPECT_NE(outcome.response.headers.get("Date"), "");
    }
    co_await pair.client->send_text("still here");
    const Message heard = co_await pair.server->receive();
    EXPECT_EQ(heard.data, "still here");
    SocketPair another = co_await connect_pair(this->loop_, server);
    co_await another.client->close();
    co_await pair.client->close();
  });
}

TYPED_TEST(OnePortTest, AHandlerThatThrowsIs500) {
  WebSocketServer server(this->loop_, this->options([](const HttpServerRequest&) -> HttpResponse {
    throw std::runtime_error("out of order");
  }));
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    const Outcome outcome = co_await outcome_of(client, HttpRequest("GET", http_url(server) + "/"));
    EXPECT_EQ(outcome.response.status, 500);
    EXPECT_EQ(outcome.response.body, "out of order");
  });
}

TYPED_TEST(OnePortTest, ABodyBeyondTheLimitIs413) {
  WebSocketServer server(this->loop_, this->options(&echo));
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    const std::string body((std::size_t{16} << 20) + 1, 'x');
    const Outcome outcome = co_await outcome_of(client, HttpRequest("POST", http_url(server) + "/", body));
    EXPECT_EQ(outcome.response.status, 413) << outcome.message;
  });
}

TYPED_TEST(OnePortTest, AHandlerMayStopTheServer) {
  WebSocketServer* running = nullptr;
  WebSocketServer server(this->loop_, this->options([&running](const HttpServerRequest&) {
    running->stop();
    return HttpResponse(200);
  }));
  running = &server;
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    const Outcome outcome = co_await outcome_of(client, HttpRequest("GET", http_url(server) + "/"));
    EXPECT_FALSE(outcome.answered());
    const Outcome later = co_await outcome_of(client, HttpRequest("GET", http_url(server) + "/"));
    EXPECT_EQ(later.code, Errc::kConnectFailed) << later.message;
  });
}

TYPED_TEST(OnePortTest, WithoutAHandlerARequestIsRefused) {
  WebSocketServer server(this->loop_, TransportTest<TypeParam>::server_options());
  HttpClient client(this->loop_, this->client_options());
  this->run([&]() -> Task<> {
    const Outcome outcome = co_await outcome_of(client, HttpRequest("GET", http_url(server) + "/"));
    // In memory there are no bytes in which a WebSocket server could answer: the connection ends.
    EXPECT_TRUE(outcome.answered() ? outcome.response.status == 426 : this->loop_.is_virtual()) << outcome.message;
  });
}

// What the bytes of requests may look like, over a raw socket.
class OnePortSocketTest : public testing::Test {
 protected:
  std::string answer_to(std::string request) {
    ServerOptions options;
    options.on_request = [this](HttpServerRequest asked) {
      ++requests_;
      return echo(std::move(asked));
    };
    WebSocketServer server(loop_, options);
    std::string answer;
    Event answered;
    std::thread peer([&] {
      RawClient client(server.port());
      client.write(request);
      answer = client.read_all();
      loop_.post([&answered] { answered.set(); });
    });
    loop_.run([](Event& done) -> Task<> { co_await done.wait(); }(answered));
    peer.join();
    return answer;
  }

  UvLoop loop_;
  int requests_ = 0;
};

TEST_F(OnePortSocketTest, ABodyInChunksIsRead) {
  const std::string answer =
      answer_to("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4\r\n two\r\n0\r\n\r\n");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\none two"));
}

TEST_F(OnePortSocketTest, AClientThatExpectsToContinueIsToldTo) {
  const std::string answer =
      answer_to("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST_F(OnePortSocketTest, AnAnswerToHeadHasNoBody) {
  const std::string answer = answer_to("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");

  EXPECT_THAT(answer, HasSubstr("X-Request: HEAD /x?\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

// One that asks for a WebSocket, and asks wrongly, is not taken for a plain request.
TEST_F(OnePortSocketTest, ABadHandshakeIsRefusedAsOne) {
  const std::string answer = answer_to(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\r\n");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 426 "));
  EXPECT_THAT(answer, HasSubstr("Sec-WebSocket-Version: 13\r\n"));
  EXPECT_EQ(requests_, 0);
}

}  // namespace
}  // namespace soak::net
