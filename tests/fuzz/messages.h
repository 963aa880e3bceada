// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_FUZZ_MESSAGES_H_
#define SOAK_TESTS_FUZZ_MESSAGES_H_

// What a fuzzer's bytes mean: messages, one a line; a line that begins with a '!' is binary, any other is text.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "soak/net/websocket.h"

namespace soak::fuzz {

inline std::vector<net::Message> messages_of(std::span<const std::uint8_t> bytes) {
  std::vector<net::Message> messages;
  for (auto from = bytes.begin(); from != bytes.end();) {
    const auto to = std::find(from, bytes.end(), std::uint8_t{'\n'});
    std::string line(from, to);
    const bool binary = !line.empty() && line.front() == '!';
    messages.push_back(binary ? net::Message::binary(line.substr(1)) : net::Message::text(std::move(line)));
    from = to == bytes.end() ? to : to + 1;
  }
  return messages;
}

// Ends the process, as a crash would, where something is not as it has to be.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace soak::fuzz

#endif  // SOAK_TESTS_FUZZ_MESSAGES_H_
