// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_COMMAND_LINE_H_
#define PUSHER_COMMAND_LINE_H_

// What the programs of the two services share: ports on the command line, and SIGTERM.

#include <pthread.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string_view>
#include <thread>

#include "soak/event_loop.h"

namespace pusher {

inline std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return port;
}

inline const sigset_t& stop_signals() {
  static const sigset_t signals = [] {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
  }();
  return signals;
}

inline void block_stop_signals() { pthread_sigmask(SIG_BLOCK, &stop_signals(), nullptr); }

// Calls service.stop() at the first SIGTERM or SIGINT. Call block_stop_signals() before any thread is started.
template <typename Service>
class StopSignals {
 public:
  StopSignals(soak::EventLoop& loop, Service& service) {
    thread_ = std::thread([&loop, &service] {
      int signal = 0;
      sigwait(&stop_signals(), &signal);
      loop.post([&service] { service.stop(); });
    });
  }
  ~StopSignals() {
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  std::thread thread_;
};

}  // namespace pusher

#endif  // PUSHER_COMMAND_LINE_H_
