// SPDX-License-Identifier: Apache-2.0
// A hostile server of the Gemini Live client: whatever it says, and however it ends a connection, the client throws
// nothing but Error, gives up in the end, and nothing is left when it is gone. A second client carries on what the
// first one left.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hostile_server.h"
#include "script.h"
#include "soak/backoff.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/task.h"
#include "soak/voice/gemini_live.h"

namespace soak {
namespace {

using namespace std::chrono_literals;

std::uint64_t misunderstood = 0;  // Messages, by all clients.

// Answers each call, whether it is still under way or not.
Task<> stream(voice::GeminiLiveClient& client, std::vector<std::string>& calls) {
  constexpr std::array<std::byte, 640> kFrame{};
  try {
    co_await client.connect();
    for (int turn = 0; turn < 2; ++turn) {
      for (int i = 0; i < 5; ++i) {
        co_await client.send_audio(kFrame);
        co_await sleep_for(1s);
        const std::vector<std::string> made = std::exchange(calls, {});
        for (const std::string& id : made) {
          co_await client.send_tool_result(id, "{}");
        }
      }
      co_await client.end_turn();
      co_await sleep_for(1s);
    }
  } catch (const Error&) {
  }
  co_await client.close();
}

Task<> use(EventLoop& loop, std::string url) {
  voice::GeminiLiveOptions options;
  options.url = url + "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  options.backoff = BackoffOptions{};
  options.attempts_max = 3;
  options.tools = {{.name = "f"}};
  std::vector<std::string> calls;
  options.on_tool_call = [&calls](const voice::ToolCall& call) { calls.push_back(call.id); };
  for (int i = 0; i < 2; ++i) {
    voice::GeminiLiveClient client(loop, options);
    co_await stream(client, calls);
    const voice::GeminiLiveCounters& counters = client.counters();
    misunderstood += counters.unknown_events + counters.invalid_events;
    fuzz::require(counters.sessions_resumed <= counters.sessions, "what is carried on was opened");
    fuzz::require(counters.renewals <= counters.go_aways, "no renewal that was not announced");
    fuzz::require(counters.tool_results_sent + counters.tool_calls_cancelled <= counters.tool_calls,
                  "a call ends once, after it began");
    options.resumption_handle = client.resumption_handle();
  }
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  std::vector<fuzz::Connection> script = fuzz::script_of({data, size});
  const std::size_t said = fuzz::messages_in(script);
  misunderstood = 0;
  VirtualLoop loop;
  loop.run(fuzz::meet(loop, script, &use));
  fuzz::require(loop.live_tasks() == 0, "no task is left");
  fuzz::require(misunderstood <= said, "no message is counted twice");
  return 0;
}
