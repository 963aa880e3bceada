// SPDX-License-Identifier: Apache-2.0
// What only an HttpClient on sockets has: servers that are not ours, proxies, TLS.

#include <netdb.h>

#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "soak/gather.h"
#include "tests/unit/net/http_transports.h"
#include "tests/unit/net/raw_socket.h"

namespace soak::net {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class HttpClientTest : public HttpTransportTest<Real> {
 protected:
  Outcome ask(HttpClient& client, HttpRequest request) { return loop_.run(outcome_of(client, std::move(request))); }
  static Task<> ask_into(Outcome& outcome, HttpClient& client, std::string url) {
    HttpRequest request("GET", std::move(url));
    outcome = co_await outcome_of(client, std::move(request));
  }
  static Task<> close_when_asked(RawListener& listener, HttpClient& client) {
    co_await until([&client] { return client.open_connections() == 1; });
    listener.close();
  }
  // One request, to a server that says `answer` to it and ends the connection.
  Outcome ask_one_who_says(std::string_view answer, const char* method = "GET") {
    const RawListener listener;
    auto server = std::async(std::launch::async, [&] {
      RawConnection raw = listener.accept();
      raw.read_to("\r\n\r\n");
      raw.write(answer);
    });
    HttpClient client(loop_, client_options());
    Outcome outcome = ask(client, HttpRequest(method, "http://" + listener.authority() + "/"));
    server.get();
    return outcome;
  }
};

TEST_F(HttpClientTest, SendsWhatItIsToldAndLittleElse) {
  const RawListener listener;
  auto server = std::async(std::launch::async, [&] {
    RawConnection raw = listener.accept();
    const std::string head = raw.read_to("\r\n\r\n");
    const std::string body = raw.read(5);
    raw.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return head + body;
  });
  HttpClient client(loop_, client_options());
  ask(client, HttpRequest("POST", "http://" + listener.authority() + "/a/../b?c=%20", "hello", {{"X-Key", "v"}}));
  EXPECT_EQ(server.get(), "POST /a/../b?c=%20 HTTP/1.1\r\nHost: " + listener.authority() +
                              "\r\nAccept: */*\r\nX-Key: v\r\nContent-Length: 5\r\n\r\nhello");
}

// A server that keeps what it gets and dies at the second request of a connection; a third one that came by itself
// would be taken, and answered.
TEST_F(HttpClientTest, SendsARequestOnceThoughItsKeptConnectionDies) {
  for (const bool reset : {true, false}) {
    for (const char* const method : {"POST", "GET"}) {
      for (const std::size_t size : {std::size_t{10}, std::size_t{300'000}}) {
        const std::string body = std::string_view(method) == "POST" ? std::string(size, 'x') : std::string();
        const RawListener listener;
        std::vector<std::string> stored;
        auto serve = [&] {
          for (;;) {
            RawConnection raw = listener.accept();
            for (int request = 0; request < 2; ++request) {
              const std::string head = raw.read_to("\r\n\r\n");
              if (head.empty()) {
                break;
              }
              raw.read(body.size());
              stored.push_back(head.substr(0, head.find(" HTTP")));
              if (stored.back().ends_with("/end")) {
                return raw.write("HTTP/1.1 204 No Content\r\n\r\n");
              }
              if (request == 0) {
                raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
              }
              if (request == 1 && reset) {
                raw.reset();
              }
            }
          }
        };
        auto server = std::async(std::launch::async, serve);
        HttpClient client(loop_, client_options());
        const std::string url = "http://" + listener.authority();
        const Outcome first = ask(client, HttpRequest(method, url + "/first", body));
        const Outcome second = ask(client, HttpRequest(method, url + "/second", body));
        const Outcome end = ask(client, HttpRequest(method, url + "/end", body));
        server.get();

        EXPECT_EQ(first.response.body, "ok");
        EXPECT_EQ(second.code, Errc::kConnectionClosed);
        EXPECT_TRUE(second.may_have_arrived);
        EXPECT_THAT(second.message, HasSubstr(reset ? "was reset" : "ended before the response"));
        EXPECT_EQ(end.response.status, 204);
        const std::string prefix = std::string(method) + " ";
        EXPECT_THAT(stored, ElementsAre(prefix + "/first", prefix + "/second", prefix + "/end"));
        EXPECT_EQ(client.counters().connections_opened, 2u);
      }
    }
  }
}

TEST_F(HttpClientTest, TakesAResponseInChunksAndPassesTheProvisionalOnesOver) {
  const Outcome outcome = ask_one_who_says(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nWiki\r\n5\r\npedia\r\n0\r\nX-Trailer: 2\r\n\r\n");
  EXPECT_EQ(outcome.response.status, 200);
  EXPECT_EQ(outcome.response.body, "Wikipedia");
  EXPECT_EQ(outcome.response.headers.get("X-A"), "1");
  EXPECT_EQ(outcome.response.headers.get("X-Trailer"), "2");
  EXPECT_FALSE(outcome.response.headers.contains("Link"));
}

TEST_F(HttpClientTest, TakesABodyThatEndsWithItsConnection) {
  const Outcome outcome = ask_one_who_says("HTTP/1.1 200 OK\r\n\r\nall of it");
  EXPECT_EQ(outcome.response.body, "all of it");
}

TEST_F(HttpClientTest, SaysWhatKindOfEndItWas) {
  const Outcome nothing = ask_one_who_says("");
  EXPECT_EQ(nothing.code, Errc::kConnectionClosed);
  EXPECT_TRUE(nothing.may_have_arrived);
  EXPECT_THAT(nothing.message, HasSubstr("the connection ended before the response"));

  const Outcome half = ask_one_who_says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWi");
  EXPECT_EQ(half.code, Errc::kConnectionClosed);
  EXPECT_TRUE(half.may_have_arrived);
  EXPECT_THAT(half.message, HasSubstr("the connection ended within the response"));

  const Outcome other = ask_one_who_says("220 mail.example.test ESMTP ready for everything\r\n");
  EXPECT_EQ(other.code, Errc::kProtocol);
  EXPECT_TRUE(other.may_have_arrived);
  EXPECT_THAT(other.message, HasSubstr("the response is not HTTP"));

  const Outcome length = ask_one_who_says("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx");
  EXPECT_EQ(length.code, Errc::kProtocol) << length.message;
}

TEST_F(HttpClientTest, TimesOutWithinTheResponse) {
  const RawListener listener;
  std::promise<void> over;
  auto server = std::async(std::launch::async, [&] {
    RawConnection raw = listener.accept();
    raw.read_to("\r\n\r\n");
    raw.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    over.get_future().wait();
  });
  HttpClientOptions options = client_options();
  options.timeout = 200ms;
  HttpClient client(loop_, options);
  const Outcome outcome = ask(client, HttpRequest("GET", "http://" + listener.authority() + "/"));
  over.set_value();
  EXPECT_EQ(outcome.code, Errc::kTimeout);
  EXPECT_TRUE(outcome.may_have_arrived);
  EXPECT_EQ(client.open_connections(), 0u);
}

// The handshake of TLS counts to connecting: this one gets no answer.
TEST_F(HttpClientTest, AConnectTimeoutHasNotArrived) {
  const RawListener listener;
  HttpClientOptions options = client_options();
  options.connect_timeout = 50ms;
  HttpClient client(loop_, options);
  const Outcome outcome = ask(client, HttpRequest("POST", "https://" + listener.authority() + "/secret", "x"));
  EXPECT_EQ(outcome.code, Errc::kTimeout);
  EXPECT_FALSE(outcome.may_have_arrived);
  EXPECT_EQ(outcome.message,
            "POST https://" + listener.authority() + ": no connection within the connect timeout of 0.1 s");

  options.connect_timeout = 10s;
  options.timeout = 50ms;
  HttpClient hasty(loop_, options);
  const Outcome total = ask(hasty, HttpRequest("POST", "https://" + listener.authority() + "/secret", "x"));
  EXPECT_EQ(total.code, Errc::kTimeout);
  EXPECT_FALSE(total.may_have_arrived);
  EXPECT_THAT(total.message, HasSubstr("the timeout of 0.1 s passed while connecting"));
}

TEST_F(HttpClientTest, LooksNamesUp) {
  addrinfo* found = nullptr;
  if (::getaddrinfo("localhost", nullptr, nullptr, &found) != 0) {
    GTEST_SKIP() << "this machine does not know localhost";
  }
  ::freeaddrinfo(found);
  HttpServer server(loop_, [](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply(200, "found"); });
  HttpClient client(loop_, client_options());
  const Outcome outcome = ask(client, HttpRequest("GET", "http://localhost:" + std::to_string(server.port()) + "/"));
  EXPECT_EQ(outcome.response.body, "found") << outcome.message;
}

TEST_F(HttpClientTest, ANameThatDoesNotResolveIsNoConnection) {
  HttpClient client(loop_, client_options());
  // No name can be that long, so nobody is asked.
  const Outcome outcome = ask(client, HttpRequest("GET", "http://" + std::string(70, 'a') + ".test/secret"));
  EXPECT_EQ(outcome.code, Errc::kConnectFailed);
  EXPECT_FALSE(outcome.may_have_arrived);
  EXPECT_THAT(outcome.message, AllOf(HasSubstr("the name does not resolve"), Not(HasSubstr("secret"))));
}

TEST_F(HttpClientTest, SaysWhyTlsFailed) {
  const auto failure = [&](const TlsIdentity& identity, const std::string& ca_file, const std::string& host) {
    HttpServerOptions server_options;
    server_options.tls = identity;
    HttpServer server(
        loop_, [](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply(200); }, server_options);
    HttpClientOptions options = client_options();
    options.ca_file = ca_file;
    HttpClient client(loop_, options);
    const Outcome outcome =
        ask(client, HttpRequest("POST", "https://" + host + ":" + std::to_string(server.port()) + "/secret", "x"));
    EXPECT_EQ(outcome.code, Errc::kCertificate);
    EXPECT_FALSE(outcome.may_have_arrived);
    EXPECT_THAT(outcome.message, Not(HasSubstr("secret")));
    return outcome.message;
  };
  TestCa other("another CA");
  const std::string trusted = test_ca().ca_file();
  EXPECT_THAT(failure(loopback_identity(), other.ca_file(), "127.0.0.1"),
              AllOf(HasSubstr("soak test CA"), HasSubstr("not trusted (not among those of " + other.ca_file())));
  EXPECT_THAT(failure(loopback_identity(), "", "127.0.0.1"), HasSubstr("not trusted (not among the system's)"));
  EXPECT_THAT(failure(test_ca().issue({"example.test"}), trusted, "127.0.0.1"),
              HasSubstr("the server's certificate is for example.test, not for 127.0.0.1"));
  EXPECT_THAT(failure(test_ca().issue({"127.0.0.1"}, Validity::kExpired), trusted, "127.0.0.1"),
              HasSubstr("the server's certificate expired at "));
  EXPECT_THAT(failure(test_ca().issue({"127.0.0.1"}, Validity::kNotYet), trusted, "127.0.0.1"),
              HasSubstr("the server's certificate is not valid before "));
}

TEST_F(HttpClientTest, ACaFileThatCannotBeReadIsSaidAtOnce) {
  HttpClientOptions options = client_options();
  options.ca_file = "/nowhere/ca.pem";
  try {
    HttpClient client(loop_, options);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/ca.pem: cannot be read: "));
  }
  options.ca_file = loopback_identity().key_file;
  EXPECT_THROW(HttpClient(loop_, options), Error);
}

TEST_F(HttpClientTest, AsksAProxyForWhatIsPlain) {
  const RawListener listener;
  auto proxy = std::async(std::launch::async, [&] {
    RawConnection raw = listener.accept();
    const std::string head = raw.read_to("\r\n\r\n");
    raw.read(1);
    raw.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    return head;
  });
  HttpClientOptions options = client_options();
  options.proxy = "http://" + listener.authority();
  HttpClient client(loop_, options);
  const Outcome outcome = ask(client, HttpRequest("POST", "http://example.test/a?b=c", "x"));
  EXPECT_EQ(outcome.response.body, "ok") << outcome.message;
  EXPECT_THAT(proxy.get(), AllOf(StartsWith("POST http://example.test/a?b=c HTTP/1.1\r\n"),
                                 HasSubstr("\r\nHost: example.test\r\n")));
}

TEST_F(HttpClientTest, TunnelsTlsThroughAProxy) {
  HttpServerOptions server_options;
  server_options.tls = loopback_identity();
  HttpServer server(
      loop_, [](HttpServerRequest request) -> Task<HttpReply> { co_return HttpReply(200, request.path); },
      server_options);
  const RawListener listener;
  auto proxy = std::async(std::launch::async, [&] {
    RawConnection raw = listener.accept();
    const std::string head = raw.read_to("\r\n\r\n");
    raw.write("HTTP/1.1 200 Connection established\r\nX-Of-The-Proxy: 1\r\n\r\n");
    RawClient behind(server.port());
    raw.join(behind);
    return head;
  });
  Outcome outcome;
  {
    HttpClientOptions options = client_options();
    options.ca_file = test_ca().ca_file();
    options.proxy = "http://" + listener.authority();
    HttpClient client(loop_, options);
    outcome = ask(client, HttpRequest("POST", server.url() + "/inside?key=secret", "x"));
  }
  auto close = [&]() -> Task<> { co_await server.close(); };
  loop_.run(close());
  EXPECT_EQ(outcome.response.body, "/inside") << outcome.message;
  EXPECT_FALSE(outcome.response.headers.contains("X-Of-The-Proxy"));
  const std::string head = proxy.get();
  EXPECT_THAT(head, AllOf(StartsWith("CONNECT 127.0.0.1:" + std::to_string(server.port()) + " HTTP/1.1\r\n"),
                          Not(HasSubstr("secret"))));
}

TEST_F(HttpClientTest, AProxyThatRefusesHasNotPassedItOn) {
  const RawListener listener;
  auto proxy = std::async(std::launch::async, [&] {
    RawConnection raw = listener.accept();
    raw.read_to("\r\n\r\n");
    raw.write("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    raw.read_end();
  });
  HttpClientOptions options = client_options();
  options.proxy = "http://" + listener.authority();
  HttpClient client(loop_, options);
  const Outcome outcome = ask(client, HttpRequest("POST", "https://example.test/secret", "x"));
  proxy.get();
  EXPECT_EQ(outcome.code, Errc::kConnectFailed);
  EXPECT_FALSE(outcome.may_have_arrived);
  EXPECT_THAT(outcome.message, StartsWith("POST https://example.test:443: the proxy answered CONNECT with 403, "));
}

// As on a real network, where a refusal takes a while: libcurl closes such a socket in a way of its own. The system
// asks again after a second.
TEST_F(HttpClientTest, ASocketThatDidNotConnectIsForgotten) {
  RawListener full(0);
  const RawClient first(full.port());
  HttpServer server(loop_, &say_hello, server_options());
  HttpClient client(loop_, client_options());
  HttpClientOptions options = client_options();
  options.connect_timeout = 20ms;
  HttpClient impatient(loop_, options);
  const std::string url = "http://" + full.authority() + "/";

  EXPECT_EQ(ask(impatient, HttpRequest("GET", url)).code, Errc::kTimeout);
  EXPECT_EQ(impatient.open_connections(), 0u);

  Outcome refused;
  std::vector<Task<>> both;
  both.push_back(ask_into(refused, client, url));
  both.push_back(close_when_asked(full, client));
  loop_.run(gather(std::move(both)));
  EXPECT_EQ(refused.code, Errc::kConnectFailed) << refused.message;
  EXPECT_EQ(client.open_connections(), 0u);

  for (HttpClient* const each : {&client, &impatient}) {
    EXPECT_EQ(ask(*each, HttpRequest("GET", server.url() + "/here")).response.body, "hello /here");
    EXPECT_EQ(each->open_connections(), 1u);
  }
  loop_.run(server.close());
}

TEST_F(HttpClientTest, AProxyThatIsNotThereIsNamed) {
  std::string authority;
  {
    const RawListener listener;
    authority = listener.authority();
  }
  HttpClientOptions options = client_options();
  options.proxy = "http://" + authority;
  HttpClient client(loop_, options);
  const Outcome outcome = ask(client, HttpRequest("POST", "http://example.test/secret", "x"));
  EXPECT_EQ(outcome.code, Errc::kConnectFailed);
  EXPECT_FALSE(outcome.may_have_arrived);
  EXPECT_THAT(outcome.message, StartsWith("POST http://example.test:80: the proxy: connection refused, "));
}

TEST_F(HttpClientTest, AProxyHasToBeAUrl) {
  HttpClientOptions options = client_options();
  for (const char* const proxy : {"127.0.0.1:3128", "https://127.0.0.1:3128", "socks5://127.0.0.1:1080"}) {
    options.proxy = proxy;
    try {
      HttpClient client(loop_, options);
      ADD_FAILURE() << proxy;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    }
  }
}

TEST_F(HttpClientTest, CancelledWhileItConnectsItLeavesNothing) {
  const RawListener listener;
  HttpClient client(loop_, client_options());
  std::size_t before = 0;
  std::size_t after = 0;
  run([&]() -> Task<> {
    before = co_await settled_fds(loop_);
    auto connect = [&]() -> Task<> {
      HttpRequest request("POST", "https://" + listener.authority() + "/", "x");
      co_await client.send(std::move(request));
    };
    for (int i = 0; i < 5; ++i) {
      co_await with_group(loop_, {.cancel_first = true}, [&](TaskGroup& group) -> Task<> {
        group.start("connect", connect());
        for (int turn = 0; turn < i; ++turn) {
          co_await yield();
        }
      });
    }
    after = co_await settled_fds(loop_);
  });
  EXPECT_EQ(after, before);
  EXPECT_EQ(client.open_connections(), 0u);
}

// As long as it is kept a connection costs its server a descriptor: an end that nobody looks at would cost this one
// too.
TEST_F(HttpClientTest, ForgetsAKeptConnectionThatItsServerEnds) {
  HttpServerOptions options = server_options();
  options.keep_alive = 10ms;
  HttpServer server(
      loop_, [](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply(200); }, options);
  HttpClient client(loop_, client_options());
  run([&]() -> Task<> {
    HttpRequest request("GET", server.url() + "/");
    co_await client.send(std::move(request));
    co_await until([&] { return client.open_connections() == 0; });
    EXPECT_EQ(client.counters().connections_opened, 1u);
  });
}

}  // namespace
}  // namespace soak::net
