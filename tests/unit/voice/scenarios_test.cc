// SPDX-License-Identifier: Apache-2.0
// An hour of virtual time in which every fault is played on three clients at once, for twenty seeds: what went wrong is
// over when it is over, and what was lost is counted. Each answer needs a function's result.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "soak/backoff.h"
#include "soak/detail/frame_cache.h"
#include "soak/event_loop.h"
#include "soak/fault/script.h"
#include "soak/task.h"
#include "tools/providers/voice_providers.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using fault::Fault;
using fault::Kind;

constexpr int kClients = 3;
constexpr std::chrono::milliseconds kFrame = 120ms;
constexpr std::chrono::nanoseconds kHour = 60min;
constexpr std::chrono::nanoseconds kPingInterval = 10s;
constexpr std::chrono::nanoseconds kPingTimeout = 35s;
// Longer than any client takes to notice, and than any fault lasts.
constexpr std::chrono::nanoseconds kHalfOpenFor = 80s;
constexpr std::chrono::nanoseconds kSettled = 90s;
constexpr BackoffOptions kBackoff{.initial = 500ms, .max = 30s};

// Connections end after four minutes, and where the provider announces the end, it says nothing after that.
template <typename Provider>
typename Provider::FakeOptions fake_options(std::uint64_t seed, fault::Script& faults) {
  typename Provider::FakeOptions options;
  options.seed = seed;
  options.faults = &faults;
  std::get<Provider>(tools::kVoiceProviders).end_connections_after(options, 4min);
  if constexpr (requires { options.silent_after_go_away; }) {
    options.silent_after_go_away = true;
  }
  return options;
}

template <typename Provider>
typename Provider::ClientOptions client_options(const std::string& url) {
  typename Provider::ClientOptions options;
  options.url = url;
  options.backoff = kBackoff;
  options.attempts_max = 20;
  options.ping_interval = kPingInterval;
  options.ping_timeout = kPingTimeout;
  return options;
}

// What a connection suffers. Each has a few disturbances that it survives, and most have an end.
class Storyteller {
 public:
  Storyteller(EventLoop& loop, std::uint64_t seed) : loop_(loop), random_(seed) {}

  std::vector<Fault> operator()(std::uint64_t connection) {
    accepted_.push_back(loop_.now());
    std::vector<Fault> plan;
    // After a while four connections in a row are accepted and closed at once.
    if (connection % 24 >= 20) {
      plan.push_back({.kind = Kind::kClose, .after = 100ms, .code = 1011, .reason = "overloaded"});
      return plan;
    }
    // And the one after them is not even accepted.
    if (connection % 24 == 0) {
      plan.push_back(
          {.kind = Kind::kRefused, .status = 503, .body = "overloaded", .retry_after = std::chrono::seconds(3)});
      return plan;
    }
    constexpr std::array kSurvived = {Kind::kStalledReader, Kind::kDelay,     Kind::kCutShort, Kind::kOutOfOrder,
                                      Kind::kUnknown,       Kind::kOversized, Kind::kNotJson,  Kind::kPingBurst};
    std::chrono::nanoseconds at = 2s;
    for (int i = 0; i < 3; ++i) {
      Fault fault;
      fault.kind = kSurvived[(connection * 3 + static_cast<std::uint64_t>(i)) % kSurvived.size()];
      fault.after = at;
      fault.lasts = fault.kind == Kind::kStalledReader ? seconds(8, 30) : seconds(1, 5);
      fault.bytes = std::size_t{2} << 20;
      at += fault.lasts + seconds(2, 10);
      plan.push_back(fault);
    }
    switch (connection % 4) {
      case 0:
        plan.push_back({.kind = connection % 8 == 0 ? Kind::kReset : Kind::kMaskedFrame, .after = at});
        break;
      case 1:
        plan.push_back({.kind = connection % 16 < 8 ? Kind::kClose : Kind::kCloseWithMessage,
                        .after = at,
                        .code = connection % 8 == 1 ? std::uint16_t{1011} : std::uint16_t{1001}});
        break;
      case 2:
        plan.push_back({.kind = Kind::kHalfOpen, .after = at, .lasts = kHalfOpenFor});
        break;
      default:  // It ends as the provider ends it.
        break;
    }
    return plan;
  }

  const std::vector<Instant>& accepted() const { return accepted_; }

 private:
  std::chrono::nanoseconds seconds(int from, int to) {
    return std::chrono::milliseconds(std::uniform_int_distribution<int>(from * 1000, to * 1000)(random_));
  }

  EventLoop& loop_;
  std::mt19937_64 random_;
  std::vector<Instant> accepted_;
};

// One client's hour. The microphone never waits for longer than a frame: what it could not send it drops, and counts.
struct Caller {
  std::uint64_t due = 0;
  std::uint64_t given_up = 0;      // Of those due.
  std::vector<std::string> calls;  // Of its function, to be answered with the next frame.
  std::chrono::nanoseconds longest_wait{0};
};

template <typename Client>
Task<> call(EventLoop& loop, Client& client, std::span<const std::byte> frame, Caller& caller) {
  co_await client.connect();
  const Instant begun = loop.now();
  while (loop.now() - begun < kHour) {
    const Instant due_at = begun + kFrame * static_cast<std::int64_t>(caller.due + 1);
    if (due_at > loop.now()) {
      co_await sleep_for(due_at - loop.now());
    } else if (loop.now() - due_at > kFrame) {
      ++caller.due;
      ++caller.given_up;
      continue;
    }
    const Instant sending = loop.now();
    co_await client.send_audio(frame);
    caller.longest_wait = std::max(caller.longest_wait, loop.now() - sending);
    const std::vector<std::string> calls = std::exchange(caller.calls, {});
    for (const std::string& id : calls) {
      co_await client.send_tool_result(id, "{}");
    }
    if (++caller.due % 40 == 0) {
      co_await client.end_turn();
    }
  }
  co_await client.close();
}

// What glibc's malloc keeps for a thread's next calls, seven chunks of each small size, counts as in use. It is filled
// up first, so that it is as full each time.
std::size_t heap_in_use() {
  soak::detail::release_frames();
  std::vector<std::unique_ptr<char[]>> chunks;
  chunks.reserve(7 * 64);
  for (std::size_t bytes = 24; bytes <= 1032; bytes += 16) {
    for (int i = 0; i < 7; ++i) {
      chunks.push_back(std::make_unique<char[]>(bytes));
    }
  }
  chunks.clear();
  return mallinfo2().uordblks;
}

// Returns how many sessions there were.
template <typename Provider>
std::uint64_t play_an_hour(std::uint64_t seed) {
  VirtualLoop loop({.seed = seed});
  Storyteller story(loop, seed);
  fault::Script faults([&](std::uint64_t connection) { return story(connection); });
  typename Provider::Fake peer(loop, fake_options<Provider>(seed, faults));
  const std::vector<std::byte> frame(Provider::input_bytes(kFrame));
  const std::size_t tasks_before = loop.live_tasks();

  std::vector<std::unique_ptr<typename Provider::Client>> clients;
  std::array<Caller, kClients> callers;
  TaskGroup group(loop);
  loop.run([](EventLoop& own_loop, TaskGroup& own_group, typename Provider::Fake& own_peer, fault::Script& own_faults,
              auto& own_clients, auto& own_callers, std::span<const std::byte> own_frame) -> Task<> {
    for (int i = 0; i < kClients; ++i) {
      Caller& caller = own_callers[static_cast<std::size_t>(i)];
      typename Provider::ClientOptions options = client_options<Provider>(own_peer.url());
      options.tools = {{.name = "clock"}};
      options.on_tool_call = [&caller](const voice::ToolCall& made) { caller.calls.push_back(made.id); };
      own_clients.push_back(std::make_unique<typename Provider::Client>(own_loop, std::move(options)));
      own_group.start({"call", static_cast<std::uint64_t>(i)}, call(own_loop, *own_clients.back(), own_frame, caller));
    }
    // A network that goes away under all of them, at one instant.
    for (int i = 0; i < 6; ++i) {
      co_await sleep_for(9min);
      own_faults.play_on_all({.kind = Kind::kReset});
      co_await sleep_for(50s);
      // Who is gone from one end is gone from the other, but for half-open connections that nobody could know of.
      EXPECT_LE(own_peer.ledger().sessions_open, 2u * kClients);
    }
    DrainOptions options;
    options.timeout = 10min;
    const DrainResult drained = co_await drain(own_group, options);
    EXPECT_EQ(drained.cancelled + drained.forced + drained.failed, 0u);
    co_await sleep_for(kSettled);
  }(loop, group, peer, faults, clients, callers, frame));

  // No ghost: neither of a client, nor at the provider, nor in a pipe between them.
  EXPECT_EQ(peer.ledger().sessions_open, 0u);
  EXPECT_EQ(loop.live_tasks(), tasks_before);
  EXPECT_EQ(peer.ledger().sessions_opened, peer.ledger().sessions_closed);

  // No frame is lost without being counted.
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;
  std::uint64_t unconfirmed = 0;
  std::uint64_t recoveries = 0;
  std::uint64_t results = 0;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto& counters = clients[i]->counters();
    EXPECT_EQ(callers[i].due, counters.frames_sent + callers[i].given_up);
    EXPECT_GT(counters.frames_sent, callers[i].due / 2);
    // Back within the ping's deadline, the attempts that its back-off may take, and the provider's time to let go.
    EXPECT_LT(callers[i].longest_wait, kPingInterval + kPingTimeout + 4 * kBackoff.max);
    sent += counters.frames_sent;
    lost += counters.frames_lost;
    unconfirmed += counters.frames_unconfirmed;
    recoveries += counters.recoveries;
    results += counters.tool_results_sent;
    EXPECT_EQ(counters.tool_calls, counters.tool_results_sent + counters.tool_calls_cancelled);
  }
  EXPECT_LE(peer.ledger().audio_frames_received + lost, sent);
  EXPECT_GE(peer.ledger().audio_frames_received + lost + unconfirmed, sent);
  EXPECT_LT(unconfirmed, sent / 5);
  EXPECT_GT(recoveries, 20u);

  // No call has a result that nobody sent.
  EXPECT_LE(peer.ledger().tool_calls_answered, results);
  EXPECT_GT(peer.ledger().tool_calls_answered, results / 2);

  for (std::size_t kind = 0; kind < fault::kKinds; ++kind) {
    EXPECT_GT(faults.played(static_cast<Kind>(kind)), 0u) << fault::to_string(static_cast<Kind>(kind));
  }
  return peer.ledger().sessions_opened;
}

// What is allocated once, in the first session of a process.
template <typename Provider>
void warm_up() {
  VirtualLoop loop;
  fault::Script none;
  typename Provider::Fake peer(loop, fake_options<Provider>(1, none));
  typename Provider::Client client(loop, client_options<Provider>(peer.url()));
  loop.run([](typename Provider::Client& own, std::span<const std::byte> frame) -> Task<> {
    co_await own.connect();
    co_await own.send_audio(frame);
    co_await own.end_turn();
    co_await sleep_for(5min);  // Answered, and renewed.
    co_await own.close();
  }(client, std::vector<std::byte>(Provider::input_bytes(kFrame))));
}

template <typename Provider>
void expect_an_hour_to_leave_nothing(std::uint64_t seed) {
  warm_up<Provider>();
  const std::size_t before = heap_in_use();

  const std::uint64_t sessions = play_an_hour<Provider>(seed);

  EXPECT_GT(sessions, 100u);
  // What the hour allocated is given back: a session that left as little as 64 bytes behind would show. Not under a
  // sanitizer, which has a heap of its own: there this says nothing.
  EXPECT_LT(heap_in_use(), before + 64 * sessions);
}

class ScenariosTest : public testing::TestWithParam<std::tuple<std::string, std::uint64_t>> {};

TEST_P(ScenariosTest, IsWhereItWasAfterAnHourOfFaults) {
  const std::uint64_t seed = std::get<1>(GetParam());
  tools::with_voice_provider(std::get<0>(GetParam()), [seed](const auto& provider) {
    using Provider = std::remove_cvref_t<decltype(provider)>;
    if constexpr (tools::PlaysFaults<Provider>) {
      expect_an_hour_to_leave_nothing<Provider>(seed);
    } else {
      FAIL() << provider.name << " does not play faults";
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Seeds, ScenariosTest,
                         testing::Combine(testing::ValuesIn(tools::voice_providers_that_play_faults()),
                                          testing::Range<std::uint64_t>(1, 21)),
                         [](const auto& test) {
                           return std::get<0>(test.param) + "_" + std::to_string(std::get<1>(test.param));
                         });

}  // namespace
}  // namespace soak
