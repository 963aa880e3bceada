// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_CREDENTIAL_H_
#define SOAK_LIB_CHANNELS_CREDENTIAL_H_

// The secret that a channel sends with, and how it is replaced when the provider refuses it: once, however many
// messages saw the refusal, while all others wait. It is in no output.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace soak::channels {

class Credential {
 public:
  Credential(EventLoop& loop, std::string secret, std::function<Task<std::string>()> replace)
      : loop_(loop), secret_(std::move(secret)), replace_(std::move(replace)) {
    keep_out_of_outputs(secret_);
  }

  const std::string& secret() const { return secret_; }
  std::uint64_t generation() const { return generation_; }
  bool refused() const { return refused_; }

  // From outside, or by `replace`: all waiting sends continue with it. Setting the secret that was refused changes
  // nothing.
  void set(std::string secret);

  // The secret of this generation was refused.
  void refuse(std::uint64_t generation) {
    if (generation == generation_) {
      refused_ = true;
    }
  }

  // Ends when there is one that was not refused: true, or false once `timeout` has passed without. From then on false
  // at once, until there is one.
  Task<bool> usable(std::chrono::nanoseconds timeout);

 private:
  static void keep_out_of_outputs(std::string_view secret);
  Task<> replace();

  EventLoop& loop_;
  std::string secret_;
  std::function<Task<std::string>()> replace_;
  std::uint64_t generation_ = 0;
  std::uint64_t asked_for_ = 0;  // The generation after the newest one that a replacement came for, or none.
  bool replacing_ = false;
  bool refused_ = false;
  bool given_up_ = false;  // It was waited for, and did not come.
  Event changed_;
};

}  // namespace soak::channels

#endif  // SOAK_LIB_CHANNELS_CREDENTIAL_H_
