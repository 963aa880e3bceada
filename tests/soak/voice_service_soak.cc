// SPDX-License-Identifier: Apache-2.0
// The soaks of voice_soak.cc against the providers' own services, which charge for it: ten minutes with a reconnect
// every minute, in real time only, with the provider's key in OPENAI_API_KEY or GEMINI_API_KEY; --soak_service_time_max
// allows more. SOAK_OPENAI_URL and SOAK_GEMINI_URL name another endpoint of the same API, and SOAK_CA_FILE whom to
// trust there.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "soak/error.h"
#include "soak/soak.h"
#include "soak/voice/gemini_live.h"
#include "soak/voice/microphone.h"
#include "soak/voice/openai_realtime.h"

namespace {

using namespace std::chrono_literals;

const soak::RunOptions kRun = {.duration = 10min, .reconnect_every = 60s, .rss_growth_max = 20 * soak::kMiB};

// Sets `option` to the value of the variable, where it has one.
void take_variable(std::string& option, const char* name) {
  const char* const value = std::getenv(name);
  if (value != nullptr && *value != '\0') {
    option = value;
  }
}

// A key that is not accepted ends the run: trying it again for ten minutes would mend nothing.
soak::Task<> connect(soak::voice::Client& client) {
  try {
    co_await client.connect();
  } catch (const soak::Error& error) {
    if (error.code() == soak::Errc::kAuthentication) {
      throw std::runtime_error(error.what());
    }
    throw;
  }
}

// The service keeps no ledger for us: what can be said is that it understood all, and answered.
struct Heard {
  std::uint64_t responses = 0;
  std::uint64_t audio_bytes = 0;

  void add(const soak::voice::Client& client) {
    responses += client.counters().responses_done;
    audio_bytes += client.counters().audio_bytes_received;
  }

  void expect_answers(const soak::Run& run) const {
    if (run.elapsed() < 30s) {
      return;  // Shorter than a turn and its answer.
    }
    EXPECT_GT(responses, 0u);
    EXPECT_GT(audio_bytes, 0u);
  }
};

SOAK_TEST(Voice, OpenAiService) {
  const auto env = SOAK_REQUIRE_ENV("OPENAI_API_KEY");
  soak::AsyncRun run(kRun);
  run.use_service();
  soak::voice::OpenAiRealtimeOptions options;
  options.api_key = env["OPENAI_API_KEY"];
  take_variable(options.url, "SOAK_OPENAI_URL");
  take_variable(options.ca_file, "SOAK_CA_FILE");
  Heard heard;

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    soak::voice::OpenAiRealtimeClient client(run.loop(), options);
    co_await connect(client);
    co_await soak::voice::stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
    heard.add(client);
    EXPECT_EQ(client.counters().errors, 0u) << client.last_error();
    EXPECT_EQ(client.counters().invalid_events, 0u);
  });

  EXPECT_SOAK(run);
  heard.expect_answers(run);
}

// One session, carried on by each client.
SOAK_TEST(Voice, GeminiService) {
  const auto env = SOAK_REQUIRE_ENV("GEMINI_API_KEY");
  soak::AsyncRun run(kRun);
  run.use_service();
  soak::voice::GeminiLiveOptions options;
  options.api_key = env["GEMINI_API_KEY"];
  take_variable(options.url, "SOAK_GEMINI_URL");
  take_variable(options.ca_file, "SOAK_CA_FILE");
  Heard heard;

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    soak::voice::GeminiLiveClient client(run.loop(), options);
    co_await connect(client);
    co_await soak::voice::stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
    options.resumption_handle = client.resumption_handle();
    heard.add(client);
    EXPECT_EQ(client.counters().errors, 0u) << client.last_error();
    EXPECT_EQ(client.counters().invalid_events, 0u);
  });

  EXPECT_SOAK(run);
  heard.expect_answers(run);
}

}  // namespace
