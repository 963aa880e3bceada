// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_ANSWER_WATCH_H_
#define SOAK_LIB_VOICE_ANSWER_WATCH_H_

// What becomes of the answers that a client asks for in one cycle, for the run's report.

#include <chrono>
#include <cstdint>

#include "soak/run_driver.h"
#include "soak/voice/client.h"

namespace soak::voice {

class AnswerWatch final : private AnswerListener {
 public:
  // Until it is destroyed, the client tells it. An answer that is not over by then is lost if the connection is; it was
  // never going to come if nothing of it has been heard, or could be played, for kAnswerWithin; otherwise it is cut
  // off.
  static constexpr std::chrono::seconds kAnswerWithin{5};

  AnswerWatch(Run& run, Client& client);
  ~AnswerWatch();
  AnswerWatch(const AnswerWatch&) = delete;
  AnswerWatch& operator=(const AnswerWatch&) = delete;

  void turn_ended() { ++RunDriver(run_).answers().turns; }

 private:
  void asked() override;
  void heard(std::chrono::nanoseconds audio) override;
  void ended(End end) override;

  report::Answers& answers() { return RunDriver(run_).answers(); }
  void settle(std::uint64_t report::Answers::*outcome);

  Run& run_;
  Client& client_;
  const std::uint64_t errors_before_;
  const std::uint64_t invalid_before_;

  bool under_way_ = false;
  bool heard_ = false;                   // Of the answer that is under way.
  std::chrono::nanoseconds asked_at_{};  // Since the start of the run.
  std::chrono::nanoseconds
      played_until_{};  // By a speaker that plays what it gets; when it was asked for, before that.
  std::chrono::nanoseconds longest_gap_{};
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_ANSWER_WATCH_H_
