// SPDX-License-Identifier: Apache-2.0
// A hostile server of the client of SOAK_FUZZ_PROVIDER: whatever it says, and however it ends a connection, the client
// throws nothing but Error, gives up in the end, and nothing is left when it is gone. The script is played twice: to a
// client that takes a lost connection for an error, and to two clients that reconnect, the second of which carries on
// what the first one left, if the provider has that.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "hostile_server.h"
#include "script.h"
#include "soak/backoff.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/task.h"
#include "tools/providers/voice_providers.h"

namespace soak {
namespace {

using namespace std::chrono_literals;

constexpr const auto& kProvider = std::get<tools::row_of(SOAK_FUZZ_PROVIDER)>(tools::kVoiceProviders);
using Fuzzed = std::remove_cvref_t<decltype(kProvider)>;

std::uint64_t misunderstood = 0;  // Messages, by all clients.

// "/v1/realtime": the service's path, on another server.
std::string path_of(const std::string& url) { return url.substr(url.find('/', url.find("://") + 3)); }

// Answers each call, whether it is still under way or not.
Task<> stream(voice::Client& client, const std::function<Task<>()>& answer_calls) {
  const std::vector<std::byte> frame(Fuzzed::input_bytes(20ms));
  try {
    co_await client.connect();
    for (int turn = 0; turn < 2; ++turn) {
      for (int i = 0; i < 5; ++i) {
        co_await client.send_audio(frame);
        co_await sleep_for(1s);
        Task<> answering = answer_calls();
        co_await std::move(answering);
      }
      co_await client.end_turn();
      co_await sleep_for(1s);
    }
  } catch (const Error&) {
  }
  co_await client.close();
}

template <typename Counters>
void check(const Counters& counters) {
  misunderstood += counters.unknown_events + counters.invalid_events;
  fuzz::require(counters.tool_results_sent + counters.tool_calls_cancelled <= counters.tool_calls,
                "a call ends once, after it began");
  if constexpr (requires { counters.sessions_resumed; }) {
    fuzz::require(counters.sessions_resumed <= counters.sessions, "what is carried on was opened");
  }
  if constexpr (requires { counters.go_aways; }) {
    fuzz::require(counters.renewals <= counters.go_aways, "no renewal that was not announced");
  }
}

// One client after the other.
template <typename Provider>
Task<> use(EventLoop& loop, const std::string& url, int clients, typename Provider::ClientOptions options) {
  options.url = url + path_of(Provider::service_url());
  for (int i = 0; i < clients; ++i) {
    std::vector<std::string> calls;
    if constexpr (requires { options.tools; }) {
      options.tools = {{.name = "f"}};
      options.on_tool_call = [&calls](const voice::ToolCall& call) { calls.push_back(call.id); };
    }
    typename Provider::Client client(loop, options);
    const std::function<Task<>()> answer_calls = [&client, &calls]() -> Task<> {
      const std::vector<std::string> made = std::exchange(calls, {});
      for (const std::string& id : made) {
        if constexpr (requires { client.send_tool_result(id, "{}"); }) {
          co_await client.send_tool_result(id, "{}");
        }
      }
      co_return;
    };
    Task<> streaming = stream(client, answer_calls);
    co_await std::move(streaming);
    check(client.counters());
    if constexpr (tools::CarriesSessionsOn<Provider>) {
      options.resumption_handle = client.resumption_handle();
    }
  }
}

template <typename Provider>
Task<> use_once(EventLoop& loop, std::string url) {
  Task<> using_it = use<Provider>(loop, url, 1, {});
  co_await std::move(using_it);
}

template <typename Provider>
Task<> use_with_backoff(EventLoop& loop, std::string url) {
  typename Provider::ClientOptions options;
  if constexpr (tools::PlaysFaults<Provider>) {
    options.backoff = BackoffOptions{};
    options.attempts_max = 3;
  }
  Task<> using_it = use<Provider>(loop, url, 2, options);
  co_await std::move(using_it);
}

void play(std::span<const std::uint8_t> bytes, Task<> (*use_client)(EventLoop&, std::string)) {
  std::vector<fuzz::Connection> script = fuzz::script_of(bytes);
  const std::size_t said = fuzz::messages_in(script);
  misunderstood = 0;
  VirtualLoop loop;
  loop.run(fuzz::meet(loop, script, use_client));
  fuzz::require(loop.live_tasks() == 0, "no task is left");
  fuzz::require(misunderstood <= said, "no message is counted twice");
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  soak::play({data, size}, &soak::use_once<soak::Fuzzed>);
  soak::play({data, size}, &soak::use_with_backoff<soak::Fuzzed>);
  return 0;
}
