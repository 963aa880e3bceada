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

Task<> use(EventLoop& loop, std::string url) {
  voice::OpenAiRealtimeOptions options;
  options.url = url + "/v1/realtime";
  voice::OpenAiRealtimeClient client(loop, options);
  constexpr std::array<std::byte, 960> kFrame{};
  try {
    co_await client.connect();
    for (int i = 0; i < 10; ++i) {
      co_await client.send_audio(kFrame);
      co_await sleep_for(1s);
    }
    co_await client.end_turn();
    co_await sleep_for(1s);
  } catch (const Error&) {
  }
  co_await client.close();
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
