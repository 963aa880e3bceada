// SPDX-License-Identifier: Apache-2.0
#include "lib/net/http_head.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "lib/net/field_syntax.h"
#include "lib/text/ascii.h"
#include "lib/text/base64.h"

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

struct Version {
  char major;
  char minor;
};

std::optional<Version> parse_version(std::string_view word) {
  constexpr std::string_view kName = "HTTP/";
  if (word.size() != kName.size() + 3 || !word.starts_with(kName) || word[6] != '.' || !text::is_digit(word[5]) ||
      !text::is_digit(word[7])) {
    return std::nullopt;
  }
  return Version{word[5], word[7]};
}

// What a target must not hold: where a line or a word ends, readers understand in many ways.
bool holds_space_or_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
}

}  // namespace

std::string_view reason_phrase(int status) {
  constexpr std::array<std::pair<int, std::string_view>, 28> kPhrases{{{200, "OK"},
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
                                                                       {504, "Gateway Timeout"},
                                                                       {505, "HTTP Version Not Supported"}}};
  for (const auto& [code, phrase] : kPhrases) {
    if (code == status) {
      return phrase;
    }
  }
  return "Status";
}

std::string format_http_date(std::chrono::system_clock::time_point time) {
  constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                                 kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                                 kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                                 static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                                 static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::optional<FieldLine> parse_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return std::nullopt;
  }
  const std::string_view value = text::trim(line.substr(colon + 1));
  if (!is_field_value(value)) {
    return std::nullopt;
  }
  return FieldLine{line.substr(0, colon), value};
}

bool is_host(std::string_view value) {
  const auto all = [](std::string_view part, std::string_view others) {
    for (std::size_t i = 0; i < part.size(); ++i) {
      if (part[i] == '%') {
        if (i + 2 >= part.size() || text::hex_value(part[i + 1]) < 0 || text::hex_value(part[i + 2]) < 0) {
          return false;
        }
      } else if (!text::is_letter_or_digit(part[i]) && others.find(part[i]) == std::string_view::npos) {
        return false;
      }
    }
    return true;
  };
  constexpr std::string_view kInName = "-._~!$&'()*+,;=";  // RFC 3986: unreserved and sub-delims.
  std::size_t end = value.find(':');
  if (value.starts_with('[')) {
    end = value.find(']');
    if (end == std::string_view::npos) {
      return false;
    }
    const std::string inside(value.substr(1, end - 1));
    in6_addr address{};
    if (inet_pton(AF_INET6, inside.c_str(), &address) != 1) {
      return false;
    }
    ++end;
  } else if (!all(value.substr(0, end), kInName)) {
    return false;
  }
  const std::string_view port = end < value.size() ? value.substr(end) : std::string_view();
  return port.empty() || (port.front() == ':' && std::all_of(port.begin() + 1, port.end(), text::is_digit));
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
  if (first == std::string_view::npos || last == first) {
    return std::nullopt;
  }
  const std::optional<Version> version = parse_version(line.substr(last + 1));
  if (!version || version->major != '1') {
    return std::nullopt;
  }
  request.http10 = version->minor == '0';  // A later one than 1.1 is read as 1.1 (RFC 9110, section 2.5).
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
    const std::optional<FieldLine> field = parse_field(line);
    if (!field) {
      return std::nullopt;
    }
    request.headers.add(std::string(field->name), std::string(field->value));
  }
  return std::nullopt;
}

bool is_of_other_version(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::optional<Version> version = parse_version(line.substr(line.rfind(' ') + 1));
  return version && version->major != '1';
}

bool asks_for_websocket(const RequestHead& head) { return has_element(head.headers, "Upgrade", "websocket"); }

std::optional<HandshakeReply> check_upgrade(const RequestHead& head) {
  if (head.http10) {
    return HandshakeReply::refuse(400, "A WebSocket handshake is HTTP/1.1.\n");
  }
  if (head.method != "GET") {
    return HandshakeReply::refuse(405, {}, {{"Allow", "GET"}});
  }
  if (!asks_for_websocket(head) || !has_element(head.headers, "Connection", "upgrade")) {
    return HandshakeReply::refuse(426, "This is a WebSocket server.\n", {{"Upgrade", "websocket"}});
  }
  if (head.headers.get_all("Sec-WebSocket-Version") != std::vector<std::string>{"13"}) {
    return HandshakeReply::refuse(426, {}, {{"Sec-WebSocket-Version", "13"}});
  }
  constexpr std::size_t kKeyBytes = 16;
  std::string key;
  if (head.headers.get_all("Sec-WebSocket-Key").size() != 1 ||
      !text::decode_base64(head.headers.get("Sec-WebSocket-Key"), key) || key.size() != kKeyBytes) {
    return HandshakeReply::refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64.\n");
  }
  if (head.headers.contains("Transfer-Encoding") ||
      head.headers.get("Content-Length").find_first_not_of('0') != std::string::npos) {
    return HandshakeReply::refuse(400, "A WebSocket handshake has no body.\n");
  }
  return std::nullopt;
}

}  // namespace soak::net
