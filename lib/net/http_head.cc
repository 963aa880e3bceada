// SPDX-License-Identifier: Apache-2.0
#include "lib/net/http_head.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/net/ascii.h"
#include "lib/text/ascii.h"

namespace soak::net {
namespace {

bool has_element(const Headers& headers, std::string_view name, std::string_view wanted) {
  for (const auto& [field, value] : headers) {
    if (!text::equal_ignoring_case(field, name)) {
      continue;
    }
    for (const std::string& element : split_list(value)) {
      if (text::equal_ignoring_case(element, wanted)) {
        return true;
      }
    }
  }
  return false;
}

// What a target must not hold: where a line or a word ends, readers understand in many ways.
bool holds_space_or_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
}

}  // namespace

std::string_view reason_phrase(int status) {
  constexpr std::array<std::pair<int, std::string_view>, 27> kPhrases{{{200, "OK"},
                                                                       {201, "Created"},
                                                                       {202, "Accepted"},
                                                                       {204, "No Content"},
                                                                       {301, "Moved Permanently"},
                                                                       {302, "Found"},
                                                                       {304, "Not Modified"},
                                                                       {307, "Temporary Redirect"},
                                                                       {308, "Permanent Redirect"},
                                                                       {400, "Bad Request"},
                                                                       {401, "Unauthorized"},
                                                                       {403, "Forbidden"},
                                                                       {404, "Not Found"},
                                                                       {405, "Method Not Allowed"},
                                                                       {408, "Request Timeout"},
                                                                       {409, "Conflict"},
                                                                       {410, "Gone"},
                                                                       {413, "Content Too Large"},
                                                                       {421, "Misdirected Request"},
                                                                       {426, "Upgrade Required"},
                                                                       {429, "Too Many Requests"},
                                                                       {431, "Request Header Fields Too Large"},
                                                                       {500, "Internal Server Error"},
                                                                       {501, "Not Implemented"},
                                                                       {502, "Bad Gateway"},
                                                                       {503, "Service Unavailable"},
                                                                       {504, "Gateway Timeout"}}};
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) {
      return phrase;
    }
  }
  return "Status";
}

std::optional<RequestHead> parse_request_head(std::string_view head) {
  RequestHead request;
  std::size_t line_end = head.find("\r\n");
  if (line_end == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view line = head.substr(0, line_end);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first || line.substr(last + 1) != "HTTP/1.1") {
    return std::nullopt;
  }
  request.method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  if (!is_token(request.method) || target.empty() || holds_space_or_control(target)) {
    return std::nullopt;
  }
  const std::size_t question = std::min(target.find('?'), target.size());
  request.path = target.substr(0, question);
  if (question < target.size()) {
    request.query = target.substr(question + 1);
  }

  for (head.remove_prefix(line_end + 2); !head.empty(); head.remove_prefix(line_end + 2)) {
    line_end = head.find("\r\n");
    if (line_end == std::string_view::npos) {
      return std::nullopt;
    }
    if (line_end == 0) {
      return request;
    }
    line = head.substr(0, line_end);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      return std::nullopt;
    }
    const std::string_view value = text::trim(line.substr(colon + 1));
    if (!is_field_value(value)) {
      return std::nullopt;
    }
    request.headers.add(std::string(line.substr(0, colon)), std::string(value));
  }
  return std::nullopt;
}

std::optional<HandshakeReply> check_upgrade(const RequestHead& head) {
  if (head.method != "GET") {
    return HandshakeReply::refuse(405, {}, {{"Allow", "GET"}});
  }
  if (!has_element(head.headers, "Upgrade", "websocket") || !has_element(head.headers, "Connection", "upgrade")) {
    return HandshakeReply::refuse(426, "This is a WebSocket server.\n", {{"Upgrade", "websocket"}});
  }
  if (head.headers.get("Sec-WebSocket-Version") != "13") {
    return HandshakeReply::refuse(426, {}, {{"Sec-WebSocket-Version", "13"}});
  }
  const std::string key = head.headers.get("Sec-WebSocket-Key");
  if (key.size() != 24 || key.substr(22) != "==" || !head.headers.contains("Host")) {
    return HandshakeReply::refuse(400, "Not a WebSocket handshake.\n");
  }
  return std::nullopt;
}

std::string format_refusal(const HandshakeReply& reply) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status()) + " " + std::string(reason_phrase(reply.status()));
  text += "\r\n";
  for (const auto& [name, value] : reply.headers()) {
    text += name + ": " + value + "\r\n";
  }
  text += "Content-Length: " + std::to_string(reply.body().size()) + "\r\nConnection: close\r\n\r\n";
  return text + reply.body();
}

}  // namespace soak::net
