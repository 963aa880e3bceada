// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TESTS_UNIT_VOICE_TOOL_TURNS_H_
#define SOAK_TESTS_UNIT_VOICE_TOOL_TURNS_H_

// A client and its fake, and a function that is called before each answer.

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "soak/event_loop.h"
#include "soak/task.h"
#include "tests/unit/voice/providers.h"

namespace soak {

template <typename Provider>
class ToolTurnsTest : public testing::Test {
 protected:
  using Client = typename Provider::Client;

  // Ten turns, ten seconds each, in which `speech` is said and the function takes so long.
  void converse(std::chrono::nanoseconds call_takes, std::span<const std::byte> speech,
                typename Provider::FakeOptions peer_options) {
    typename Provider::Fake peer(loop_, std::move(peer_options));
    std::vector<std::string> open;
    typename Provider::ClientOptions options;
    options.url = peer.url();
    options.tools = {{.name = "weather"}};
    options.on_tool_call = [&open](const voice::ToolCall& made) { open.push_back(made.id); };
    options.stable_after = std::chrono::seconds{1};
    Client client(loop_, options);
    loop_.run(take_turns(client, open, call_takes, speech));
    counters_ = client.counters();
    ledger_ = peer.ledger();
    EXPECT_EQ(ledger_.tool_calls_sent, counters_.tool_calls);
    EXPECT_EQ(ledger_.tool_calls_answered, counters_.tool_results_sent);
    EXPECT_EQ(counters_.tool_calls, counters_.tool_results_sent + counters_.tool_calls_cancelled);
    EXPECT_EQ(counters_.unknown_events + counters_.invalid_events + counters_.errors, 0u) << client.last_error();
  }

  VirtualLoop loop_;
  std::remove_cvref_t<decltype(std::declval<Client>().counters())> counters_;
  std::remove_cvref_t<decltype(std::declval<typename Provider::Fake>().ledger())> ledger_;

 private:
  static Task<> take_turns(Client& client, std::vector<std::string>& calls, std::chrono::nanoseconds call_takes,
                           std::span<const std::byte> speech) {
    co_await client.connect();
    for (int i = 0; i < 10; ++i) {
      co_await client.send_audio(speech);
      co_await client.end_turn();
      co_await sleep_for(call_takes);
      for (const std::string& id : calls) {
        co_await client.send_tool_result(id, R"({"weather":"fine"})");
      }
      calls.clear();
      co_await sleep_for(std::chrono::seconds{10} - call_takes);
    }
    co_await client.close();
    co_await sleep_for(std::chrono::seconds{1});
  }
};

}  // namespace soak

#endif  // SOAK_TESTS_UNIT_VOICE_TOOL_TURNS_H_
