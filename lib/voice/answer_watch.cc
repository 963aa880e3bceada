// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/answer_watch.h"

#include <algorithm>
#include <string>

namespace soak::voice {

using std::chrono::nanoseconds;

AnswerWatch::AnswerWatch(Run& run, Client& client)
    : run_(run),
      client_(client),
      errors_before_(client.counters().errors),
      invalid_before_(client.counters().invalid_events) {
  client_.tell_answers_to(this);
}

AnswerWatch::~AnswerWatch() {
  client_.tell_answers_to(nullptr);
  const ClientCounters& counters = client_.counters();
  if (under_way_) {
    const bool lost = counters.sessions > 0 && counters.sessions_open == 0;
    const bool silent = run_.elapsed() - played_until_ >= kAnswerWithin;
    settle(lost ? &report::Answers::lost : silent ? &report::Answers::unanswered : &report::Answers::cut_off);
  }
  answers().errors += counters.errors - errors_before_;
  answers().invalid_events += counters.invalid_events - invalid_before_;
  if (const std::string& error = client_.last_error(); !error.empty()) {
    RunDriver(run_).answer_error(error);
  }
}

void AnswerWatch::asked() {
  ++answers().asked;
  under_way_ = true;
  heard_ = false;
  asked_at_ = played_until_ = run_.elapsed();
  longest_gap_ = {};
}

void AnswerWatch::heard(nanoseconds audio) {
  if (!under_way_) {
    return;
  }
  const nanoseconds now = run_.elapsed();
  if (!heard_) {
    heard_ = true;
    answers().first_audio.add(now - asked_at_);
    played_until_ = now;
  }
  longest_gap_ = std::max(longest_gap_, now - played_until_);
  played_until_ = std::max(played_until_, now) + audio;
}

void AnswerWatch::ended(End end) {
  if (!under_way_) {
    return;
  }
  switch (end) {
    case End::kReceived:
      settle(&report::Answers::received);
      break;
    case End::kFailed:
      settle(&report::Answers::failed);
      break;
    case End::kLost:
      settle(&report::Answers::lost);
      break;
    case End::kInterrupted:
      // What the user broke off did come.
      settle(heard_ ? &report::Answers::received : &report::Answers::cut_off);
      break;
  }
}

void AnswerWatch::settle(std::uint64_t report::Answers::*outcome) {
  under_way_ = false;
  ++(answers().*outcome);
  if (heard_) {
    answers().gaps.add(longest_gap_);
  }
}

}  // namespace soak::voice
