// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_NET_HTTP_TRANSPORTS_H_
#define SOAK_TESTS_UNIT_NET_HTTP_TRANSPORTS_H_

// The conformance suite of HTTP runs on each of the transports: what HttpClient and HttpServer promise, they promise on
// all.

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "soak/event.h"
#include "soak/net/http_client.h"
#include "soak/net/http_server.h"
#include "tests/unit/net/transports.h"

namespace soak::net {

// How a request ended: a response, or what HttpError says.
struct Outcome {
  Outcome() = default;
  bool answered() const { return !failed; }

  HttpResponse response;
  bool failed = false;
  Errc code{};
  bool may_have_arrived = false;
  std::string message;
};

inline Task<Outcome> outcome_of(HttpClient& client, HttpRequest request) {
  Outcome outcome;
  try {
    outcome.response = co_await client.send(std::move(request));
  } catch (const HttpError& error) {
    outcome.failed = true;
    outcome.code = error.code();
    outcome.may_have_arrived = error.may_have_arrived();
    outcome.message = error.what();
  }
  co_return outcome;
}

template <typename Transport>
class HttpTransportTest : public TransportTest<Transport> {
 protected:
  static HttpServerOptions server_options() {
    HttpServerOptions options;
    if (Transport::kTls) {
      options.tls = loopback_identity();
    }
    return options;
  }
  // Without the proxies of whoever runs the tests.
  static HttpClientOptions client_options() {
    HttpClientOptions options;
    options.proxy = "";
    if (Transport::kTls) {
      options.ca_file = test_ca().ca_file();
    }
    return options;
  }

  // Ends when `condition` holds: what happens at one end of a connection is known at the other some turns later.
  static Task<> until(std::function<bool()> condition) {
    while (!condition()) {
      co_await sleep_for(1ms);
    }
  }
};

inline Task<HttpReply> say_hello(HttpServerRequest request) { co_return HttpReply(200, "hello " + request.path); }

// Answers 200 once `event` is set.
inline HttpHandler answered_after(Event& event) {
  return [&event](HttpServerRequest) -> Task<HttpReply> {
    co_await event.wait();
    co_return HttpReply(200);
  };
}

// A body of which every part is different.
inline std::string patterned(std::size_t size) {
  std::string body(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    body[i] = static_cast<char>(i * 31 % 251);
  }
  return body;
}

}  // namespace soak::net

#endif  // SOAK_TESTS_UNIT_NET_HTTP_TRANSPORTS_H_
