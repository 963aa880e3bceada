// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "soak/error.h"
#include "soak/probe/probe.h"

namespace soak::probe {

Sampler::Sampler(std::chrono::nanoseconds period, std::function<void()> tick) {
  // A thread inherits the mask: signals go to the program's own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto sample_until_stopped = [this, period, tick = std::move(tick)] {
    auto next = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    while (!stopped_) {
      lock.unlock();
      tick();
      lock.lock();
      // Ticks that a suspended machine missed are not made up for.
      next = std::max(next + period, std::chrono::steady_clock::now());
      wake_.wait_until(lock, next, [this] { return stopped_; });
    }
  };
  std::error_code failure;
  try {
    thread_ = std::thread(sample_until_stopped);
  } catch (const std::system_error& error) {
    failure = error.code();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (failure) {
    throw Error(Errc::kSystem, "cannot start the thread that samples: " + failure.message());
  }
}

Sampler::~Sampler() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

}  // namespace soak::probe
