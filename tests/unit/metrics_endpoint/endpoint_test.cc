// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "conftest/http_get.h"
#include "soak/error.h"
#include "soak/metrics/metrics.h"
#include "soak/probe/process.h"

namespace soak::metrics {
namespace {

using conftest::connect_to;
using conftest::http_get;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The client has read the end of the connection before the server has closed its own.
bool no_connection_is_left() { return Endpoint::wait_until_closed(std::chrono::seconds{20}); }

TEST(EndpointTest, ServesTheMetrics) {
  gauge("endpoint_sessions", "Sessions.", {{"label", "voice"}}).set(7);
  const Endpoint endpoint;

  const std::string response = http_get(endpoint.port(), "/metrics");

  EXPECT_EQ(endpoint.url(), "http://127.0.0.1:" + std::to_string(endpoint.port()) + "/metrics");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(response, HasSubstr("Content-Type: text/plain"));
  EXPECT_THAT(response, HasSubstr("# TYPE endpoint_sessions gauge\nendpoint_sessions{label=\"voice\"} 7\n"));
}

TEST(EndpointTest, HasNothingButTheMetrics) {
  const Endpoint endpoint;

  for (const char* path : {"/", "/CMakeCache.txt", "/etc/passwd", "/../../etc/passwd", "/metric"}) {
    EXPECT_THAT(http_get(endpoint.port(), path), StartsWith("HTTP/1.1 404")) << path;
  }
}

TEST(EndpointTest, ListensOnItsAddressOnly) {
  const Endpoint endpoint;

  // Another address of the loopback interface, which one that listens everywhere would answer.
  EXPECT_EQ(connect_to("127.0.0.2", endpoint.port()), -ECONNREFUSED);
}

TEST(EndpointTest, ListensOnAnotherAddressWhenAsked) {
  const Endpoint endpoint({.address = "127.0.0.2"});

  EXPECT_EQ(endpoint.url(), "http://127.0.0.2:" + std::to_string(endpoint.port()) + "/metrics");
  EXPECT_EQ(connect_to("127.0.0.1", endpoint.port()), -ECONNREFUSED);
}

TEST(EndpointTest, APortThatIsTakenIsAnErrorThatNamesIt) {
  const Endpoint first;

  try {
    const Endpoint second({.port = first.port()});
    FAIL() << "two endpoints on one port";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kSystem);
    EXPECT_EQ(std::string(error.what()), "metrics endpoint: cannot listen on 127.0.0.1:" +
                                             std::to_string(first.port()) + ": Address already in use");
  }
}

TEST(EndpointTest, AnAddressOfAnotherMachineIsAnErrorThatNamesIt) {
  try {
    const Endpoint endpoint({.address = "192.0.2.1"});
    FAIL() << "an endpoint on an address of the documentation";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kSystem);
    EXPECT_EQ(std::string(error.what()),
              "metrics endpoint: cannot listen on 192.0.2.1:0: Cannot assign requested address");
  }
}

TEST(EndpointTest, WhatIsNoAddressIsAnErrorThatNamesIt) {
  for (const char* address : {"", "localhost", "127.0.0.1:80", "127.0.0.1,0.0.0.0", "256.0.0.1"}) {
    try {
      const Endpoint endpoint({.address = address});
      ADD_FAILURE() << "'" << address << "' passed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kInvalidArgument);
      EXPECT_THAT(error.what(), HasSubstr("'" + std::string(address) + "': expected an IPv4 or IPv6 address"));
    }
  }
}

TEST(EndpointTest, IsThereAgainOnThePortItLeft) {
  std::uint16_t port = 0;
  {
    const Endpoint first;
    port = first.port();
    http_get(port, "/metrics");
  }
  EXPECT_EQ(connect_to("127.0.0.1", port), -ECONNREFUSED);

  const Endpoint second({.port = port});

  EXPECT_THAT(http_get(port, "/metrics"), StartsWith("HTTP/1.1 200"));
}

// What a soak would take for a leak.
TEST(EndpointTest, AScrapeLeavesNoThreadAndNoDescriptor) {
  const Endpoint endpoint;
  const auto threads = probe::read_threads();
  const auto fds = probe::read_open_fds();

  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(http_get(endpoint.port(), "/metrics"), StartsWith("HTTP/1.1 200"));
  }

  ASSERT_TRUE(no_connection_is_left());
  EXPECT_EQ(probe::read_threads(), threads);
  EXPECT_EQ(probe::read_open_fds(), fds);
}

TEST(EndpointTest, SaysThatAConnectionIsOpen) {
  const Endpoint endpoint;
  const int fd = connect_to("127.0.0.1", endpoint.port());
  ASSERT_GE(fd, 0);

  // A second answer means that the first connection has been taken up before it.
  http_get(endpoint.port(), "/metrics");
  EXPECT_GE(Endpoint::open_connections(), 1u);
  EXPECT_FALSE(Endpoint::wait_until_closed(std::chrono::seconds{0}));

  ::close(fd);
  EXPECT_TRUE(no_connection_is_left());
}

// The whole response to `request`, as it is.
std::string ask(std::uint16_t port, const std::string& request) {
  const int fd = connect_to("127.0.0.1", port);
  std::string response;
  std::array<char, 4096> buffer;
  (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  for (ssize_t size; (size = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
    response.append(buffer.data(), static_cast<std::size_t>(size));
  }
  ::close(fd);
  return response;
}

std::string with_host(std::uint16_t port, const std::string& host) {
  return ask(port, "GET /metrics HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
}

// A page that a browser shows may have its own name resolve to this machine.
TEST(EndpointTest, AnswersOnlyWhoNamesThisMachine) {
  const Endpoint endpoint({.names = {"Soak.Example.com"}});
  const std::string port = ":" + std::to_string(endpoint.port());
  std::array<char, 256> name{};
  ASSERT_EQ(::gethostname(name.data(), name.size() - 1), 0);

  for (const std::string& host :
       {"localhost" + port, std::string("LOCALHOST."), "127.0.0.1" + port, std::string("127.1.2.3"), "[::1]" + port,
        std::string("soak.example.com"), name.data() + port}) {
    EXPECT_THAT(with_host(endpoint.port(), host), StartsWith("HTTP/1.1 200 ")) << host;
  }
  for (const std::string host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1",
                                 "[2001:db8::1]", "[::1", "example.com", "127.0.0.1@evil.example", "2130706433", ""}) {
    const std::string response = with_host(endpoint.port(), host);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 403 ")) << host;
    EXPECT_THAT(response, ::testing::Not(HasSubstr("# TYPE"))) << host;
  }
}

TEST(EndpointTest, AnswersWhoNamesTheAddressThatItCameTo) {
  const Endpoint endpoint({.address = "0.0.0.0"});

  EXPECT_THAT(with_host(endpoint.port(), "127.0.0.1"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(with_host(endpoint.port(), "0.0.0.0"), StartsWith("HTTP/1.1 403 "));
}

TEST(EndpointTest, RefusesWhatIsNoRequestForMetrics) {
  const Endpoint endpoint;
  const std::string host = "Host: localhost\r\n\r\n";

  EXPECT_THAT(ask(endpoint.port(), "POST /metrics HTTP/1.1\r\n" + host), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask(endpoint.port(), "GET /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask(endpoint.port(), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + host), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask(endpoint.port(), "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask(endpoint.port(), "GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x')),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(ask(endpoint.port(), "GET /metrics?x=1 HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  const std::string head = ask(endpoint.port(), "HEAD /metrics HTTP/1.1\r\n" + host);
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST(EndpointTest, IdleConnectionsBlockNoOther) {
  const Endpoint endpoint;
  std::vector<int> idle;
  for (int i = 0; i < 100; ++i) {  // More than it keeps.
    idle.push_back(connect_to("127.0.0.1", endpoint.port()));
    ASSERT_GE(idle.back(), 0);
  }

  const auto begun = std::chrono::steady_clock::now();
  const std::string response = http_get(endpoint.port(), "/metrics");

  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 "));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{4});  // It lets go of idle ones after 5 s.
  EXPECT_LE(Endpoint::open_connections(), 65u);
  for (const int fd : idle) {
    ::close(fd);
  }
  EXPECT_TRUE(no_connection_is_left());
}

double processor_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

TEST(EndpointTest, WithoutADescriptorItWaitsForOne) {
  const Endpoint endpoint;
  const int waiting = connect_to("127.0.0.1", endpoint.port());
  ASSERT_THAT(http_get(endpoint.port(), "/metrics"), StartsWith("HTTP/1.1 200 "));  // `waiting` is accepted.
  ::close(waiting);
  ASSERT_TRUE(no_connection_is_left());
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::testing::internal::CaptureStderr();
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  rlimit none = before;
  const int lowest_free = ::dup(STDERR_FILENO);
  ::close(lowest_free);
  none.rlim_cur = static_cast<rlim_t>(lowest_free);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);

  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(endpoint.port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  EXPECT_EQ(::send(client, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
  const double busy_before = processor_seconds();
  pollfd polled{client, POLLIN, 0};
  EXPECT_EQ(::poll(&polled, 1, 500), 0);  // No answer, as there is no descriptor for it.
  EXPECT_LT(processor_seconds() - busy_before, 0.25);
  ::setrlimit(RLIMIT_NOFILE, &before);
  std::array<char, 64> answer{};
  EXPECT_GT(::recv(client, answer.data(), answer.size() - 1, 0), 0);

  EXPECT_THAT(answer.data(), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "soak: metrics endpoint 127.0.0.1:" + std::to_string(endpoint.port()) +
                " cannot accept connections: Too many open files; they wait\n");
  ::close(client);
}

}  // namespace
}  // namespace soak::metrics
