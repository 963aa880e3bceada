// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/audio_store.h"

#include <utility>

namespace soak::peers::openai {

bool AudioStore::reserve(std::size_t bytes) {
  while (recording_ + stored_ + bytes > bytes_max_ && !oldest_first_.empty()) {
    stored_ -= oldest_first_.front().bytes;
    if (const auto audio = oldest_first_.front().audio.lock()) {
      std::string().swap(*audio);
    }
    oldest_first_.pop_front();
  }
  return recording_ + stored_ + bytes <= bytes_max_;
}

void AudioStore::Recording::append(std::string_view audio) {
  if (too_much_) {
    return;
  }
  if (!store_.reserve(audio.size())) {
    clear();
    too_much_ = true;
    return;
  }
  audio_ += audio;
  store_.recording_ += audio.size();
}

void AudioStore::Recording::clear() {
  store_.recording_ -= audio_.size();
  std::string().swap(audio_);
  too_much_ = false;
}

StoredAudio AudioStore::Recording::take() {
  if (std::exchange(too_much_, false) || audio_.empty()) {
    return nullptr;
  }
  const std::size_t bytes = audio_.size();
  auto audio = std::make_shared<std::string>(std::exchange(audio_, {}));
  store_.recording_ -= bytes;
  store_.stored_ += bytes;
  store_.oldest_first_.push_back({audio, bytes});
  return audio;
}

}  // namespace soak::peers::openai
