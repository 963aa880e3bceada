// SPDX-License-Identifier: Apache-2.0
#include "lib/async/pool_threads.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <semaphore>
#include <vector>

namespace soak::detail {
namespace {

// As docs.libuv.org/en/v1.x/threadpool.html has it.
std::size_t pool_size() {
  constexpr unsigned long kDefault = 4;
  constexpr unsigned long kMax = 1024;
  const char* const asked = std::getenv("UV_THREADPOOL_SIZE");
  return std::clamp(asked == nullptr ? kDefault : std::strtoul(asked, nullptr, 10), 1UL, kMax);
}

void* wait_for_the_end(void* may_end) {
  static_cast<std::counting_semaphore<>*>(may_end)->acquire();
  return nullptr;
}

}  // namespace

int pool_threads_error() noexcept {
  static std::atomic<bool> can_start = false;
  if (can_start) {
    return 0;
  }
  const std::size_t count = pool_size();
  int error = 0;
  std::counting_semaphore<> may_end(0);
  std::vector<pthread_t> threads;
  try {
    threads.reserve(count);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
  // A thread inherits the mask: signals go to the program's own threads.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  while (error == 0 && threads.size() < count) {
    pthread_t thread{};
    error = pthread_create(&thread, nullptr, &wait_for_the_end, &may_end);
    if (error == 0) {
      threads.push_back(thread);
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  may_end.release(static_cast<std::ptrdiff_t>(threads.size()));
  for (const pthread_t thread : threads) {
    pthread_join(thread, nullptr);
  }
  can_start = error == 0;
  return error;
}

}  // namespace soak::detail
