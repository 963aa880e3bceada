// SPDX-License-Identifier: Apache-2.0
// What only `wss:` has: certificates, and TLS between the socket and the bytes.

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "soak/net/test_ca.h"
#include "soak/net/websocket_client.h"
#include "soak/net/websocket_server.h"
#include "tests/unit/net/raw_socket.h"
#include "tests/unit/net/transports.h"

namespace soak::net {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class TlsTest : public TransportTest<RealTls> {
 protected:
  // What connect_websocket() says when it fails; it trusts the CA of the tests.
  Task<std::string> failure(std::string url, ConnectOptions options) {
    try {
      std::unique_ptr<WebSocket> socket = co_await connect_websocket(loop_, url, options);
    } catch (const Error& error) {
      code_ = error.code();
      co_return error.what();
    }
    co_return "connected";
  }

  static ConnectOptions trusting(const TestCa& ca) {
    ConnectOptions options;
    options.ca_file = ca.ca_file();
    return options;
  }
  static ServerOptions proving(TlsIdentity identity) {
    ServerOptions options;
    options.tls = std::move(identity);
    return options;
  }

  Errc code_{};
};

std::string wss_url(const RawListener& listener, const std::string& host) {
  return "wss://" + host + ":" + std::to_string(listener.port()) + "/";
}

// A server that is none: takes one connection, reads what comes first, answers with `answer`, closes. Returns what
// came.
std::string serve(const RawListener& listener, std::string_view answer) {
  const RawConnection client = listener.accept();
  std::string hello = client.read_some();
  client.write(answer);
  return hello;
}

// A blocking client on its own thread. It trusts anything, as only a test's client may.
class RawTlsClient : public RawClient {
 public:
  explicit RawTlsClient(std::uint16_t port) : RawClient(port), context_(SSL_CTX_new(TLS_client_method())) {}
  ~RawTlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  RawTlsClient(const RawTlsClient&) = delete;
  RawTlsClient& operator=(const RawTlsClient&) = delete;

  int fd() const { return fd_; }
  SSL* ssl() const { return ssl_; }
  void shake_hands() {
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    EXPECT_EQ(SSL_connect(ssl_), 1);
  }
  void write(std::string_view bytes) const {
    EXPECT_EQ(SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())), static_cast<int>(bytes.size()));
  }
  std::string read_to(std::string_view end) {
    std::string text;
    char byte = 0;
    while (!text.ends_with(end)) {
      const int got = SSL_read(ssl_, &byte, 1);
      if (got != 1) {
        end_ = SSL_get_error(ssl_, got);
        break;
      }
      text.push_back(byte);
    }
    return text;
  }
  std::string read_all() { return read_to("\xff\xff never \xff\xff"); }
  // How reading ended: SSL_ERROR_ZERO_RETURN if TLS said so.
  int end() const { return end_; }

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  int end_ = SSL_ERROR_NONE;
};

constexpr char kUpgrade[] =
    "GET /raw HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

Task<> until(std::future<void>& done) {
  while (done.wait_for(0s) != std::future_status::ready) {
    co_await sleep_for(1ms);
  }
  done.get();
}

TEST_F(TlsTest, RefusesAnUnknownCa) {
  WebSocketServer server(loop_, server_options());
  TestCa other("another CA");
  run([&]() -> Task<> {
    ConnectOptions options;
    std::string failure = co_await this->failure(server.url() + "/v1?key=secret", options);
    EXPECT_THAT(failure, StartsWith(server.url() + "/v1: the server's certificate is issued by CN = soak test CA, a "
                                                   "certificate authority that is not trusted (not among the "
                                                   "system's), "));
    EXPECT_EQ(code_, Errc::kCertificate);

    options = trusting(other);
    failure = co_await this->failure(server.url(), options);
    EXPECT_THAT(failure, HasSubstr("not trusted (not among those of " + other.ca_file() + "), "));
  });
  EXPECT_EQ(server.open_connections(), 0u);
}

TEST_F(TlsTest, RefusesACertificateForAnotherHost) {
  WebSocketServer server(loop_, proving(test_ca().issue({"example.test", "*.example.org", "127.0.0.2"})));
  run([&]() -> Task<> {
    std::string failure = co_await this->failure(server.url(), trusting(test_ca()));
    EXPECT_THAT(failure, HasSubstr("the server's certificate is for example.test, *.example.org, 127.0.0.2, not for "
                                   "127.0.0.1, "));
    EXPECT_EQ(code_, Errc::kCertificate);
  });
}

TEST_F(TlsTest, RefusesACertificateOutOfItsTime) {
  WebSocketServer expired(loop_, proving(test_ca().issue({"127.0.0.1"}, Validity::kExpired)));
  WebSocketServer early(loop_, proving(test_ca().issue({"127.0.0.1"}, Validity::kNotYet)));
  run([&]() -> Task<> {
    std::string failure = co_await this->failure(expired.url(), trusting(test_ca()));
    EXPECT_THAT(failure, AllOf(HasSubstr("the server's certificate expired at 20"),
                               HasSubstr(" UTC (CN = soak test server), ")));
    failure = co_await this->failure(early.url(), trusting(test_ca()));
    EXPECT_THAT(failure, HasSubstr("the server's certificate is not valid before 20"));
  });
}

TEST_F(TlsTest, SaysThatTheServerSpeaksNoTls) {
  WebSocketServer plain(loop_);
  run([&]() -> Task<> {
    std::string url = "wss" + plain.url().substr(2);
    std::string failure = co_await this->failure(url, trusting(test_ca()));
    EXPECT_THAT(failure, StartsWith(url + "/: the server does not use TLS, "));
    EXPECT_EQ(code_, Errc::kConnectFailed);
  });
}

TEST_F(TlsTest, SaysThatTheServerClosedDuringTheHandshake) {
  const RawListener raw;
  auto serving = std::async(std::launch::async, [&] { serve(raw, ""); });
  run([&]() -> Task<> {
    std::string failure = co_await this->failure(wss_url(raw, "127.0.0.1"), trusting(test_ca()));
    EXPECT_THAT(failure, HasSubstr(" during the TLS handshake, "));
    co_await until(serving);
  });
}

TEST_F(TlsTest, PassesOnTheAlertOfTheServer) {
  const RawListener raw;
  const std::string_view handshake_failure("\x15\x03\x03\x00\x02\x02\x28", 7);
  auto serving = std::async(std::launch::async, [&] { serve(raw, handshake_failure); });
  run([&]() -> Task<> {
    std::string failure = co_await this->failure(wss_url(raw, "127.0.0.1"), trusting(test_ca()));
    EXPECT_THAT(failure, AllOf(HasSubstr("TLS handshake failed: "), HasSubstr("alert handshake failure")));
    co_await until(serving);
  });
}

// RFC 6066: the server name is a DNS name. And a server that prefers HTTP/2 must not choose it.
TEST_F(TlsTest, GivesTheServerNameButNoAddressAndNoHttp2) {
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const RawListener raw;
    std::string hello;
    auto serving = std::async(std::launch::async, [&] { hello = serve(raw, "no\n"); });
    run([&]() -> Task<> {
      co_await this->failure(wss_url(raw, host), trusting(test_ca()));
      co_await until(serving);
    });
    EXPECT_EQ(hello.find("localhost") != std::string::npos, std::string_view(host) == "localhost");
    EXPECT_THAT(hello, Not(HasSubstr("127.0.0.1")));
    EXPECT_THAT(hello, HasSubstr("\x08http/1.1"));
    EXPECT_THAT(hello, Not(HasSubstr("\x02h2")));
  }
}

TEST_F(TlsTest, LooksNamesUpAndVerifiesThem) {
  addrinfo* found = nullptr;
  if (::getaddrinfo("localhost", nullptr, nullptr, &found) != 0) {
    GTEST_SKIP() << "this machine does not know localhost";
  }
  ::freeaddrinfo(found);
  WebSocketServer server(loop_, server_options());
  WebSocketServer for_address(loop_, proving(test_ca().issue({"127.0.0.1"})));
  run([&]() -> Task<> {
    auto client = co_await connect_client(loop_, "wss://localhost:" + std::to_string(server.port()));
    AcceptedWebSocket accepted = co_await server.accept();
    EXPECT_EQ(accepted.request.headers.get("Host"), "localhost:" + std::to_string(server.port()));

    std::string failure =
        co_await this->failure("wss://localhost:" + std::to_string(for_address.port()), trusting(test_ca()));
    EXPECT_THAT(failure, HasSubstr("is for 127.0.0.1, not for localhost"));
  });
}

TEST_F(TlsTest, ServesIpv6) {
  ServerOptions options = server_options();
  options.host = "::1";
  std::unique_ptr<WebSocketServer> server;
  try {
    server = std::make_unique<WebSocketServer>(loop_, options);
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_THAT(server->url(), StartsWith("wss://[::1]:"));
  run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(loop_, *server);
    co_await pair.client->send_text("six");
    Message message = co_await pair.server->receive();
    EXPECT_EQ(message.data, "six");
    EXPECT_THAT(pair.request.peer_address, StartsWith("[::1]:"));
  });
}

TEST_F(TlsTest, ACaFileMustHoldCertificates) {
  WebSocketServer server(loop_, server_options());
  run([&]() -> Task<> {
    ConnectOptions options;
    options.ca_file = "/no/such/ca.pem";
    std::string failure = co_await this->failure(server.url(), options);
    EXPECT_EQ(failure, "/no/such/ca.pem: cannot be read: No such file or directory");
    EXPECT_EQ(code_, Errc::kInvalidArgument);

    options.ca_file = loopback_identity().key_file;
    failure = co_await this->failure(server.url(), options);
    EXPECT_EQ(failure, options.ca_file + ": holds no certificate in PEM");
    EXPECT_EQ(code_, Errc::kInvalidArgument);
  });
}

// A peer that is started anew has a new CA, often at the same place.
TEST_F(TlsTest, ReadsTheCaFileForEachConnection) {
  WebSocketServer server(loop_, server_options());
  TestCa other;
  const std::string path = other.ca_file() + ".now";
  run([&]() -> Task<> {
    ConnectOptions options;
    options.ca_file = path;
    std::filesystem::copy_file(other.ca_file(), path);
    std::string failure = co_await this->failure(server.url(), options);
    EXPECT_THAT(failure, HasSubstr("not trusted"));
    std::filesystem::copy_file(test_ca().ca_file(), path, std::filesystem::copy_options::overwrite_existing);
    failure = co_await this->failure(server.url(), options);
    EXPECT_EQ(failure, "connected");
  });
}

TEST_F(TlsTest, AServerNamesWhatIsWrongWithItsCertificate) {
  const auto refusal = [&](TlsIdentity identity) -> std::string {
    try {
      WebSocketServer server(loop_, proving(std::move(identity)));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kInvalidArgument);
      return error.what();
    }
    return "listening";
  };
  const TlsIdentity good = loopback_identity();
  const TlsIdentity other = test_ca().issue({"localhost"});
  EXPECT_THAT(refusal({"/no/such.pem", good.key_file}), StartsWith("/no/such.pem: no certificate chain in PEM: "));
  EXPECT_THAT(refusal({good.key_file, good.key_file}), StartsWith(good.key_file + ": no certificate chain in PEM: "));
  EXPECT_THAT(refusal({good.certificate_file, ""}),
              StartsWith(": no private key in PEM for " + good.certificate_file + ": "));
  EXPECT_THAT(refusal({good.certificate_file, other.key_file}),
              AllOf(StartsWith(other.key_file + ": no private key in PEM for "), HasSubstr("mismatch")));
  EXPECT_EQ(refusal(good), "listening");
}

TEST_F(TlsTest, ATestCaIssuesForNamesAlone) {
  TestCa ca;
  EXPECT_THROW(ca.issue({}), Error);
  EXPECT_THROW(ca.issue({""}), Error);
  EXPECT_THROW(ca.issue({"a,DNS:b"}), Error);
}

TEST_F(TlsTest, ATestCaTakesItsFilesWithIt) {
  std::string ca_file;
  std::string key_file;
  {
    TestCa ca;
    ca_file = ca.ca_file();
    key_file = ca.issue({"localhost"}).key_file;
    EXPECT_EQ(std::filesystem::status(key_file).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  EXPECT_FALSE(std::filesystem::exists(ca_file));
  EXPECT_FALSE(std::filesystem::exists(key_file));
}

TEST_F(TlsTest, AClientWithoutTlsIsSentAway) {
  WebSocketServer server(loop_, server_options());
  run([&]() -> Task<> {
    ConnectOptions options;
    std::string failure = co_await this->failure("ws" + server.url().substr(3), options);
    EXPECT_EQ(code_, Errc::kConnectFailed) << failure;
  });
  EXPECT_EQ(server.open_connections(), 0u);
}

TEST_F(TlsTest, DropsAClientThatNeverEndsItsHandshake) {
  ServerOptions options = server_options();
  options.handshake_timeout = 50ms;
  WebSocketServer server(loop_, options);
  for (const std::string_view beginning : {std::string_view(), std::string_view("\x16\x03\x01\x02", 4)}) {
    auto client = std::async(std::launch::async, [&] {
      const RawTlsClient raw(server.port());
      send(raw.fd(), beginning.data(), beginning.size(), MSG_NOSIGNAL);
      char byte = 0;
      EXPECT_EQ(recv(raw.fd(), &byte, 1, 0), 0);
    });
    run([&]() -> Task<> { co_await until(client); });
  }
}

TEST_F(TlsTest, DropsAClientThatNeverEndsItsRequest) {
  ServerOptions options = server_options();
  options.handshake_timeout = 50ms;
  WebSocketServer server(loop_, options);
  auto client = std::async(std::launch::async, [&] {
    RawTlsClient raw(server.port());
    raw.shake_hands();
    raw.write("GET / HTTP/1.1\r\n");
    EXPECT_EQ(raw.read_all(), "");
    EXPECT_EQ(raw.end(), SSL_ERROR_ZERO_RETURN);
  });
  run([&]() -> Task<> { co_await until(client); });
}

TEST_F(TlsTest, TakesARequestByteByByteAndAnswersWithoutTickets) {
  WebSocketServer server(loop_, server_options());
  auto client = std::async(std::launch::async, [&] {
    RawTlsClient raw(server.port());
    raw.shake_hands();
    for (const char byte : std::string_view(kUpgrade)) {
      raw.write(std::string_view(&byte, 1));
    }
    EXPECT_THAT(raw.read_to("\r\n\r\n"), StartsWith("HTTP/1.1 101 "));
    EXPECT_EQ(SSL_SESSION_has_ticket(SSL_get0_session(raw.ssl())), 0);
  });
  run([&]() -> Task<> {
    AcceptedWebSocket accepted = co_await server.accept();
    co_await receive_all(*accepted.socket);
    co_await until(client);
  });
}

// All of the answer must arrive, and the end after it: closing too early would reset the connection.
TEST_F(TlsTest, ARefusalIsWholeAndEndsProperly) {
  ServerOptions options = server_options();
  const std::string body(100'000, 'b');
  options.on_handshake = [&](const HandshakeRequest&) { return HandshakeReply::refuse(503, body); };
  WebSocketServer server(loop_, options);
  auto client = std::async(std::launch::async, [&] {
    RawTlsClient raw(server.port());
    raw.shake_hands();
    raw.write(kUpgrade);
    raw.write("more than the server reads");
    const std::string answer = raw.read_all();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
    EXPECT_TRUE(answer.ends_with(body));
    EXPECT_EQ(raw.end(), SSL_ERROR_ZERO_RETURN);
  });
  run([&]() -> Task<> { co_await until(client); });
}

TEST_F(TlsTest, EveryEndOfAClientIsSeen) {
  WebSocketServer server(loop_, server_options());
  enum class End { kCloseNotify, kHalfClose, kReset };
  for (const End how : {End::kCloseNotify, End::kHalfClose, End::kReset}) {
    std::promise<void> accepted_one;
    auto client = std::async(std::launch::async, [&] {
      RawTlsClient raw(server.port());
      raw.shake_hands();
      raw.write(kUpgrade);
      raw.read_to("\r\n\r\n");
      accepted_one.get_future().wait();
      if (how == End::kReset) {
        return raw.reset();
      }
      if (how == End::kCloseNotify) {
        SSL_shutdown(raw.ssl());
      }
      if (how == End::kHalfClose) {
        shutdown(raw.fd(), SHUT_WR);
      }
      EXPECT_EQ(raw.read_all(), "");
      EXPECT_EQ(raw.end(), SSL_ERROR_ZERO_RETURN);  // The server's own end.
    });
    run([&]() -> Task<> {
      AcceptedWebSocket accepted = co_await server.accept();
      accepted_one.set_value();
      CloseStatus status = co_await receive_all(*accepted.socket);
      EXPECT_EQ(status, CloseStatus(kCloseAbnormal, "connection lost", CloseStatus::By::kLost));
      accepted.socket.reset();
      co_await until(client);
    });
  }
  EXPECT_EQ(server.open_connections(), 0u);
}

TEST_F(TlsTest, WhatADroppedServerSocketHasSentStillArrives) {
  WebSocketServer server(loop_, server_options());
  constexpr std::size_t kBytes = 100'000;
  auto client = std::async(std::launch::async, [&] {
    RawTlsClient raw(server.port());
    raw.shake_hands();
    raw.write(kUpgrade);
    raw.read_to("\r\n\r\n");
    EXPECT_EQ(raw.read_all().size(), kBytes + 10);  // With the head of a frame.
    EXPECT_EQ(raw.end(), SSL_ERROR_ZERO_RETURN);
  });
  run([&]() -> Task<> {
    AcceptedWebSocket accepted = co_await server.accept();
    co_await accepted->send_binary(std::string(kBytes, 'x'));
    accepted.socket.reset();
    co_await until(client);
  });
}

// A message a record, so that nothing says how many a read brings; and a record of many messages.
TEST_F(TlsTest, AClientThatDoesNotReadIsBounded) {
  WebSocketServer server(loop_, server_options());
  ConnectOptions options;
  options.receive_queue_max = 8;
  run([&]() -> Task<> {
    SocketPair pair = co_await connect_pair(loop_, server, options);
    constexpr int kMessages = 20'000;
    auto flood = [&]() -> Task<> {
      for (int i = 0; i < kMessages; ++i) {
        co_await pair.server->send_text(std::to_string(i) + std::string(1'000, 'x'));
      }
    };
    co_await with_group(loop_, {}, [&](TaskGroup& group) -> Task<> {
      group.start("flood", flood(), TaskKind::kFinite);
      while (pair.server->buffered_bytes() <= WebSocketLimits().send_watermark_bytes) {
        co_await yield();
      }
      for (int turn = 0; turn < 100; ++turn) {
        co_await yield();
      }
      EXPECT_LE(pair.client->counters().frames_received, 8u + (16u << 10) / 1'000u);
      for (int i = 0; i < kMessages; ++i) {
        Message message = co_await pair.client->receive();
        if (message.data.substr(0, message.data.find('x')) != std::to_string(i)) {
          ADD_FAILURE() << "message " << i << " is not it";
          co_return;
        }
      }
    });
  });
}

}  // namespace
}  // namespace soak::net
