// SPDX-License-Identifier: Apache-2.0
// A hostile server of the OpenAI Realtime client: whatever it says, the client throws nothing but Error, and nothing is
// left when it is gone.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hostile_server.h"
#include "script.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/task.h"
#include "soak/voice/openai_realtime.h"

namespace soak {
namespace {

using namespace std::chrono_literals;

// Answers each call, whether it is still under way or not.
Task<> use(EventLoop& loop, std::string url) {
  std::vector<std::string> calls;
  voice::OpenAiRealtimeOptions options;
  options.url = url + "/v1/realtime";
  options.tools = {{.name = "f"}};
  options.on_tool_call = [&calls](const voice::ToolCall& call) { calls.push_back(call.id); };
  voice::OpenAiRealtimeClient client(loop, options);
  constexpr std::array<std::byte, 960> kFrame{};
  try {
    co_await client.connect();
    for (int i = 0; i < 10; ++i) {
      co_await client.send_audio(kFrame);
      co_await sleep_for(1s);
      const std::vector<std::string> made = std::exchange(calls, {});
      for (const std::string& id : made) {
        co_await client.send_tool_result(id, "{}");
      }
    }
    co_await client.end_turn();
    co_await sleep_for(1s);
  } catch (const Error&) {
  }
  co_await client.close();
  const voice::OpenAiRealtimeCounters& counters = client.counters();
  fuzz::require(counters.tool_results_sent + counters.tool_calls_cancelled == counters.tool_calls,
                "a call ends once, after it began");
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  std::vector<fuzz::Connection> script = fuzz::script_of({data, size});
  VirtualLoop loop;
  loop.run(fuzz::meet(loop, script, &use));
  fuzz::require(loop.live_tasks() == 0, "no task is left");
  return 0;
}
