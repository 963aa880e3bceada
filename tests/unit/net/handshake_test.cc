// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <stdexcept>
#include <vector>

#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "tests/unit/net/transports.h"

namespace soak::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

template <typename Transport>
class HandshakeTest : public TransportTest<Transport> {
 protected:
  // What connect_websocket() throws, as "code: text"; empty if it connects.
  Task<std::string> failure(std::string url, ConnectOptions options = ConnectOptions()) {
    try {
      std::unique_ptr<WebSocket> socket = co_await connect_client(this->loop_, url, options);
    } catch (const Error& error) {
      code_ = error.code();
      co_return error.what();
    }
    co_return std::string();
  }

  Errc code_{};
};
TYPED_TEST_SUITE(HandshakeTest, Transports, TransportNames);

TYPED_TEST(HandshakeTest, TellsTheServerWhatTheClientSent) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.headers.add("Authorization", "Bearer key");
    options.headers.add("OpenAI-Beta", "realtime=v1");
    options.subprotocols = {"realtime", "openai-insecure-api-key." + std::string(200, 'k')};
    SocketPair pair = co_await connect_pair(this->loop_, server, options, "/v1/realtime?model=gpt%20realtime&x=1");

    EXPECT_EQ(pair.request.path, "/v1/realtime");
    EXPECT_EQ(pair.request.query, "model=gpt%20realtime&x=1");
    EXPECT_EQ(pair.request.query_value("model"), "gpt realtime");
    EXPECT_EQ(pair.request.query_value("y"), "");
    EXPECT_EQ(pair.request.headers.get("authorization"), "Bearer key");
    EXPECT_EQ(pair.request.headers.get("openai-beta"), "realtime=v1");
    EXPECT_EQ(pair.request.headers.get("Host"), server.url().substr(server.url().find("//") + 2));
    EXPECT_EQ(pair.request.subprotocols, options.subprotocols);
    EXPECT_THAT(pair.request.peer_address, Not(IsEmpty()));
    EXPECT_EQ(pair.client->subprotocol(), "realtime");
    EXPECT_EQ(pair.server->subprotocol(), "realtime");
  });
}

TYPED_TEST(HandshakeTest, TellsTheClientWhatTheServerAnswered) {
  ServerOptions server_options = this->server_options();
  server_options.on_handshake = [](const HandshakeRequest&) {
    return HandshakeReply::accept("second", {{"X-Request-Id", "req-1"}, {"Retry-After", "7"}});
  };
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.subprotocols = {"first", "second"};
    options.response_headers = {"X-Request-Id"};
    SocketPair pair = co_await connect_pair(this->loop_, server, options);

    EXPECT_EQ(pair.client->subprotocol(), "second");
    EXPECT_EQ(pair.client->response_headers().get("x-request-id"), "req-1");
    EXPECT_EQ(pair.client->response_headers().get("retry-after"), "7");
    EXPECT_TRUE(pair.server->response_headers().empty());
  });
}

TYPED_TEST(HandshakeTest, HasNoSubprotocolWhereNoneIsOffered) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    EXPECT_EQ(pair.client->subprotocol(), "");
    EXPECT_EQ(pair.server->subprotocol(), "");
  });
}

TYPED_TEST(HandshakeTest, FailsOnASubprotocolThatWasNotOffered) {
  ServerOptions server_options = this->server_options();
  server_options.on_handshake = [](const HandshakeRequest&) { return HandshakeReply::accept("other"); };
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.subprotocols = {"first"};
    std::string failure = co_await this->failure(server.url(), options);
    EXPECT_THAT(failure, HasSubstr(server.url()));
    EXPECT_EQ(this->code_, Errc::kConnectFailed);
  });
}

TYPED_TEST(HandshakeTest, RefusalCarriesStatusBodyAndHeaders) {
  ServerOptions server_options = this->server_options();
  server_options.on_handshake = [](const HandshakeRequest& request) {
    EXPECT_EQ(request.query, "key=secret");
    return HandshakeReply::refuse(429, R"({"error":"slow down"})",
                                  {{"Retry-After", "30"}, {"X-Reason", "quota"}, {"Content-Type", "application/json"}});
  };
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.response_headers = {"X-Reason"};
    try {
      auto socket = co_await connect_client(this->loop_, server.url() + "/v1?key=secret", options);
      ADD_FAILURE();
    } catch (const HandshakeRefused& refused) {
      EXPECT_EQ(refused.code(), Errc::kHandshakeRefused);
      EXPECT_EQ(refused.status(), 429);
      EXPECT_EQ(refused.body(), R"({"error":"slow down"})");
      EXPECT_EQ(refused.headers().get("retry-after"), "30");
      EXPECT_EQ(refused.headers().get("x-reason"), "quota");
      EXPECT_EQ(refused.headers().get("content-length"), "21");
      EXPECT_EQ(std::string(refused.what()), server.url() + "/v1: the handshake was refused with 429");
    }
  });
  EXPECT_EQ(server.open_connections(), 0u);
}

TYPED_TEST(HandshakeTest, RefusesWithEveryStatusThatMatters) {
  int status = 0;
  ServerOptions server_options = this->server_options();
  server_options.on_handshake = [&](const HandshakeRequest&) { return HandshakeReply::refuse(status); };
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    for (const int each : {200, 301, 400, 401, 403, 404, 426, 500, 503}) {
      status = each;
      try {
        auto socket = co_await connect_client(this->loop_, server.url());
        ADD_FAILURE();
      } catch (const HandshakeRefused& refused) {
        EXPECT_EQ(refused.status(), each);
      }
    }
  });
}

TYPED_TEST(HandshakeTest, WhatTheDecisionThrowsIs500) {
  ServerOptions server_options = this->server_options();
  server_options.on_handshake = [](const HandshakeRequest&) -> HandshakeReply { throw std::runtime_error("bug"); };
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    std::string failure = co_await this->failure(server.url());
    EXPECT_THAT(failure, HasSubstr("refused with 500"));
  });
}

TYPED_TEST(HandshakeTest, NobodyListeningIsConnectFailed) {
  std::string url;
  {
    WebSocketServer server(this->loop_, this->server_options());
    url = server.url();
  }
  this->run([&]() -> Task<> {
    for (int round = 0; round < 3; ++round) {
      std::string failure = co_await this->failure(url + "/v1?key=secret");
      EXPECT_THAT(failure, StartsWith(url + "/v1: connection refused, "));
      EXPECT_THAT(failure, HasSubstr(" s after connect"));
      EXPECT_EQ(this->code_, Errc::kConnectFailed);
    }
  });
}

TYPED_TEST(HandshakeTest, AServerThatNeverAnswersIsATimeout) {
  ServerOptions server_options = this->server_options();
  server_options.accept_queue_max = 1;  // The second connection is made, and stays unanswered.
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    auto first = co_await connect_client(this->loop_, server.url());
    const std::size_t fds = open_fds();
    ConnectOptions options;
    options.connect_timeout = 60ms;
    const Instant begun = this->loop_.now();
    std::string failure = co_await this->failure(server.url() + "/?key=secret", options);
    EXPECT_EQ(failure, server.url() + "/: no handshake within the connect timeout of 0.1 s");
    EXPECT_EQ(this->code_, Errc::kTimeout);
    EXPECT_GE(this->loop_.now() - begun, 60ms);
    while (open_fds() != fds) {
      co_await yield();
    }
  });
}

TYPED_TEST(HandshakeTest, ACancelledConnectLeavesNothingBehind) {
  ServerOptions server_options = this->server_options();
  server_options.accept_queue_max = 1;
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    auto first = co_await connect_client(this->loop_, server.url());
    const std::size_t fds = open_fds();
    const std::size_t tasks = this->loop_.live_tasks();
    auto hang = [&]() -> Task<> { auto socket = co_await connect_client(this->loop_, server.url()); };
    for (int turns = 0; turns < 6; ++turns) {
      co_await with_group(this->loop_, {.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
        group.start("hang", hang());
        for (int turn = 0; turn < turns; ++turn) {
          co_await yield();
        }
      });
      EXPECT_EQ(this->loop_.live_tasks(), tasks);
      while (open_fds() != fds) {
        co_await yield();
      }
    }
  });
}

TYPED_TEST(HandshakeTest, RefusesWhatItCannotSend) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.headers.add("X-A", "1\r\nX-B: secret");
    std::string failure = co_await this->failure(server.url(), options);
    EXPECT_EQ(this->code_, Errc::kInvalidArgument);
    EXPECT_THAT(failure, HasSubstr("not a header field: X-A"));
    EXPECT_THAT(failure, Not(HasSubstr("secret")));

    options = ConnectOptions();
    options.subprotocols = {"a b"};
    failure = co_await this->failure(server.url(), options);
    EXPECT_THAT(failure, HasSubstr("not a token"));

    failure = co_await this->failure(server.url() + "/" + std::string(3000, 'p'));
    EXPECT_THAT(failure, HasSubstr("longer than"));
  });
}

TYPED_TEST(HandshakeTest, CarriesALongTargetAndManyHeaders) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    for (int i = 0; i < 40; ++i) {
      options.headers.add("X-Header-" + std::to_string(i), std::string(300, 'v'));
    }
    SocketPair pair = co_await connect_pair(this->loop_, server, options, "/?key=" + std::string(1900, 'k'));
    EXPECT_EQ(pair.request.query_value("key").size(), 1900u);
    EXPECT_EQ(pair.request.headers.get("x-header-39").size(), 300u);
  });
}

TYPED_TEST(HandshakeTest, AcceptsInTheOrderOfTheHandshakes) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    std::vector<std::unique_ptr<WebSocket>> clients;
    for (int i = 0; i < 10; ++i) {
      std::string url = server.url() + "/" + std::to_string(i);
      clients.push_back(co_await connect_client(this->loop_, url));
    }
    EXPECT_EQ(server.open_connections(), 10u);
    for (int i = 0; i < 10; ++i) {
      AcceptedWebSocket accepted = co_await server.accept();
      EXPECT_EQ(accepted.request.path, "/" + std::to_string(i));
    }
  });
}

TYPED_TEST(HandshakeTest, AFullAcceptQueueMakesNewConnectionsWait) {
  ServerOptions server_options = this->server_options();
  server_options.accept_queue_max = 2;
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    int connected = 0;
    auto connect = [&]() -> Task<> {
      auto socket = co_await connect_client(this->loop_, server.url());
      ++connected;
      co_await receive_all(*socket);
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 6; ++i) {
        group.start({"client", i}, connect(), TaskKind::kFinite);
      }
      while (connected < 2) {
        co_await yield();
      }
      for (int turn = 0; turn < 50; ++turn) {
        co_await yield();
      }
      EXPECT_EQ(connected, 2);
      for (int i = 0; i < 6; ++i) {
        AcceptedWebSocket accepted = co_await server.accept();
        co_await accepted->close();
      }
    });
    EXPECT_EQ(connected, 6);
  });
}

TYPED_TEST(HandshakeTest, AStoppedServerRefusesAndWakesWhoAccepts) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    std::optional<Errc> code;
    auto acceptor = [&]() -> Task<> {
      try {
        co_await server.accept();
      } catch (const Error& error) {
        code = error.code();
      }
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("acceptor", acceptor(), TaskKind::kFinite);
      co_await yield();
      server.stop();
    });
    EXPECT_EQ(code, Errc::kConnectionClosed);
    std::string failure = co_await this->failure(server.url());
    EXPECT_THAT(failure, HasSubstr("connection refused"));

    co_await pair.client->send_text("still here");
    Message message = co_await pair.server->receive();
    EXPECT_EQ(message.data, "still here");
  });
}

TYPED_TEST(HandshakeTest, ADestroyedServerDropsOnlyWhatNobodyAccepted) {
  this->run([&]() -> Task<> {
    auto server = std::make_unique<WebSocketServer>(this->loop_, this->server_options());
    SocketPair pair = co_await connect_pair(this->loop_, *server);
    std::string url = server->url();
    auto waiting = co_await connect_client(this->loop_, url);
    server.reset();

    CloseStatus status = co_await receive_all(*waiting);
    EXPECT_EQ(status.code, kCloseAbnormal);
    co_await pair.client->send_text("still here");
    Message message = co_await pair.server->receive();
    EXPECT_EQ(message.data, "still here");
  });
}

TYPED_TEST(HandshakeTest, AServerMayGoWithinItsOwnDecision) {
  this->run([&]() -> Task<> {
    std::unique_ptr<WebSocketServer> server;
    ServerOptions options = this->server_options();
    options.on_handshake = [&](const HandshakeRequest& request) {
      server.reset();
      return accept_any(request);
    };
    server = std::make_unique<WebSocketServer>(this->loop_, options);
    std::string failure = co_await this->failure(server->url());
    EXPECT_EQ(this->code_, Errc::kConnectFailed) << failure;
  });
}

TYPED_TEST(HandshakeTest, TwoServersHaveTheirOwnPorts) {
  WebSocketServer first(this->loop_, this->server_options());
  WebSocketServer second(this->loop_, this->server_options());
  EXPECT_NE(first.port(), second.port());

  ServerOptions options = this->server_options();
  options.port = first.port();
  try {
    WebSocketServer third(this->loop_, options);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kConnectFailed);
    EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:" + std::to_string(first.port())));
    EXPECT_THAT(error.what(), HasSubstr("ddress already in use"));
  }
}

TYPED_TEST(HandshakeTest, APortIsFreeAgainWhenItsServerIsGone) {
  ServerOptions options = this->server_options();
  for (int round = 0; round < 20; ++round) {
    WebSocketServer server(this->loop_, options);
    options.port = server.port();
    this->run([&]() -> Task<> { SocketPair pair = co_await connect_pair(this->loop_, server); });
  }
}

TYPED_TEST(HandshakeTest, TwoHundredReconnectsLeaveNothingBehind) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    { SocketPair warm_up = co_await connect_pair(this->loop_, server); }
    const std::size_t fds = co_await settled_fds(this->loop_);
    const std::size_t tasks = this->loop_.live_tasks();
    for (int i = 0; i < 200; ++i) {
      SocketPair pair = co_await connect_pair(this->loop_, server);
      co_await pair.client->send_text("x");
      co_await pair.server->receive();
      if (i % 3 == 0) {
        co_await pair.client->close();
      }
      if (i % 3 == 1) {
        co_await pair.server->close();
      }
    }
    const std::size_t fds_after = co_await settled_fds(this->loop_);
    EXPECT_EQ(fds_after, fds);
    EXPECT_EQ(this->loop_.live_tasks(), tasks);
    EXPECT_EQ(server.open_connections(), 0u);
  });
}

}  // namespace
}  // namespace soak::net
