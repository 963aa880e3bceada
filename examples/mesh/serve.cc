// SPDX-License-Identifier: Apache-2.0
#include "mesh/serve.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <limits>

#include "mesh/stop_signals.h"

namespace mesh {

ServiceOptions service_options(const Flags& flags) {
  ServiceOptions options;
  options.host = flags.text("--host", options.host);
  options.port = flags.port("--port");
  return options;
}

SqliteOptions storage_options(const Flags& flags) {
  SqliteOptions options;
  options.path = flags.required("--db");
  options.pages_max =
      static_cast<std::uint32_t>(flags.number("--db-pages-max", 0, 0, std::numeric_limits<std::uint32_t>::max()));
  return options;
}

int serve(soak::EventLoop& loop, Service& service, std::string_view name) {
  const StopSignals signals(loop, [&service] { service.stop(); });
  fmt::print("{} listening {}\n", name, service.url());
  std::fflush(stdout);
  const bool answered = loop.run(service.run());
  fmt::print("{} stopped{}\n", name, answered ? "" : ", with requests that got no answer");
  std::fflush(stdout);
  return answered ? 0 : 1;
}

}  // namespace mesh
