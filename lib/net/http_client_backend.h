// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_HTTP_CLIENT_BACKEND_H_
#define SOAK_LIB_NET_HTTP_CLIENT_BACKEND_H_

// What both kinds of HTTP client share: the check of a request, the bound on what goes to one origin at once, and the
// words for what went wrong.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "lib/net/signal.h"
#include "lib/net/url.h"
#include "soak/net/http_options.h"
#include "soak/task.h"

namespace soak::net {

// Whether Content-Length says so: RFC 9110, section 8.6.
inline bool announces_body(std::string_view method, std::string_view body) {
  return !body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
}

// One request on its way: where to, until when, and what its failures say.
struct HttpCall {
  // Throws Error(Errc::kInvalidArgument) for what cannot be sent.
  HttpCall(EventLoop& event_loop, const HttpClientOptions& client_options, HttpRequest http_request);
  HttpCall(const HttpCall&) = delete;
  HttpCall& operator=(const HttpCall&) = delete;

  // "POST https://host:443: connection refused, 0.0 s after the request began"
  [[noreturn]] void fail(Errc code, std::string_view why, bool may_have_arrived) const;
  [[noreturn]] void fail_by_timeout(std::string_view while_doing, bool may_have_arrived) const;
  [[noreturn]] void fail_by_connect_timeout() const;
  [[noreturn]] void fail_by_stop(bool may_have_arrived) const;

  EventLoop& loop;
  const HttpClientOptions& options;
  HttpRequest request;  // A transport may take it apart; the next two stay.
  std::string method;
  Url url;
  std::string origin;
  Instant begun;
  Instant deadline;
};

struct HttpClientBackend : std::enable_shared_from_this<HttpClientBackend> {
  HttpClientBackend(EventLoop& event_loop, HttpClientOptions client_options);
  virtual ~HttpClientBackend() = default;
  HttpClientBackend(const HttpClientBackend&) = delete;
  HttpClientBackend& operator=(const HttpClientBackend&) = delete;

  static Task<HttpResponse> send(std::shared_ptr<HttpClientBackend> self, HttpRequest request);
  // The client goes: ends what is under way.
  void stop();

  virtual std::size_t open_connections() const = 0;

  EventLoop& loop;
  const HttpClientOptions options;
  HttpClientCounters counters;
  bool stopped = false;

 protected:
  // Has its turn: sends the request, and waits for the response.
  virtual Task<HttpResponse> exchange(HttpCall& call) = 0;
  virtual void drop_all() = 0;
  // How many requests may go to `origin` at once.
  virtual std::size_t concurrency(const std::string& origin) const = 0;

 private:
  class Turn;

  // The requests to one origin: so many have their turn, the others wait, first come, first served.
  struct Lane {
    std::size_t active = 0;
    std::deque<Turn*> waiting;
  };
  std::unordered_map<std::string, Lane> lanes_;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_HTTP_CLIENT_BACKEND_H_
