// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_FUZZ_SCRIPT_H_
#define SOAK_TESTS_FUZZ_SCRIPT_H_

// What a fuzzer's bytes mean: what the hostile end says, one message a line; a line that begins with a '!' is a binary
// message, any other a text. A line that begins with a '^' ends the connection, and what follows is said on the next
// one:
// "^1011 no room" closes it with that code and reason, "^" drops it.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "require.h"
#include "soak/net/websocket.h"

namespace soak::fuzz {

struct Connection {
  std::vector<net::Message> messages;
  bool ends_itself = false;  // Once all is said; otherwise it is left to the other end, and closed in time.
  std::uint16_t close_code = net::kCloseNormal;  // 0 drops it.
  std::string close_reason;
};

inline constexpr std::size_t kConnectionsMax = 8;  // Of more, the last one stays.

inline void end_by(Connection& connection, std::string_view line) {
  const auto [rest, error] = std::from_chars(line.data(), line.data() + line.size(), connection.close_code);
  connection.ends_itself = true;
  const bool on_the_wire = error == std::errc() && connection.close_code >= 1000 && connection.close_code < 5000;
  if (!on_the_wire) {
    connection.close_code = 0;
  }
  connection.close_reason.assign(rest, line.data() + line.size());
}

inline std::vector<Connection> script_of(std::span<const std::uint8_t> bytes) {
  std::vector<Connection> script(1);
  for (auto from = bytes.begin(); from != bytes.end();) {
    const auto to = std::find(from, bytes.end(), std::uint8_t{'\n'});
    std::string line(from, to);
    const char kind = line.empty() ? '\0' : line.front();
    if (kind == '^' && script.size() < kConnectionsMax) {
      end_by(script.back(), std::string_view(line).substr(1));
      script.emplace_back();
    } else if (kind == '!') {
      script.back().messages.push_back(net::Message::binary(line.substr(1)));
    } else {
      script.back().messages.push_back(net::Message::text(std::move(line)));
    }
    from = to == bytes.end() ? to : to + 1;
  }
  return script;
}

inline std::size_t messages_in(const std::vector<Connection>& script) {
  std::size_t count = 0;
  for (const Connection& connection : script) {
    count += connection.messages.size();
  }
  return count;
}

}  // namespace soak::fuzz

#endif  // SOAK_TESTS_FUZZ_SCRIPT_H_
