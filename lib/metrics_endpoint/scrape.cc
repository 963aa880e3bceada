// SPDX-License-Identifier: Apache-2.0
#include "lib/metrics_endpoint/scrape.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>

#include "lib/text/ascii.h"

namespace soak::metrics {
namespace {

constexpr std::string_view kText = "text/plain; version=0.0.4; charset=utf-8";

std::string response(std::string_view status, std::string_view body, bool with_body = true,
                     std::string_view more_fields = "") {
  return fmt::format("HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}", status,
                     kText, body.size(), more_fields, with_body ? body : "");
}

// What stands before `end`, which is taken off `text` with it; all of it where there is no such end.
std::string_view take_until(std::string_view& text, std::string_view end) {
  const std::size_t at = text.find(end);
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + end.size());
  return taken;
}

// "build-7" of "Build-7.:9464", "[::1]" of "[::1]:9464".
std::string host_of(std::string_view field) {
  if (field.starts_with('[')) {
    return text::to_lower(field.substr(0, std::min(field.find(']'), field.size() - 1) + 1));
  }
  std::string host = text::to_lower(field.substr(0, field.find(':')));
  if (host.ends_with('.')) {
    host.pop_back();
  }
  return host;
}

}  // namespace

std::size_t end_of_head(std::string_view received) {
  const std::size_t end = received.find("\r\n\r\n");
  return end == std::string_view::npos ? end : end + 4;
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost") {
    return true;
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    in6_addr v6{};
    return inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &v6) == 1 &&
           IN6_IS_ADDR_LOOPBACK(&v6);
  }
  in_addr v4{};
  return inet_pton(AF_INET, std::string(host).c_str(), &v4) == 1 && ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
}

std::string respond(std::string_view head, const KnowsHost& knows, const std::function<std::string()>& exposition) {
  std::string_view line = take_until(head, "\r\n");
  const std::string_view method = take_until(line, " ");
  std::string_view target = take_until(line, " ");
  const std::string_view path = take_until(target, "?");
  const std::string_view version = line;
  if (method.empty() || !path.starts_with('/') || (version != "HTTP/1.1" && version != "HTTP/1.0")) {
    return response("400 Bad Request", "Expected GET /metrics in HTTP/1.1.\n");
  }
  std::optional<std::string> host;
  while (!head.empty()) {
    std::string_view value = take_until(head, "\r\n");
    const std::string_view name = take_until(value, ":");
    if (!text::equal_ignoring_case(name, "Host")) {
      continue;
    }
    if (host) {
      return response("400 Bad Request", "Expected one Host field.\n");
    }
    host = host_of(text::trim(value));
  }
  if (!host && version == "HTTP/1.1") {
    return response("400 Bad Request", "Expected a Host field.\n");
  }
  if (host && !knows(*host)) {
    return response("403 Forbidden",
                    "The Host field names another host: expected localhost, the address that this "
                    "endpoint listens on, or the name of this machine.\n");
  }
  const bool is_head = method == "HEAD";
  if (path != "/metrics") {
    return response("404 Not Found", "The metrics are at /metrics.\n", !is_head);
  }
  if (method != "GET" && !is_head) {
    return response("405 Method Not Allowed", "Expected GET.\n", true, "Allow: GET, HEAD\r\n");
  }
  return response("200 OK", exposition(), !is_head);
}

std::string respond_too_long() {
  return response("431 Request Header Fields Too Large", fmt::format("Expected at most {} bytes.\n", kHeadBytesMax));
}

}  // namespace soak::metrics
