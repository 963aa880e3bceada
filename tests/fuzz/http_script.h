// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_FUZZ_HTTP_SCRIPT_H_
#define SOAK_TESTS_FUZZ_HTTP_SCRIPT_H_

// What a fuzzer's bytes mean where HTTP is spoken. The first line says with whom; then come messages as they look on
// the wire: a first line, fields, an empty line, the body. A line that begins with a '^' ends one, and what is behind
// the '^' goes before the next one.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/net/field_syntax.h"
#include "lib/text/ascii.h"
#include "soak/net/headers.h"

namespace soak::fuzz {

struct HttpMessage {
  std::string before;  // Behind the '^'.
  std::string first_line;
  net::Headers headers;  // What can stand in a message: the rest is left out.
  std::string body;
};

struct HttpScript {
  std::string subject;
  std::vector<HttpMessage> messages;
};

inline constexpr std::size_t kHttpMessagesMax = 24;  // What is behind them is left out.

// Takes a line off the beginning of `text`; it ends with LF or CRLF, which goes with it.
inline std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  return line;
}

inline HttpMessage message_of(std::string_view before, std::string_view text) {
  HttpMessage message;
  message.before = before;
  message.first_line = take_line(text);
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) {
      break;
    }
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = text::trim(line.substr(std::min(colon + 1, line.size())));
    if (net::is_token(name) && net::is_field_value(value)) {
      message.headers.add(std::string(name), std::string(value));
    }
  }
  message.body = text;
  return message;
}

inline HttpScript http_script_of(std::span<const std::uint8_t> bytes) {
  const std::string all(bytes.begin(), bytes.end());
  std::string_view text(all);
  HttpScript script;
  script.subject = take_line(text);
  std::string_view before;
  while (!text.empty() && script.messages.size() < kHttpMessagesMax) {
    const std::size_t end = text.starts_with('^') ? 0 : std::min(text.find("\n^"), text.size());
    script.messages.push_back(message_of(before, text.substr(0, end)));
    text.remove_prefix(end);
    if (text.starts_with('\n')) {
      text.remove_prefix(1);
    }
    before = take_line(text);
    if (before.starts_with('^')) {
      before.remove_prefix(1);
    }
  }
  return script;
}

}  // namespace soak::fuzz

#endif  // SOAK_TESTS_FUZZ_HTTP_SCRIPT_H_
