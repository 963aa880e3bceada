// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_VOICE_MICROPHONE_H_
#define SOAK_VOICE_MICROPHONE_H_

// Streams audio like a microphone, for the rest of a cycle.

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
  // How often the speaker stops and waits for an answer, while the stream continues; zero means never. With many
  // sessions, each has its own offset within that time.
  std::chrono::nanoseconds turn_every = std::chrono::seconds{5};
  // The speech, repeated: whole samples of PCM at the client's input_rate_hz(), as from audio::read_file(). It must
  // stay valid until the task has ended. Empty: a built-in signal.
  std::span<const std::byte> speech = {};
};

// Sends one frame after another to `client` until the cycle ends. The n-th is sent at start + n x frame, however long
// the others took, so there is no drift. If sending falls behind, the frames that are due follow at once. Frames that
// are not sent one second after the cycle's end are dropped. A frame counts in the run's "frames" once the client's
// transport has accepted it, and the count is judged against the frames due. Rethrows the client's exceptions.
//
// `client` and `cycle` must live until the task has ended. Sets the run's title to "VOICE SOAK / <provider>" unless it
// has one, and names its cycles reconnects.
[[nodiscard]] Task<> stream_microphone(Client& client, Cycle& cycle, MicrophoneOptions options = {});

}  // namespace soak::voice

#endif  // SOAK_VOICE_MICROPHONE_H_
