// SPDX-License-Identifier: Apache-2.0
// pusher STORES_URL [PORT [HEALTH_PORT]]: serves until SIGTERM or SIGINT. Exit status 0 after a clean shutdown, 1 if a
// task had to be cancelled, 2 for a wrong command line.

#include <fmt/format.h>
#include <pthread.h>

#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string_view>
#include <thread>

#include "pusher/pusher.h"
#include "soak/event_loop.h"

namespace {

constexpr const char* kUsage = "usage: pusher STORES_URL [PORT [HEALTH_PORT]]\n";

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return port;
}

// Stops the service at the first SIGTERM or SIGINT. Built before any other thread, which all inherit the mask.
class StopSignals {
 public:
  StopSignals(soak::EventLoop& loop, pusher::Pusher& service) {
    thread_ = std::thread([&loop, &service] {
      int signal = 0;
      sigwait(&mask(), &signal);
      loop.post([&service] { service.stop(); });
    });
  }
  ~StopSignals() {
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  static void block() { pthread_sigmask(SIG_BLOCK, &mask(), nullptr); }

 private:
  static const sigset_t& mask() {
    static const sigset_t signals = [] {
      sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGTERM);
      sigaddset(&set, SIGINT);
      return set;
    }();
    return signals;
  }

  std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  pusher::PusherOptions options;
  options.stores.url = argv[1];
  for (int i = 2; i < argc; ++i) {
    const std::optional<std::uint16_t> port = parse_port(argv[i]);
    if (!port) {
      std::fputs(fmt::format("pusher: \"{}\" is no port, expected 0 to 65535\n{}", argv[i], kUsage).c_str(), stderr);
      return 2;
    }
    (i == 2 ? options.port : options.health_port) = *port;
  }
  try {
    StopSignals::block();
    soak::UvLoop loop;
    pusher::Pusher service(loop, options);
    fmt::print("listening {} health {}\n", service.url(), service.health_url());
    std::fflush(stdout);
    const StopSignals signals(loop, service);
    const pusher::ShutdownReport report = loop.run(service.run());
    const bool clean = report.sessions.clean() && report.jobs.clean();
    fmt::print("stopped in {:.1f} s{}\n", std::chrono::duration<double>(report.took).count(),
               clean ? "" : ", with tasks that had to be cancelled");
    return clean ? 0 : 1;
  } catch (const std::exception& error) {
    std::fputs(fmt::format("pusher: {}\n", error.what()).c_str(), stderr);
    return 1;
  }
}
