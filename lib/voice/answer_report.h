// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_ANSWER_REPORT_H_
#define SOAK_LIB_VOICE_ANSWER_REPORT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "soak/voice/client.h"

namespace soak::voice {

// Tells a listener about the answer that is under way, so that each that was asked for ends once.
class AnswerReport {
 public:
  explicit AnswerReport(int rate_hz) : bytes_per_second_(rate_hz * 2) {}

  void tell(AnswerListener* listener) { listener_ = listener; }

  // One that is under way goes on: it takes another response.
  void asked() {
    if (!std::exchange(under_way_, true) && listener_ != nullptr) {
      listener_->asked();
    }
  }
  void heard(std::size_t bytes) {
    if (under_way_ && bytes > 0 && listener_ != nullptr) {
      listener_->heard(std::chrono::nanoseconds(static_cast<std::int64_t>(bytes) * 1'000'000'000 / bytes_per_second_));
    }
  }
  void ended(AnswerListener::End end) {
    if (std::exchange(under_way_, false) && listener_ != nullptr) {
      listener_->ended(end);
    }
  }

 private:
  std::int64_t bytes_per_second_;
  bool under_way_ = false;
  AnswerListener* listener_ = nullptr;
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_ANSWER_REPORT_H_
