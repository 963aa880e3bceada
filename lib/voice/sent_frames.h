// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_SENT_FRAMES_H_
#define SOAK_LIB_VOICE_SENT_FRAMES_H_

// Which of the messages that one connection was given are audio frames: when it is lost, its last messages may not have
// left the process, and that is to be counted in frames.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace soak::voice {

class SentFrames {
 public:
  // A new connection.
  void begin() {
    given_ = 0;
    others_.clear();
  }
  // The connection took an audio frame, or a message of another kind. Of the latter there are a few in a turn.
  void frame() { ++given_; }
  void other() { others_.push_back(given_++); }

  // How many of the frames were not among the first `sent` messages, which are those that left.
  std::uint64_t not_among(std::uint64_t sent) const {
    if (sent >= given_) return 0;
    const auto first = std::lower_bound(others_.begin(), others_.end(), sent);
    return given_ - sent - static_cast<std::uint64_t>(others_.end() - first);
  }

 private:
  std::uint64_t given_ = 0;
  std::vector<std::uint64_t> others_;  // Their places, ascending.
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_SENT_FRAMES_H_
