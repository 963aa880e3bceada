// SPDX-License-Identifier: Apache-2.0
#include "mesh/stop_signals.h"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace mesh {
namespace {

const sigset_t& signals() {
  static const sigset_t both = [] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
  }();
  return both;
}

}  // namespace

void StopSignals::block() { pthread_sigmask(SIG_BLOCK, &signals(), nullptr); }

StopSignals::StopSignals(soak::EventLoop& loop, std::function<void()> stop)
    : thread_([&loop, stop = std::move(stop)] {
        int signal = 0;
        sigwait(&signals(), &signal);
        loop.post(stop);
      }) {}

// Its own signal, if none came.
StopSignals::~StopSignals() {
  pthread_kill(thread_.native_handle(), SIGTERM);
  thread_.join();
}

}  // namespace mesh
