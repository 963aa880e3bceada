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

#include "messages.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/websocket_server.h"
#include "soak/supervise.h"
#include "soak/task.h"
#include "soak/voice/openai_realtime.h"

namespace soak {
namespace {

using namespace std::chrono_literals;

Task<> swallow(net::WebSocket& socket) {
  try {
    while (true) {
      (void)co_await socket.receive();
    }
  } catch (const net::ConnectionClosed&) {
  }
}

Task<> serve(EventLoop& loop, net::WebSocketServer& server, std::vector<net::Message>& messages) {
  const net::AcceptedWebSocket accepted = co_await server.accept();
  TaskGroup group(loop);
  group.start("swallow", swallow(*accepted));
  try {
    for (net::Message& message : messages) {
      co_await accepted->send(std::move(message));
    }
  } catch (const Error&) {
  }
  co_await sleep_for(20s);
  co_await accepted->close();
  (void)co_await drain(group);
}

Task<> use(EventLoop& loop, std::string url) {
  voice::OpenAiRealtimeOptions options;
  options.url = std::move(url);
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

Task<> meet(EventLoop& loop, std::vector<net::Message>& messages) {
  net::WebSocketServer server(loop);
  TaskGroup group(loop);
  group.start("serve", serve(loop, server, messages));
  const std::string url = server.url() + "/v1/realtime";
  co_await use(loop, url);
  (void)co_await drain(group, {.timeout = 60s});
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  std::vector<net::Message> messages = fuzz::messages_of({data, size});
  VirtualLoop loop;
  loop.run(meet(loop, messages));
  fuzz::require(loop.live_tasks() == 0, "no task is left");
  return 0;
}
