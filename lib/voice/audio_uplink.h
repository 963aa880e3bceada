// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_AUDIO_UPLINK_H_
#define SOAK_LIB_VOICE_AUDIO_UPLINK_H_

// The user's audio on its way out: each frame goes straight to the provider, or, if the client has a backlog, into
// that.

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

#include "lib/voice/audio_backlog.h"
#include "lib/voice/reconnecting_connection.h"
#include "soak/task.h"
#include "soak/voice/client.h"

namespace soak::voice {

class AudioUplink {
 public:
  // `backlog`: how much audio it holds, with `rate_hz` 16-bit samples a second; empty: none. Declare the uplink before
  // `connection`: the connection's destructor ends the task that delivers the backlog.
  AudioUplink(ReconnectingConnection& connection, AudioBacklog::Outlet& outlet, ClientCounters& counters,
              std::optional<std::chrono::nanoseconds> backlog, int rate_hz)
      : connection_(connection), outlet_(outlet), counters_(counters), backlog_length_(backlog), rate_hz_(rate_hz) {}

  // Call it once, when `connection` is established: before that, nothing goes into the backlog.
  void start();

  // What Client promises of them.
  Task<> send_audio(std::span<const std::byte> pcm);
  Task<> end_turn();

 private:
  ReconnectingConnection& connection_;
  AudioBacklog::Outlet& outlet_;
  ClientCounters& counters_;
  const std::optional<std::chrono::nanoseconds> backlog_length_;
  const int rate_hz_;
  std::optional<AudioBacklog> backlog_;
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_AUDIO_UPLINK_H_
