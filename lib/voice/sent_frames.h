// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_SENT_FRAMES_H_
#define SOAK_LIB_VOICE_SENT_FRAMES_H_

// Which of the messages that one connection was given are audio frames: when it is lost, its last messages may not have
// left the process, or not have arrived, and that is to be counted in frames.

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

  // How many frames came after the first `messages`.
  std::uint64_t after(std::uint64_t messages) const {
    if (messages >= given_) {
      return 0;
    }
    const auto first = std::lower_bound(others_.begin(), others_.end(), messages);
    return given_ - messages - static_cast<std::uint64_t>(others_.end() - first);
  }

 private:
  std::uint64_t given_ = 0;
  std::vector<std::uint64_t> others_;  // Their places, ascending.
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_SENT_FRAMES_H_
