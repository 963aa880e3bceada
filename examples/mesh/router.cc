// SPDX-License-Identifier: Apache-2.0
#include "mesh/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

#include "mesh/problem.h"
#include "mesh/storage.h"
#include "soak/log.h"

namespace mesh {
namespace {

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return std::nullopt;
    }
    decoded.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return decoded;
}

// The captures, or nullopt if the path is another one.
std::optional<std::vector<std::string>> match(const std::vector<std::string>& route,
                                              const std::vector<std::string>& path) {
  if (route.size() != path.size()) {
    return std::nullopt;
  }
  std::vector<std::string> captures;
  for (std::size_t i = 0; i < route.size(); ++i) {
    const std::optional<std::string> segment = percent_decoded(path[i]);
    if (!segment) {
      return std::nullopt;
    }
    const std::size_t hole = route[i].find("{}");
    if (hole == std::string::npos) {
      if (*segment != route[i]) {
        return std::nullopt;
      }
      continue;
    }
    const std::string_view before = std::string_view(route[i]).substr(0, hole);
    const std::string_view behind = std::string_view(route[i]).substr(hole + 2);
    const std::string_view text = *segment;
    if (text.size() <= before.size() + behind.size() || text.substr(0, before.size()) != before ||
        text.substr(text.size() - behind.size()) != behind) {
      return std::nullopt;
    }
    captures.emplace_back(text.substr(before.size(), text.size() - before.size() - behind.size()));
  }
  return captures;
}

bool is_json(const soak::net::HttpServerRequest& request) {
  std::string type = request.headers.get("Content-Type");
  type.resize(std::min(type.find(';'), type.size()));
  while (!type.empty() && type.back() == ' ') {
    type.pop_back();
  }
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return type == "application/json";
}

}  // namespace

void Router::add(std::string_view method, std::string_view path, RouteHandler handler) {
  routes_.push_back({std::string(method), segments_of(path), std::move(handler)});
}

soak::Task<soak::net::HttpReply> Router::reply(soak::net::HttpServerRequest request) {
  soak::Task<soak::net::HttpReply> handling = handle(std::move(request));
  try {
    soak::net::HttpReply answer = co_await std::move(handling);
    co_return answer;
  } catch (const Problem& problem) {
    co_return problem.reply();
  } catch (const StorageError& error) {
    soak::log({soak::LogLevel::kError, {}, "mesh", "storage", error.what()});
    Problem problem = error.failure() == StorageFailure::kFull
                          ? Problem(507, "storage_full", "no room: nothing was stored, send it again later")
                          : Problem(503, "storage_failed", "the storage failed: send it again with the same id");
    problem.with_retry_after(1);
    co_return problem.reply();
  } catch (const std::exception& error) {
    soak::log({soak::LogLevel::kError, {}, "mesh", "router", error.what()});
    const Problem problem(500, "internal", "an error that nobody expected; the log of the service has it");
    co_return problem.reply();
  }
}

soak::Task<soak::net::HttpReply> Router::handle(soak::net::HttpServerRequest request) {
  const std::vector<std::string> path = segments_of(request.path);
  std::string allowed;
  const Route* found = nullptr;
  Call call;
  for (const Route& route : routes_) {
    std::optional<std::vector<std::string>> captures = match(route.segments, path);
    if (!captures) {
      continue;
    }
    if (route.method == request.method) {
      found = &route;
      call.captures = std::move(*captures);
      break;
    }
    allowed += (allowed.empty() ? "" : ", ") + route.method;
  }
  if (found == nullptr && !allowed.empty()) {
    Problem problem(405, "method_not_allowed", fmt::format("expected {}", allowed));
    problem.with_allow(allowed);
    throw problem;
  }
  if (found == nullptr) {
    throw Problem(404, "not_found", "there is no such path");
  }
  if (request.body.size() > kBodyBytesMax) {
    throw Problem(413, "too_large",
                  fmt::format("a body of {} bytes, expected at most {}", request.body.size(), kBodyBytesMax));
  }
  if (request.method == "POST" && !is_json(request)) {
    throw Problem(415, "not_json", "expected Content-Type: application/json");
  }
  call.request = std::move(request);
  soak::Task<soak::net::HttpReply> handling = found->handler(std::move(call));
  soak::net::HttpReply answer = co_await std::move(handling);
  co_return answer;
}

soak::net::HttpReply json_reply(int status, std::string body) {
  soak::net::Headers headers;
  headers.add("Content-Type", "application/json");
  return soak::net::HttpReply(status, std::move(body), std::move(headers));
}

soak::net::HttpReply html_reply(std::string page) {
  soak::net::Headers headers;
  headers.add("Content-Type", "text/html; charset=utf-8");
  headers.add("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
  return soak::net::HttpReply(200, std::move(page), std::move(headers));
}

std::int64_t query_integer(const soak::net::HttpServerRequest& request, std::string_view name, std::int64_t otherwise,
                           std::int64_t min, std::int64_t max) {
  const std::string text = request.query_value(name);
  if (text.empty()) {
    return otherwise;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    throw Problem(400, "invalid_query", fmt::format("{}: expected an integer from {} to {}", name, min, max));
  }
  return value;
}

}  // namespace mesh
