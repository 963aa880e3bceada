// SPDX-License-Identifier: Apache-2.0
#include "soak/metrics/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>

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
bool no_connection_is_left() {
  for (int i = 0; i < 20'000 && Endpoint::open_connections() > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return Endpoint::open_connections() == 0;
}

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

  ::close(fd);
  EXPECT_TRUE(no_connection_is_left());
}

}  // namespace
}  // namespace soak::metrics
