// SPDX-License-Identifier: Apache-2.0
#include "saved_audio.h"

#include "soak/error.h"

namespace soak::tools {

void SavedAudio::take(std::span<const std::byte> pcm) {
  if (!error_.empty()) {
    return;
  }
  pending_.insert(pending_.end(), pcm.begin(), pcm.end());
  const std::size_t whole = pending_.size() / 2 * 2;
  try {
    recording_.append(std::span(pending_).first(whole));
  } catch (const Error& error) {
    error_ = error.what();
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(whole));
}

}  // namespace soak::tools
