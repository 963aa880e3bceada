// SPDX-License-Identifier: Apache-2.0
#include "lib/net/http_client_backend.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/net/field_syntax.h"
#include "lib/text/ascii.h"
#include "lib/text/format.h"

namespace soak::net {
namespace {

// Fields that say where the body ends, which only the transport knows, or that it should wait.
constexpr std::array<std::string_view, 3> kOwnFields{"Content-Length", "Transfer-Encoding", "Expect"};

void check_request(const HttpRequest& request, const std::string& origin) {
  const auto refuse = [&origin](const std::string& why) { throw Error(Errc::kInvalidArgument, origin + ": " + why); };
  if (!is_token(request.method)) {
    refuse("the method is not a token: expected GET, POST and the like");
  }
  if (request.method == "CONNECT") {
    refuse("CONNECT is for proxies: expected GET, POST and the like");
  }
  if (request.method == "HEAD" && !request.body.empty()) {
    refuse("HEAD takes no body");
  }
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) {
      refuse("the name of a header field is not a token");
    }
    if (!is_field_value(value)) {
      refuse("the header field " + name + " holds a line break or a NUL");
    }
    for (const std::string_view own : kOwnFields) {
      if (text::equal_ignoring_case(name, own)) {
        refuse("the header field " + name + " is the transport's own");
      }
    }
  }
}

}  // namespace

HttpCall::HttpCall(EventLoop& event_loop, const HttpClientOptions& client_options, HttpRequest http_request)
    : loop(event_loop),
      options(client_options),
      request(std::move(http_request)),
      method(request.method),
      url(parse_http_url(request.url)),
      origin(url.origin()),
      begun(loop.now()),
      deadline(soak::detail::later(begun, options.timeout)) {
  keep_secrets_of(request.headers);
  check_request(request, origin);
}

void HttpCall::fail(Errc code, std::string_view why, bool may_have_arrived) const {
  std::string message = method + " " + origin + ": ";
  message.append(why);
  message += ", " + text::format_seconds(loop.now() - begun) + " after the request began";
  throw HttpError(code, message, may_have_arrived);
}

void HttpCall::fail_by_timeout(std::string_view while_doing, bool may_have_arrived) const {
  std::string message =
      method + " " + origin + ": the timeout of " + text::format_seconds(options.timeout) + " passed ";
  message.append(while_doing);
  throw HttpError(Errc::kTimeout, message, may_have_arrived);
}

void HttpCall::fail_by_connect_timeout() const {
  throw HttpError(Errc::kTimeout,
                  method + " " + origin + ": no connection within the connect timeout of " +
                      text::format_seconds(options.connect_timeout),
                  false);
}

void HttpCall::fail_by_stop(bool may_have_arrived) const {
  fail(Errc::kConnectionClosed, "dropped by the end of its HttpClient", may_have_arrived);
}

// A place in a lane, from the wait for it until the end of the request.
class HttpClientBackend::Turn {
 public:
  Turn(HttpClientBackend& backend, const std::string& origin)
      : backend_(backend), origin_(origin), lane_(backend.lanes_[origin]) {
    lane_.waiting.push_back(this);
    let_in();
  }
  ~Turn() {
    if (granted_) {
      --lane_.active;
    } else {
      lane_.waiting.erase(std::find(lane_.waiting.begin(), lane_.waiting.end(), this));
    }
    let_in();
    if (lane_.active == 0 && lane_.waiting.empty()) {
      backend_.lanes_.erase(origin_);
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  bool granted() const { return granted_; }
  Signal& signal() { return signal_; }

 private:
  void let_in() {
    const std::size_t bound = backend_.concurrency(origin_);
    while (!lane_.waiting.empty() && lane_.active < bound) {
      Turn& next = *lane_.waiting.front();
      lane_.waiting.pop_front();
      ++lane_.active;
      next.granted_ = true;
      next.signal_.wake();
    }
  }

  HttpClientBackend& backend_;
  const std::string& origin_;  // The call's.
  Lane& lane_;
  Signal signal_{"a connection to be free"};
  bool granted_ = false;
};

Task<HttpResponse> HttpClientBackend::send(std::shared_ptr<HttpClientBackend> self, HttpRequest request) {
  HttpCall call(self->loop, self->options, std::move(request));
  if (self->stopped) {
    call.fail_by_stop(false);
  }
  ++self->counters.requests;
  Turn turn(*self, call.origin);
  while (!turn.granted()) {
    const bool woken = co_await turn.signal().wait(call.deadline);
    if (self->stopped) {
      call.fail_by_stop(false);
    }
    if (!woken && !turn.granted()) {
      call.fail_by_timeout("while all connections were taken", false);
    }
  }
  Task<HttpResponse> exchanging = self->exchange(call);
  HttpResponse response = co_await std::move(exchanging);
  ++self->counters.responses;
  co_return response;
}

void HttpClientBackend::stop() {
  stopped = true;
  for (auto& [origin, lane] : lanes_) {
    for (Turn* const turn : lane.waiting) {
      turn->signal().wake();
    }
  }
  drop_all();
}

HttpClientBackend::HttpClientBackend(EventLoop& event_loop, HttpClientOptions client_options)
    : loop(event_loop), options(std::move(client_options)) {
  if (options.connections_max == 0) {
    throw Error(Errc::kInvalidArgument, "HttpClient with connections_max 0: expected at least 1");
  }
  if (options.proxy && !options.proxy->empty() && parse_http_url(*options.proxy).secure()) {
    throw Error(Errc::kInvalidArgument, "HttpClient with an https: proxy: expected http://host:port");
  }
}

}  // namespace soak::net
