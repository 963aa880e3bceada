// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_SOAK_SAVED_AUDIO_H_
#define SOAK_TOOLS_SOAK_SAVED_AUDIO_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "soak/audio/file.h"

namespace soak::tools {

// The provider's answers of a whole run, one after the other in a WAV file.
class SavedAudio {
 public:
  // Throws what audio::Recording does.
  SavedAudio(const std::string& path, int rate_hz) : recording_(path, rate_hz) {}

  // A piece need not be whole samples: half a one waits for the next piece. Does not throw; what cannot be written is
  // an error, and the end of the recording.
  void take(std::span<const std::byte> pcm);

  // Why the recording ended before the run did; empty if it did not.
  const std::string& error() const { return error_; }

 private:
  audio::Recording recording_;
  std::vector<std::byte> pending_;
  std::string error_;
};

}  // namespace soak::tools

#endif  // SOAK_TOOLS_SOAK_SAVED_AUDIO_H_
