// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_ANSWERS_H_
#define SOAK_REPORT_ANSWERS_H_

// How a provider answered, and for how long there was a session to answer in. Value types.

#include <cstdint>

#include "soak/report/lateness.h"

namespace soak::report {

// Answers that a driver asked for over all sessions. Each of them is counted once more by what became of it, when that
// is known.
struct Answers {
  std::uint64_t turns = 0;  // How often the user stopped speaking to hear an answer; not every turn asks for one.
  std::uint64_t asked = 0;
  std::uint64_t received = 0;
  std::uint64_t failed = 0;      // The provider reported that it failed, or refused it.
  std::uint64_t lost = 0;        // The connection ended first.
  std::uint64_t unanswered = 0;  // Asked for, and nothing came.
  std::uint64_t cut_off = 0;  // Ended by this side: by the end of the session, or because the user spoke. Not judged.

  std::uint64_t errors = 0;          // Error events of the provider.
  std::uint64_t invalid_events = 0;  // Messages that the client could not read.

  Lateness first_audio;  // From the end of the user's speech to the first audio of the answer.
  Lateness gaps;         // The longest silence within each answer: the speaker had played all that had arrived.
};

// Summed over all sessions, in seconds: how long they were to be open, and how long of that they were.
struct OpenTime {
  double wanted_s = 0;
  double open_s = 0;

  double share() const { return open_s < wanted_s ? open_s / wanted_s : 1; }
};

}  // namespace soak::report

#endif  // SOAK_REPORT_ANSWERS_H_
