// SPDX-License-Identifier: Apache-2.0
#include "lib/net/http_server_backend.h"

#include <exception>
#include <utility>

#include "lib/net/field_syntax.h"
#include "lib/net/http_head.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"

namespace soak::net {
namespace {

constexpr int kNoContent = 204;
constexpr int kNotModified = 304;

// The length that the handler announced; nothing if it left that to us, or it is no number.
std::optional<std::size_t> announced_length(const Headers& headers) {
  const std::optional<std::string_view> text = headers.find("Content-Length");
  return text ? text::parse_number<std::size_t>(*text) : std::nullopt;
}

}  // namespace

OutgoingResponse::OutgoingResponse(HttpResponse response, std::string_view method, bool close_after,
                                   std::chrono::system_clock::time_point now)
    : status(response.status),
      headers(std::move(response.headers)),
      body(std::move(response.body)),
      close(close_after) {
  bool sound = status >= 200 && status <= 599;
  for (const auto& [name, value] : headers) {
    sound = sound && is_token(name) && is_field_value(value);
  }
  if (!sound) {
    soak::detail::contract_broken("an HttpReply of status " + std::to_string(status) +
                                  " is not a final one from 200 to 599, or has a header field that cannot be sent");
  }
  if (status == kNoContent || status == kNotModified) {
    body.clear();
    headers.remove("Content-Length");
  } else {
    const std::optional<std::size_t> announced = announced_length(headers);
    if (!announced) {
      headers.set("Content-Length", std::to_string(body.size()));
    }
    const std::size_t length = announced.value_or(body.size());
    if (method == "HEAD") {
      body.clear();
    } else if (length < body.size()) {
      body.resize(length);
    } else if (length > body.size()) {
      cut_short = close = true;
    }
  }
  if (!headers.contains("Date")) {
    headers.add("Date", format_http_date(now));  // RFC 9110, section 6.6.1.
  }
  close = close || text::equal_ignoring_case(headers.get("Connection"), "close");
  if (close) {
    headers.set("Connection", "close");
  }
}

std::string OutgoingResponse::text() const {
  std::string bytes;
  bytes.reserve(256 + body.size());
  bytes += "HTTP/1.1 ";
  bytes += std::to_string(status);
  bytes += ' ';
  bytes += reason_phrase(status);
  bytes += "\r\n";
  for (const auto& [name, value] : headers) {
    bytes += name;
    bytes += ": ";
    bytes += value;
    bytes += "\r\n";
  }
  bytes += "\r\n";
  bytes += body;
  return bytes;
}

HttpServerBackend::HttpServerBackend(EventLoop& event_loop, HttpHandler http_handler, HttpServerOptions server_options)
    : loop(event_loop), handler(std::move(http_handler)), options(std::move(server_options)), handlers_(event_loop) {
  if (!handler) {
    throw Error(Errc::kInvalidArgument, "HttpServer without a handler");
  }
}

void HttpServerBackend::stop() {
  if (stopped) {
    return;
  }
  closing = stopped = true;
  stop_listening();
  reset_all();
  handlers_.end_in_place();
  done_.wake();
}

Task<> HttpServerBackend::close(std::shared_ptr<HttpServerBackend> self, std::chrono::nanoseconds timeout) {
  if (self->stopped) {
    co_return;
  }
  const Instant deadline = soak::detail::later(self->loop.now(), timeout);
  self->closing = true;
  self->stop_listening();
  self->close_idle();
  while (self->under_way() > 0 && !self->stopped) {
    const bool woken = co_await self->done_.wait(deadline);
    if (!woken) {
      break;
    }
  }
  if (self->stopped) {
    co_return;
  }
  self->reset_all();
  self->handlers_.end_in_place();
}

std::optional<HttpReply> HttpServerBackend::judge_head(const HttpServerRequest& request) const {
  if (!options.on_head) {
    return std::nullopt;
  }
  try {
    if (options.on_head(request)) {
      return std::nullopt;
    }
    return HttpReply::reset();
  } catch (const std::exception& error) {
    return HttpReply(500, error.what());
  } catch (...) {
    return HttpReply(500);
  }
}

void HttpServerBackend::handle(HttpServerRequest request, std::weak_ptr<HttpReplyTo> connection) {
  handlers_.start({"http request", ++requests_}, answer(*this, std::move(request), std::move(connection)),
                  TaskKind::kFinite);
}

Task<> HttpServerBackend::answer(HttpServerBackend& self, HttpServerRequest request,
                                 std::weak_ptr<HttpReplyTo> connection) {
  HttpReply reply(500);
  try {
    Task<HttpReply> handler = self.handler(std::move(request));
    reply = co_await std::move(handler);
  } catch (const std::exception& error) {
    reply = HttpReply(500, error.what());
  } catch (...) {
    // Cancelled among them: nobody cancels a handler, so it is one of its own making.
  }
  if (const std::shared_ptr<HttpReplyTo> to = connection.lock()) {
    to->reply(std::move(reply));
  }
  self.done_.wake();
}

void HttpServerBackend::response_done() {
  --responding;
  done_.wake();
}

}  // namespace soak::net
