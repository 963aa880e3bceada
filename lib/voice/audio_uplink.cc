// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/audio_uplink.h"

namespace soak::voice {

void AudioUplink::start() {
  if (!backlog_length_) {
    return;
  }
  backlog_.emplace(*backlog_length_, rate_hz_, connection_, outlet_, counters_);
  connection_.tasks().start("voice_backlog", backlog_->deliver_all());
}

Task<> AudioUplink::send_audio(std::span<const std::byte> pcm) {
  return backlog_ ? backlog_->add(pcm) : outlet_.deliver(pcm);
}

Task<> AudioUplink::end_turn() { return backlog_ ? backlog_->add_end_of_turn() : outlet_.deliver_end_of_turn(); }

}  // namespace soak::voice
