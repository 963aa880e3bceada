// SPDX-License-Identifier: Apache-2.0
#include "soak/net/websocket.h"

#include <vector>

#include "tests/unit/net/transports.h"

namespace soak::net {
namespace {

template <typename Transport>
class WebSocketTest : public TransportTest<Transport> {};
TYPED_TEST_SUITE(WebSocketTest, Transports, TransportNames);

TYPED_TEST(WebSocketTest, CarriesTextAndBinaryBothWays) {
  WebSocketServer server(this->loop_, this->server_options());
  const std::vector<Message> messages{Message::text("hello"), Message::binary(std::string("\0\xff\x80", 3)),
                                      Message::text(""), Message::binary(""), Message::text("\xe2\x82\xac")};
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    for (const Message& message : messages) {
      co_await pair.client->send(message);
      Message there = co_await pair.server->receive();
      EXPECT_EQ(there, message);
      co_await pair.server->send(std::move(there));
      Message back = co_await pair.client->receive();
      EXPECT_EQ(back, message);
    }
    EXPECT_EQ(pair.client->counters().frames_sent, messages.size());
    EXPECT_EQ(pair.client->counters().bytes_received, 11u);
    co_await pair.client->close();
  });
}

TYPED_TEST(WebSocketTest, CarriesBigMessagesBothWays) {
  WebSocketServer server(this->loop_, this->server_options());
  std::string big(std::size_t{1} << 20, '\0');
  for (std::size_t i = 0; i < big.size(); ++i) {
    big[i] = static_cast<char>(i * 31 % 251);
  }
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    for (int round = 0; round < 3; ++round) {
      // Above the watermark, so the sends need someone to read.
      co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
        group.start("up", pair.client->send_binary(big), TaskKind::kFinite);
        group.start("down", pair.server->send_binary(big), TaskKind::kFinite);
        Message up = co_await pair.server->receive();
        Message down = co_await pair.client->receive();
        EXPECT_TRUE(up.data == big);
        EXPECT_TRUE(down.data == big);
      });
    }
    co_await pair.server->close();
  });
}

TYPED_TEST(WebSocketTest, KeepsTheOrder) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    for (int i = 0; i < 500; ++i) {
      co_await pair.client->send_text(std::to_string(i));
    }
    for (int i = 0; i < 500; ++i) {
      Message message = co_await pair.server->receive();
      EXPECT_EQ(message.data, std::to_string(i));
    }
  });
}

TYPED_TEST(WebSocketTest, SlowReaderStopsTheSenderAndLosesNothing) {
  ServerOptions options = this->server_options();
  options.receive_queue_max = 8;
  WebSocketServer server(this->loop_, options);
  constexpr int kMessages = 2000;
  const std::string filler(std::size_t{32} << 10, 'x');
  int sent = 0;
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    auto flood = [&]() -> Task<> {
      for (; sent < kMessages; ++sent) {
        co_await pair.client->send_text(std::to_string(sent) + filler);
      }
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("flood", flood(), TaskKind::kFinite);
      while (pair.client->buffered_bytes() <= WebSocketLimits().send_watermark_bytes) {
        co_await yield();
      }
      for (int turn = 0; turn < 100; ++turn) {
        co_await yield();
      }

      EXPECT_LT(sent, kMessages);
      EXPECT_LE(pair.client->buffered_bytes(), WebSocketLimits().send_watermark_bytes + 3 * filler.size());
      EXPECT_LE(pair.server->counters().frames_received, 8u);

      for (int i = 0; i < kMessages; ++i) {
        Message message = co_await pair.server->receive();
        if (message.data != std::to_string(i) + filler) {
          ADD_FAILURE() << "message " << i << " is not it";
          co_return;
        }
      }
    });
  });
  EXPECT_EQ(sent, kMessages);
}

TYPED_TEST(WebSocketTest, BoundsTheReceiveQueueByBytes) {
  ServerOptions options = this->server_options();
  options.receive_queue_bytes_max = 10'000;
  WebSocketServer server(this->loop_, options);
  const std::string payload(1'000, 'x');
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    for (int i = 0; i < 100; ++i) {
      co_await pair.client->send_binary(payload);
    }
    while (pair.server->counters().frames_received < 10) {
      co_await yield();
    }
    for (int turn = 0; turn < 100; ++turn) {
      co_await yield();
    }

    EXPECT_EQ(pair.server->counters().frames_received, 10u);
    for (int i = 0; i < 100; ++i) {
      Message message = co_await pair.server->receive();
      EXPECT_EQ(message.data.size(), payload.size());
    }
  });
}

TYPED_TEST(WebSocketTest, BothSidesFloodingMakeProgress) {
  ServerOptions server_options = this->server_options();
  server_options.receive_queue_max = 4;
  ConnectOptions client_options;
  client_options.receive_queue_max = 4;
  WebSocketServer server(this->loop_, server_options);
  constexpr int kMessages = 600;
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server, client_options);
    auto flood = [&](WebSocket& socket) -> Task<> {
      for (int i = 0; i < kMessages; ++i) {
        co_await socket.send_binary(std::string(20'000, static_cast<char>(i)));
      }
    };
    auto drink = [&](WebSocket& socket) -> Task<> {
      for (int i = 0; i < kMessages; ++i) {
        Message message = co_await socket.receive();
        EXPECT_TRUE(message.data == std::string(20'000, static_cast<char>(i)));
      }
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("up", flood(*pair.client), TaskKind::kFinite);
      group.start("down", flood(*pair.server), TaskKind::kFinite);
      group.start("top", drink(*pair.server), TaskKind::kFinite);
      co_await drink(*pair.client);
    });
  });
}

// The server's pipe is full, so no writable event comes; all messages are read into the transport at once, so no
// readable event comes either: each receive() must fetch the next one by itself.
TYPED_TEST(WebSocketTest, AReaderGoesOnWhileItsOwnSendsAreStuck) {
  ServerOptions server_options = this->server_options();
  server_options.receive_queue_max = 1;
  ConnectOptions client_options;
  client_options.receive_queue_max = 1;
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server, client_options);
    auto flood = [&]() -> Task<> {
      for (;;) {
        co_await pair.server->send_binary(std::string(100'000, 'x'));
      }
    };
    co_await with_group(this->loop_, {.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
      group.start("flood", flood());
      std::size_t stuck = 0;
      for (int turn = 0; turn < 200; ++turn) {
        if (pair.server->buffered_bytes() != std::exchange(stuck, pair.server->buffered_bytes())) {
          turn = 0;
        }
        co_await yield();
      }
      EXPECT_GT(stuck, WebSocketLimits().send_watermark_bytes / 2);
      for (int i = 0; i < 20; ++i) {
        co_await pair.client->send({Message::Kind::kText, std::to_string(i)});
      }
      for (int i = 0; i < 20; ++i) {
        Message message = co_await pair.server->receive();
        EXPECT_EQ(message.data, std::to_string(i));
      }
    });
  });
}

TYPED_TEST(WebSocketTest, CloseTellsThePeerCodeAndReason) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    for (const bool from_client : {true, false}) {
      SocketPair pair = co_await connect_pair(this->loop_, server);
      WebSocket& closing = from_client ? *pair.client : *pair.server;
      WebSocket& other = from_client ? *pair.server : *pair.client;
      CloseStatus seen;
      auto watch = [&]() -> Task<> { seen = co_await receive_all(other); };
      co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
        group.start("watch", watch(), TaskKind::kFinite);
        co_await closing.close(4001, "session moved");
      });

      EXPECT_EQ(seen, CloseStatus(4001, "session moved", CloseStatus::By::kPeer));
      EXPECT_EQ(other.close_status(), seen);
      EXPECT_EQ(closing.close_status(), CloseStatus(4001, "session moved", CloseStatus::By::kLocal));
      EXPECT_FALSE(closing.is_open());
      EXPECT_FALSE(other.is_open());
    }
  });
  EXPECT_EQ(server.open_connections(), 0u);
}

TYPED_TEST(WebSocketTest, ConnectionClosedNamesThePeerTheCodeAndTheReason) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server, ConnectOptions(), "/v1?key=secret");
    co_await pair.server->close(3000, "invalid_request_error.invalid_api_key");
    try {
      co_await pair.client->receive();
      ADD_FAILURE();
    } catch (const ConnectionClosed& closed) {
      EXPECT_EQ(closed.code(), Errc::kConnectionClosed);
      EXPECT_EQ(std::string(closed.what()),
                server.url() + "/v1: closed by the peer, 3000 invalid_request_error.invalid_api_key");
    }
  });
}

// The close comes right behind the message: the handler's send() throws, and its socket goes before the loop's next
// turn. The peer sees the close that it began, all the same.
TYPED_TEST(WebSocketTest, ACloseBehindAMessageIsAnsweredThoughTheHandlerLeavesAtOnce) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    for (const bool to_server : {true, false}) {
      SocketPair pair = co_await connect_pair(this->loop_, server);
      std::unique_ptr<WebSocket>& closing = to_server ? pair.client : pair.server;
      std::unique_ptr<WebSocket>& echoing = to_server ? pair.server : pair.client;
      auto echo = [&]() -> Task<> {
        try {
          for (;;) {
            Message message = co_await echoing->receive();
            co_await echoing->send(std::move(message));
          }
        } catch (const ConnectionClosed&) {
        }
        echoing.reset();
      };
      co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
        group.start("echo", echo(), TaskKind::kFinite);
        co_await closing->send_text("text");
        co_await closing->close(1000, "bye");
      });
      EXPECT_EQ(closing->close_status(), CloseStatus(1000, "bye", CloseStatus::By::kLocal));
    }
  });
}

// A close() that nobody waits for any more still goes out, behind what was queued.
TYPED_TEST(WebSocketTest, ASocketThatGoesWhileItClosesStillCloses) {
  WebSocketServer server(this->loop_, this->server_options());
  ConnectOptions options;
  options.send_watermark_bytes = std::size_t{64} << 20;
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    const std::string payload(std::size_t{64} << 10, 'x');
    for (int i = 0; i < 200; ++i) {
      co_await pair.client->send_binary(payload);
    }
    auto close = [&]() -> Task<> { co_await pair.client->close(4000, "left"); };
    co_await with_group(this->loop_, {.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
      group.start("close", close());
      co_await yield();
    });
    pair.client.reset();
    std::vector<Message> messages;
    CloseStatus status = co_await receive_all(*pair.server, &messages);
    EXPECT_EQ(status, CloseStatus(4000, "left", CloseStatus::By::kPeer));
    EXPECT_EQ(messages.size(), 200u);
  });
}

TYPED_TEST(WebSocketTest, CloseWithoutACodeIs1005) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    co_await pair.client->close(kCloseNoStatus);
    CloseStatus status = co_await receive_all(*pair.server);
    EXPECT_EQ(status, CloseStatus(kCloseNoStatus, "", CloseStatus::By::kPeer));
    EXPECT_EQ(pair.client->close_status()->code, kCloseNoStatus);
  });
}

TYPED_TEST(WebSocketTest, CutsALongReason) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    std::string reason(122, 'r');
    co_await pair.client->close(1001, reason + "\xe2\x82\xac and more");
    CloseStatus status = co_await receive_all(*pair.server);
    EXPECT_EQ(status.reason, reason);
  });
}

TYPED_TEST(WebSocketTest, DeliversWhatIsQueuedBeforeItTellsOfTheEnd) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    for (int i = 0; i < 3; ++i) {
      co_await pair.server->send_text(std::to_string(i));
    }
    co_await pair.server->close(1001, "bye");
    std::vector<Message> messages;
    CloseStatus status = co_await receive_all(*pair.client, &messages);
    EXPECT_THAT(messages, ::testing::ElementsAre(Message::text("0"), Message::text("1"), Message::text("2")));
    EXPECT_EQ(status, CloseStatus(1001, "bye", CloseStatus::By::kPeer));
  });
}

TYPED_TEST(WebSocketTest, CloseSendsFirstWhatIsQueued) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    ConnectOptions options;
    options.send_watermark_bytes = std::size_t{64} << 20;
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    const std::string payload(std::size_t{64} << 10, 'x');
    for (int i = 0; i < 300; ++i) {
      co_await pair.client->send_binary(payload);
    }
    std::vector<Message> messages;
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("close", pair.client->close(), TaskKind::kFinite);
      CloseStatus status = co_await receive_all(*pair.server, &messages);
      EXPECT_EQ(status.code, kCloseNormal);
    });
    EXPECT_EQ(messages.size(), 300u);
  });
}

TYPED_TEST(WebSocketTest, CloseThatIsNeverAnsweredEndsAtItsTimeout) {
  ServerOptions server_options = this->server_options();
  server_options.receive_queue_max = 1;  // It stops reading at the first message, so it never sees the close.
  WebSocketServer server(this->loop_, server_options);
  ConnectOptions options;
  options.close_timeout = 50ms;
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server, options);
    for (int i = 0; i < 3; ++i) {
      co_await pair.client->send_text("x");
    }
    while (pair.server->counters().frames_received == 0) {
      co_await yield();
    }
    const Instant begun = this->loop_.now();
    co_await pair.client->close();
    EXPECT_GE(this->loop_.now() - begun, 50ms);
    EXPECT_EQ(pair.client->close_status(),
              CloseStatus(kCloseAbnormal, "the peer did not answer close 1000 within 0.1 s", CloseStatus::By::kLocal));
    pair.client.reset();
    CloseStatus status = co_await receive_all(*pair.server);
    EXPECT_NE(status.by, CloseStatus::By::kLocal);
  });
}

TYPED_TEST(WebSocketTest, CloseOfAnEndedConnectionReturns) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    co_await pair.server->close(4000, "first");
    co_await receive_all(*pair.client);
    co_await pair.client->close(4001, "second");
    co_await pair.server->close(4002, "third");
    EXPECT_EQ(pair.client->close_status()->code, 4000);
    EXPECT_EQ(pair.server->close_status()->code, 4000);
  });
}

TYPED_TEST(WebSocketTest, SendAfterTheEndThrows) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    co_await pair.client->close(4000, "done");
    co_await receive_all(*pair.server);
    for (WebSocket* socket : {pair.client.get(), pair.server.get()}) {
      try {
        co_await socket->send_text("late");
        ADD_FAILURE();
      } catch (const ConnectionClosed& closed) {
        EXPECT_EQ(closed.status().code, 4000);
      }
    }
  });
}

TYPED_TEST(WebSocketTest, BlockedSenderHearsOfTheEnd) {
  ServerOptions server_options = this->server_options();
  server_options.receive_queue_max = 1;
  WebSocketServer server(this->loop_, server_options);
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    bool heard = false;
    auto flood = [&]() -> Task<> {
      try {
        for (;;) {
          co_await pair.client->send_binary(std::string(100'000, 'x'));
        }
      } catch (const ConnectionClosed&) {
        heard = true;
      }
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("flood", flood(), TaskKind::kFinite);
      while (pair.client->buffered_bytes() <= WebSocketLimits().send_watermark_bytes) {
        co_await yield();
      }
      pair.server.reset();
      while (!heard) {
        co_await yield();
      }
    });
    EXPECT_EQ(pair.client->close_status()->code, kCloseAbnormal);
  });
}

TYPED_TEST(WebSocketTest, ADroppedConnectionIs1006ForThePeer) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    for (const bool client_drops : {true, false}) {
      SocketPair pair = co_await connect_pair(this->loop_, server);
      (client_drops ? pair.client : pair.server).reset();
      WebSocket& other = client_drops ? *pair.server : *pair.client;
      CloseStatus status = co_await receive_all(other);
      EXPECT_EQ(status, CloseStatus(kCloseAbnormal, "connection lost", CloseStatus::By::kLost));
    }
  });
  EXPECT_EQ(server.open_connections(), 0u);
}

TYPED_TEST(WebSocketTest, DestroyingItEndsItsReceive) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    bool ended = false;
    auto reader = [&]() -> Task<> {
      try {
        co_await pair.client->receive();
      } catch (const ConnectionClosed& closed) {
        EXPECT_EQ(closed.status().by, CloseStatus::By::kLocal);
        ended = true;
      }
    };
    co_await with_group(this->loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("reader", reader(), TaskKind::kFinite);
      co_await yield();
      pair.client.reset();
      EXPECT_FALSE(ended);
    });
    EXPECT_TRUE(ended);
  });
}

// What resumes here comes from inside the transport; it may take the transport down.
TYPED_TEST(WebSocketTest, ItsOwnEventsMayDestroyIt) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    for (int round = 0; round < 20; ++round) {
      SocketPair pair = co_await connect_pair(this->loop_, server);
      co_await pair.server->send_text("a");
      co_await pair.server->send_text("b");
      co_await pair.client->receive();
      pair.client.reset();
      CloseStatus status = co_await receive_all(*pair.server);
      EXPECT_EQ(status.code, kCloseAbnormal);
      pair.server.reset();

      pair = co_await connect_pair(this->loop_, server);
      co_await pair.client->close(4000, "x");
      pair.client.reset();
      co_await receive_all(*pair.server);
      pair.server.reset();

      pair = co_await connect_pair(this->loop_, server);
      pair.client.reset();
      pair.server.reset();
    }
  });
}

TYPED_TEST(WebSocketTest, ACancelledReceiveLosesNothing) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    auto reader = [&]() -> Task<> { co_await pair.client->receive(); };
    for (int round = 0; round < 3; ++round) {
      co_await with_group(this->loop_, {.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
        group.start("reader", reader());
        co_await yield();
      });
    }
    co_await pair.server->send_text("kept");
    Message message = co_await pair.client->receive();
    EXPECT_EQ(message.data, "kept");
  });
}

TYPED_TEST(WebSocketTest, TheCensusSaysWhatItAwaits) {
  WebSocketServer server(this->loop_, this->server_options());
  this->run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(this->loop_, server);
    auto reader = [&]() -> Task<> { co_await pair.client->receive(); };
    co_await with_group(this->loop_, {.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
      group.start("reader", reader());
      co_await yield();
      EXPECT_EQ(group.tasks().front().awaiting, "message");
    });
  });
}

template <typename Loop>
void receive_twice() {
  Loop loop;
  WebSocketServer server(loop);
  auto body = [&]() -> Task<> {
    SocketPair pair = co_await connect_pair(loop, server);
    auto reader = [&]() -> Task<> { co_await pair.client->receive(); };
    co_await with_group(loop, {}, [&](TaskGroup& group) -> Task<> {
      group.start("first", reader());
      group.start("second", reader());
      co_await yield();
    });
  };
  loop.run(body());
}

TEST(WebSocketDeathTest, ASecondReceiveAborts) {
  EXPECT_DEATH(receive_twice<UvLoop>(), "a second receive\\(\\) on ws://127.0.0.1:[0-9]+/ while one is waiting");
  EXPECT_DEATH(receive_twice<VirtualLoop>(), "a second receive\\(\\) on ws://127.0.0.1:[0-9]+/ while one is waiting");
}

}  // namespace
}  // namespace soak::net
