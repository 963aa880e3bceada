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
  // How often the speaker stops and waits for an answer, while the stream continues; zero means never. Each of many
  // sessions has its own place within that time, spread evenly, wherever its cycles begin.
  std::chrono::nanoseconds turn_every = std::chrono::seconds{5};
  // The speech, repeated: whole samples of PCM at the client's input_rate_hz(), as from audio::read_file(). It must
  // stay valid until the task has ended. Empty: a built-in signal.
  std::span<const std::byte> speech = {};

  // What the answers must be like, each beaten by the flag of its name. Not judged in a smoke run.
  //
  // The smallest share of those asked for that must be received; 0.95. Answers that the end of a cycle cuts off do not
  // count, unless nothing has been heard of them for 5 s. If none is received at all, that is a finding whatever the
  // floor is. Lower it for a soak that plans outages, or a provider that limits its rate.
  std::optional<double> answer_floor = std::nullopt;
  // The longest that the time from the end of speech to the first audio may be: its median and 99th percentile. By
  // default it is only reported.
  std::optional<std::chrono::nanoseconds> first_audio_p50_max = std::nullopt;
  std::optional<std::chrono::nanoseconds> first_audio_p99_max = std::nullopt;
  // The longest silence within an answer, because audio came after all before it had been played.
  std::optional<std::chrono::nanoseconds> audio_gap_max = std::nullopt;
};

// Sends one frame after another to `client` until the cycle ends. The n-th is sent at start + n x frame, however long
// the others took, so there is no drift. If sending falls behind, the frames that are due follow at once. Frames that
// are not sent one second after the cycle's end are dropped. A frame counts in the run's "frames" once the client's
// transport has accepted it, and the count is judged against the frames due. The time in which the client has a session
// open is judged against RunOptions::open_floor, and what becomes of its answers against the options above. Rethrows
// the client's exceptions.
//
// `client` and `cycle` must live until the task has ended. Sets the run's title to "VOICE SOAK / <provider>" unless it
// has one, and names its cycles reconnects.
[[nodiscard]] Task<> stream_microphone(Client& client, Cycle& cycle, MicrophoneOptions options = {});

}  // namespace soak::voice

#endif  // SOAK_VOICE_MICROPHONE_H_
