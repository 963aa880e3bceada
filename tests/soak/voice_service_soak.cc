// SPDX-License-Identifier: Apache-2.0
// The soaks of voice_soak.cc against the providers' own services, which charge for it: ten minutes with a reconnect
// every minute, in real time only; --soak_service_time_max allows more. The provider's row in the table names the
// variable with its key (OPENAI_API_KEY, GEMINI_API_KEY), and the one that may hold another endpoint of the same API
// (SOAK_OPENAI_URL, SOAK_GEMINI_URL); SOAK_CA_FILE says whom to trust there.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "soak/error.h"
#include "soak/soak.h"
#include "soak/voice/microphone.h"
#include "tools/providers/voice_providers.h"

namespace {

using namespace std::chrono_literals;

const soak::RunOptions kRun = {
    .duration = 10min, .reconnect_every = 60s, .rss_growth_max = 20 * soak::kMiB, .counts_exact = true};

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

// Where sessions can be carried on, it is one session, carried on by each client.
template <typename Provider>
void stream(const Provider& provider, const std::string& key) {
  soak::AsyncRun run(kRun);
  run.use_service();
  typename Provider::ClientOptions options;
  options.api_key = key;
  take_variable(options.url, provider.url_variable);
  take_variable(options.ca_file, "SOAK_CA_FILE");
  Heard heard;

  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    typename Provider::Client client(run.loop(), options);
    co_await connect(client);
    co_await soak::voice::stream_microphone(client, cycle, {.frame = 40ms});
    co_await client.close();
    if constexpr (soak::tools::CarriesSessionsOn<Provider>) {
      options.resumption_handle = client.resumption_handle();
    }
    heard.add(client);
    EXPECT_EQ(client.counters().errors, 0u) << client.last_error();
    EXPECT_EQ(client.counters().invalid_events, 0u);
  });

  EXPECT_SOAK(run);
  heard.expect_answers(run);
}

class Voice : public testing::TestWithParam<std::string> {};

SOAK_TEST_P(Voice, AgainstTheService) {
  const char* key_variable = nullptr;
  soak::tools::with_voice_provider(GetParam(), [&](const auto& provider) { key_variable = provider.key_variable; });
  const auto env = SOAK_REQUIRE_ENV(key_variable);
  soak::tools::with_voice_provider(GetParam(), [&](const auto& provider) { stream(provider, env[key_variable]); });
}

SOAK_INSTANTIATE_TEST_SUITE_P(, Voice, testing::ValuesIn(soak::tools::voice_provider_names()),
                              [](const auto& test) { return test.param; });

}  // namespace
