// SPDX-License-Identifier: Apache-2.0
#include "lib/run/interrupt.h"

namespace soak {
namespace {

volatile sig_atomic_t g_signal = 0;
bool g_installed = false;
struct sigaction g_before_int;
struct sigaction g_before_term;

extern "C" void note_signal(int signal_number) {
  g_signal = signal_number;
  // The next one finds what was there before. sigaction is async-signal-safe.
  ::sigaction(SIGINT, &g_before_int, nullptr);
  ::sigaction(SIGTERM, &g_before_term, nullptr);
}

}  // namespace

InterruptGuard::InterruptGuard() : owner_(!g_installed) {
  if (!owner_) {
    return;
  }
  g_installed = true;
  g_signal = 0;
  struct sigaction action {};
  action.sa_handler = note_signal;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &g_before_int);
  ::sigaction(SIGTERM, &action, &g_before_term);
}

InterruptGuard::~InterruptGuard() {
  if (!owner_) {
    return;
  }
  ::sigaction(SIGINT, &g_before_int, nullptr);
  ::sigaction(SIGTERM, &g_before_term, nullptr);
  g_installed = false;
  g_signal = 0;
}

int InterruptGuard::signal() { return g_signal; }

}  // namespace soak
