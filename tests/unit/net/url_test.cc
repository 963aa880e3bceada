// SPDX-License-Identifier: Apache-2.0
#include "lib/net/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/net/http_head.h"
#include "soak/error.h"
#include "soak/net/headers.h"

namespace soak::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(std::string_view url) {
  try {
    parse_websocket_url(url);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    return error.what();
  }
  return "accepted";
}

TEST(UrlTest, TakesAWebSocketUrlApart) {
  const Url url = parse_websocket_url("WS://127.0.0.1:40121/v1/realtime?model=m&x=1");

  EXPECT_EQ(url.scheme, "ws");
  EXPECT_EQ(url.host, "127.0.0.1");
  EXPECT_EQ(url.port, 40121);
  EXPECT_EQ(url.path, "/v1/realtime");
  EXPECT_EQ(url.query, "model=m&x=1");
  EXPECT_EQ(url.target(), "/v1/realtime?model=m&x=1");
  EXPECT_EQ(url.display(), "ws://127.0.0.1:40121/v1/realtime");
}

TEST(UrlTest, HasDefaultsForPortAndPath) {
  const Url url = parse_websocket_url("ws://[::1]?key=1");

  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 80);
  EXPECT_EQ(url.target(), "/?key=1");
  EXPECT_EQ(url.authority(), "[::1]");
}

TEST(UrlTest, HasADefaultPortOfItsOwnForWss) {
  const Url url = parse_websocket_url("wss://api.openai.com/v1/realtime");

  EXPECT_TRUE(url.secure());
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.authority(), "api.openai.com");
  EXPECT_EQ(parse_websocket_url("wss://host:80/").display(), "wss://host:80/");
  EXPECT_FALSE(parse_websocket_url("ws://host:443/").secure());
}

TEST(UrlTest, RefusesWhatItCannotOpen) {
  EXPECT_THAT(refusal("http://host/"), HasSubstr("unsupported scheme http"));
  EXPECT_THAT(refusal("127.0.0.1:80"), HasSubstr("not a URL"));
  EXPECT_THAT(refusal("ws://:80/"), HasSubstr("host is missing"));
  EXPECT_THAT(refusal("ws://host:0/"), HasSubstr("not a port: 0"));
  EXPECT_THAT(refusal("ws://host:65536/"), HasSubstr("not a port: 65536"));
  EXPECT_THAT(refusal("ws://host:8x/"), HasSubstr("not a port: 8x"));
  EXPECT_THAT(refusal("ws://[::1/"), HasSubstr("closing bracket"));
  EXPECT_THAT(refusal("ws://host/#part"), HasSubstr("no fragment"));
  EXPECT_THAT(refusal("ws://host/a b"), HasSubstr("space"));
}

TEST(UrlTest, ShowsNoSecretInARefusal) {
  EXPECT_THAT(refusal("https://host/?key=secret"), Not(HasSubstr("secret")));
  EXPECT_THAT(refusal("ws://user:secret@host/"), Not(HasSubstr("secret")));
  EXPECT_THAT(refusal("ws://host:1x/?key=secret"), Not(HasSubstr("secret")));
  EXPECT_THAT(refusal("user:secret@host"), Not(HasSubstr("secret")));
}

TEST(UrlTest, IsShownWithoutWhatIsSecretInIt) {
  EXPECT_EQ(url_without_secrets("wss://host/v1?model=gpt-4o-realtime-preview-2024-12-17&api_key=a"),
            "wss://host/v1?model=gpt-4o-realtime-preview-2024-12-17&api_key=***");
  EXPECT_EQ(url_without_secrets("wss://user:pass@host/?x=1"), "wss://***@host/?x=1");
  EXPECT_EQ(url_without_secrets("ws://host/?u=ek_68af296e8e408191a1120a&Token=&v=2"), "ws://host/?u=***&Token=***&v=2");
  EXPECT_EQ(url_without_secrets("ws://host/?68af296e8e408191a1120a"), "ws://host/?***");
  EXPECT_EQ(url_without_secrets("user:secret@host"), "***@host");
  EXPECT_EQ(url_without_secrets("ws://host/a@b?x=c@d"), "ws://host/a@b?x=c@d");
  EXPECT_EQ(url_without_secrets(""), "");
}

TEST(UrlTest, WhatIsSecretInItIsInNoMessage) {
  (void)parse_websocket_url("ws://host/?access_token=tok%2Fen-of-the-url&x=1");
  keep_secrets_of(
      Headers{{"Authorization", "Basic dXNlcjpwYXNzd29yZC1pbi1iYXNpYw=="}, {"X-Api-Key", "key-in-a-header"}});

  EXPECT_STREQ(Error(Errc::kRejected, "tok/en-of-the-url, password-in-basic, key-in-a-header").what(), "***, ***, ***");
}

TEST(HeadersTest, CompareNamesWithoutCase) {
  Headers headers{{"Retry-After", "30"}, {"X-A", "1"}, {"x-a", "2"}};

  EXPECT_EQ(headers.get("retry-after"), "30");
  EXPECT_EQ(headers.get("missing", "none"), "none");
  EXPECT_THAT(headers.get_all("X-a"), ::testing::ElementsAre("1", "2"));

  headers.set("X-A", "3");
  EXPECT_THAT(headers.get_all("x-a"), ::testing::ElementsAre("3"));
}

TEST(HttpHeadTest, ReadsARequest) {
  const auto head = parse_request_head("GET /p?q=1 HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nx-two:  2 \r\n\r\n");

  ASSERT_TRUE(head);
  EXPECT_EQ(head->method, "GET");
  EXPECT_EQ(head->path, "/p");
  EXPECT_EQ(head->query, "q=1");
  EXPECT_EQ(head->headers.get("X-Two"), "2");
  EXPECT_TRUE(head->headers.contains("x-empty"));
}

TEST(HttpHeadTest, KnowsARequestOfHttp10) {
  const auto old = parse_request_head("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(old);
  EXPECT_TRUE(old->http10);
  const auto now = parse_request_head("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(now);
  EXPECT_FALSE(now->http10);
  const auto later = parse_request_head("GET / HTTP/1.2\r\n\r\n");
  ASSERT_TRUE(later);
  EXPECT_FALSE(later->http10);
}

// The example of RFC 9110, section 5.6.7.
TEST(HttpHeadTest, WritesADate) {
  EXPECT_EQ(format_http_date(std::chrono::system_clock::from_time_t(784111777)), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(HttpHeadTest, RefusesWhatIsNoRequest) {
  EXPECT_FALSE(parse_request_head("GET / HTTP/0.9\r\n\r\n"));
  EXPECT_FALSE(parse_request_head("GET / HTTP/2.0\r\n\r\n"));
  EXPECT_FALSE(parse_request_head("GET /\r\n\r\n"));
  EXPECT_FALSE(parse_request_head("GET / HTTP/1.1\r\nbroken\r\n\r\n"));
  EXPECT_FALSE(parse_request_head("GET / HTTP/1.1\r\na b: c\r\n\r\n"));
  EXPECT_FALSE(parse_request_head("\x16\x03\x01\r\n\r\n"));
}

}  // namespace
}  // namespace soak::net
