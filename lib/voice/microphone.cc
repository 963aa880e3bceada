// SPDX-License-Identifier: Apache-2.0
#include "soak/voice/microphone.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <numbers>
#include <span>
#include <type_traits>
#include <vector>

#include "lib/voice/answer_watch.h"
#include "soak/option_table.h"
#include "soak/run_driver.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

static_assert(std::is_trivially_destructible_v<MicrophoneOptions>);  // It stands in co_await expressions: g++ 12.

constexpr std::array kOptions = {
    Option{.name = "audio_interval",
           .kind = OptionKind::kTime,
           .default_value = "40ms",
           .help = "the time between two audio frames",
           .alias = {"SOAK_AUDIO_INTERVAL_SEC", "s"},
           .smoke_max = 500ms},
    Option{.name = "answer_floor",
           .kind = OptionKind::kShare,
           .default_value = "0.95",
           .help = "the smallest share of requested answers that must be received"},
    Option{.name = "first_audio_p50_max",
           .kind = OptionKind::kTime,
           .default_value = "",
           .help = "the longest allowed median time from the end of speech to the first audio of the answer"},
    Option{.name = "first_audio_p99_max",
           .kind = OptionKind::kTime,
           .default_value = "",
           .help = "the longest allowed 99th percentile of that time"},
    Option{.name = "audio_gap_max",
           .kind = OptionKind::kTime,
           .default_value = "",
           .help = "the longest allowed silence within an answer whose audio comes too late"}};
constexpr const Option& kAudioInterval = kOptions[0];
constexpr const Option& kAnswerFloor = kOptions[1];
constexpr const Option& kFirstAudioP50Max = kOptions[2];
constexpr const Option& kFirstAudioP99Max = kOptions[3];
constexpr const Option& kAudioGapMax = kOptions[4];
[[gnu::init_priority(kOptionPriority)]] OptionTable g_options("voice", kOptions);

constexpr nanoseconds kLatest = 1s;  // How long after the cycle's end a frame may still be sent.

std::vector<std::byte> make_signal(int rate_hz) {
  std::vector<std::byte> pcm;
  pcm.reserve(static_cast<std::size_t>(rate_hz) * 2);
  for (int i = 0; i < rate_hz; ++i) {
    const double t = static_cast<double>(i) / rate_hz;
    const double phase = 2 * std::numbers::pi * 150 * t;
    const double loudness = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * 4 * t);
    const double sample = loudness * (0.5 * std::sin(phase) + 0.3 * std::sin(2 * phase) + 0.2 * std::sin(5 * phase));
    const auto value = static_cast<std::uint16_t>(static_cast<std::int16_t>(sample * 20'000));
    pcm.push_back(static_cast<std::byte>(value & 0xff));
    pcm.push_back(static_cast<std::byte>(value >> 8));
  }
  return pcm;
}

// A second of a voice-like signal: a 150 Hz tone with overtones that swells and fades four times, so that a
// provider's voice detector has something to hear. One copy a rate, however many sessions there are.
const std::vector<std::byte>& built_in_signal(int rate_hz) {
  static std::mutex mutex;
  static std::map<int, std::vector<std::byte>> signals;
  const std::lock_guard lock(mutex);
  std::vector<std::byte>& signal = signals[rate_hz];
  if (signal.empty()) {
    signal = make_signal(rate_hz);
  }
  return signal;
}

// Hands out what is said frame by frame, round and round.
class Signal {
 public:
  Signal(std::span<const std::byte> speech, int rate_hz, nanoseconds frame)
      : pcm_(speech.empty() ? std::span(built_in_signal(rate_hz)) : speech),
        frame_(static_cast<std::size_t>(rate_hz * frame.count() / 1'000'000'000) * 2) {}

  std::span<const std::byte> next() {
    if (pcm_.size() - at_ >= frame_) {
      const std::span<const std::byte> frame = pcm_.subspan(at_, frame_);
      at_ = (at_ + frame_) % pcm_.size();
      return frame;
    }
    across_.resize(frame_);
    for (std::size_t filled = 0; filled < frame_;) {
      const std::size_t piece = std::min(frame_ - filled, pcm_.size() - at_);
      std::memcpy(across_.data() + filled, pcm_.data() + at_, piece);
      filled += piece;
      at_ = (at_ + piece) % pcm_.size();
    }
    return across_;
  }

 private:
  std::span<const std::byte> pcm_;
  std::vector<std::byte> across_;  // A frame that begins at the end of what is said, and goes on at its beginning.
  std::size_t frame_;
  std::size_t at_ = 0;
};

// Says, however the stream ends, how many frames were due by then: one each interval from `start`, before `end`.
class DueFrames {
 public:
  DueFrames(Run& run, nanoseconds start, nanoseconds end, nanoseconds interval)
      : run_(run), next_(start), end_(end), interval_(interval) {}
  DueFrames(const DueFrames&) = delete;
  DueFrames& operator=(const DueFrames&) = delete;
  ~DueFrames() {
    while (next_ < end_ && next_ <= run_.elapsed()) {
      advance();
    }
  }

  nanoseconds next() const { return next_; }
  bool over() const { return next_ >= end_; }
  void advance() {
    run_.due("frames", next_);
    next_ += interval_;
  }

 private:
  Run& run_;
  nanoseconds next_;
  nanoseconds end_;
  nanoseconds interval_;
};

// Reports the time in which the client can stream. It is looked at with each frame: a connection that was replaced in
// between was not open for that long.
class OpenSession {
 public:
  OpenSession(Run& run, const Client& client) : run_(run), driver_(run), client_(client), seen_at_(run.elapsed()) {
    driver_.report_sessions();
    see();
  }
  OpenSession(const OpenSession&) = delete;
  OpenSession& operator=(const OpenSession&) = delete;
  ~OpenSession() { look(); }

  void look() {
    const bool was_open = open_;
    const std::uint64_t session = session_;
    const nanoseconds before = seen_at_;
    see();
    if (was_open && open_ && session == session_) {
      driver_.session_open(before, seen_at_);
    }
  }

 private:
  // A client that counts no sessions is open while it streams.
  void see() {
    const ClientCounters& counters = client_.counters();
    open_ = counters.sessions == 0 || counters.sessions_open > 0;
    session_ = counters.sessions;
    seen_at_ = run_.elapsed();
  }

  Run& run_;
  RunDriver driver_;
  const Client& client_;
  bool open_ = false;
  std::uint64_t session_ = 0;
  nanoseconds seen_at_;
};

// When the speaker of a session first stops after `start`: at its own place within `turn_every`, the same whenever it
// connects. Sessions that began, or reconnected, together would else all be answered at once.
nanoseconds first_turn(nanoseconds start, nanoseconds turn_every, std::uint32_t session, std::uint32_t sessions) {
  if (turn_every <= 0ns) {
    return nanoseconds::max();
  }
  const nanoseconds place = turn_every * session / sessions;
  const nanoseconds since = (start - place) % turn_every;  // Of the turn before; below zero if there was none.
  return start - since + (since < 0ns ? 0ns : turn_every);
}

}  // namespace

Task<> stream_microphone(Client& client, Cycle& cycle, MicrophoneOptions options) {
  Run& run = cycle.run();
  RunDriver driver(run);
  driver.describe(fmt::format("VOICE SOAK / {}", client.provider()), "reconnect");
  const nanoseconds frame = driver.setting(kAudioInterval, options.frame);
  driver.bound_answers({.floor = driver.setting(kAnswerFloor, options.answer_floor),
                        .first_audio_p50_max = driver.find_setting(kFirstAudioP50Max, options.first_audio_p50_max),
                        .first_audio_p99_max = driver.find_setting(kFirstAudioP99Max, options.first_audio_p99_max),
                        .audio_gap_max = driver.find_setting(kAudioGapMax, options.audio_gap_max)});
  const nanoseconds start = run.elapsed();
  nanoseconds next_turn = first_turn(start, options.turn_every, cycle.session(), run.settings().sessions);
  Signal signal(options.speech, client.input_rate_hz(), frame);
  DueFrames frames(run, start, cycle.ends_at(), frame);
  OpenSession open(run, client);
  AnswerWatch answers(run, client);
  // Of a client with a backlog some are sent between two of them.
  std::uint64_t sent = client.counters().frames_sent;
  nanoseconds due = start;
  const auto count_sent = [&] {
    for (; sent < client.counters().frames_sent; ++sent) {
      run.met("frames", due);
    }
  };
  while (!frames.over() && run.elapsed() < cycle.ends_at() + kLatest) {
    due = frames.next();
    co_await sleep_for(due - run.elapsed());
    frames.advance();
    co_await client.send_audio(signal.next());
    count_sent();
    open.look();
    if (due >= next_turn) {
      next_turn += options.turn_every;
      answers.turn_ended();
      co_await client.end_turn();
    }
  }
  co_await sleep_for(cycle.ends_at() - run.elapsed());
  count_sent();
}

}  // namespace soak::voice
