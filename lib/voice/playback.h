// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_PLAYBACK_H_
#define SOAK_LIB_VOICE_PLAYBACK_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "soak/event_loop.h"

namespace soak::voice {

// How far a speaker has come with the answers, which arrive faster than they play: one item after the other, each from
// the moment that its first audio is there. An item whose audio runs out waits for more.
class Playback {
 public:
  struct Played {
    std::string item_id;
    std::int64_t ms;  // Heard of it, whole milliseconds.
  };

  explicit Playback(std::size_t bytes_per_second) : bytes_per_second_(bytes_per_second) {}

  void add(std::string_view item_id, std::size_t bytes, Instant now);

  // Throws away what has not been played, and says of each item with such audio how much of it was.
  std::vector<Played> stop(Instant now);

 private:
  struct Item {
    std::string id;
    std::chrono::nanoseconds duration;  // Of what has arrived.
    Instant ends;
  };

  std::size_t bytes_per_second_;
  std::deque<Item> items_;  // The last one, and those before it that are not over.
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_PLAYBACK_H_
