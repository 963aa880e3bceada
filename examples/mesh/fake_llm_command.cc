// SPDX-License-Identifier: Apache-2.0
// mesh fake-llm: a stand-in for an OpenAI-compatible chat endpoint.

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "mesh/commands.h"
#include "mesh/edge/fake_chat.h"
#include "mesh/flags.h"
#include "mesh/stop_signals.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/task.h"

namespace mesh {

int fake_llm_command(const std::vector<std::string>& arguments) {
  const Flags flags(arguments, {"--port", "--delay-ms"});
  if (!flags.positional().empty()) {
    throw UsageError("unexpected argument " + flags.positional().front());
  }
  FakeChatOptions options;
  options.port = flags.port("--port");
  options.delay = std::chrono::milliseconds(flags.number("--delay-ms", 20, 0, 600'000));
  StopSignals::block();
  soak::UvLoop loop;
  const FakeChat chat(loop, options);
  soak::Event stopped;
  const StopSignals signals(loop, [&stopped] { stopped.set(); });
  fmt::print("fake-llm listening {}\n", chat.base_url());
  std::fflush(stdout);
  const auto until_stopped = [&stopped]() -> soak::Task<> { co_await stopped.wait(); };
  loop.run(until_stopped());
  return 0;
}

}  // namespace mesh
