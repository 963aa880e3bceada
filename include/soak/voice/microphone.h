// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_MICROPHONE_H_
#define SOAK_VOICE_MICROPHONE_H_

// Streams audio as a microphone does, for the rest of a cycle.

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

#include "soak/run.h"
#include "soak/task.h"
#include "soak/voice/client.h"

namespace soak::voice {

struct MicrophoneOptions {
  // The time between two audio frames, and the length of each; 40 ms, which is 1,920 bytes of 24 kHz audio.
  // --soak_audio_interval beats it. Set it to what your own client sends: shorter frames are more messages a second.
  std::optional<std::chrono::nanoseconds> frame = std::nullopt;
  // How often the speaker stops and waits for an answer, while the stream goes on; zero is never. Of many sessions each
  // has its own moment within that time.
  std::chrono::nanoseconds turn_every = std::chrono::seconds{5};
  // What is said, over and over: whole samples of PCM at the client's input_rate_hz(), as audio::read_file() gives
  // them. It must live until the task has ended. Empty: a built-in signal.
  std::span<const std::byte> speech = {};
};

// Sends frame after frame to `client` until the cycle ends. The n-th is sent at start + n x frame, however long the
// others took: no drift. When sending falls behind, the frames that are due follow at once; those that are still not
// sent one second after the cycle's end never are. Frames are counted as the run's "frames" once the client's transport
// took them, and judged against those due. Throws what the client throws.
//
// `client` and `cycle` must live until the task has ended. Sets the run's title to "VOICE SOAK / <provider>" unless it
// has one, and calls its cycles reconnects.
[[nodiscard]] Task<> stream_microphone(Client& client, Cycle& cycle, MicrophoneOptions options = {});

}  // namespace soak::voice

#endif  // SOAK_VOICE_MICROPHONE_H_
