// SPDX-License-Identifier: Apache-2.0
// listen PUSHER_URL SPEECH_URL STORES_URL [PORT [HEALTH_PORT]]: serves until SIGTERM or SIGINT. Exit status 0 after a
// clean shutdown, 1 if a task had to be cancelled, 2 for a wrong command line.

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>

#include "pusher/command_line.h"
#include "pusher/listen/listen.h"
#include "soak/event_loop.h"

namespace {

constexpr const char* kUsage = "usage: listen PUSHER_URL SPEECH_URL STORES_URL [PORT [HEALTH_PORT]]\n";

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc > 6) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  pusher::listen::ListenOptions options;
  options.pusher_url = argv[1];
  options.speech_url = argv[2];
  options.stores.url = argv[3];
  for (int i = 4; i < argc; ++i) {
    const std::optional<std::uint16_t> port = pusher::parse_port(argv[i]);
    if (!port) {
      std::fputs(fmt::format("listen: \"{}\" is no port, expected 0 to 65535\n{}", argv[i], kUsage).c_str(), stderr);
      return 2;
    }
    (i == 4 ? options.port : options.health_port) = *port;
  }
  try {
    pusher::block_stop_signals();
    soak::UvLoop loop;
    pusher::listen::Listen service(loop, options);
    fmt::print("listening {} health {}\n", service.url(), service.health_url());
    std::fflush(stdout);
    const pusher::StopSignals signals(loop, service);
    const pusher::listen::ShutdownReport report = loop.run(service.run());
    fmt::print("stopped in {:.1f} s{}\n", std::chrono::duration<double>(report.took).count(),
               report.sessions.clean() ? "" : ", with tasks that had to be cancelled");
    return report.sessions.clean() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fputs(fmt::format("listen: {}\n", error.what()).c_str(), stderr);
    return 1;
  }
}
