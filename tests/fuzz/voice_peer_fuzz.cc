// SPDX-License-Identifier: Apache-2.0
// Hostile clients of the fake of SOAK_FUZZ_PROVIDER: whatever they say, each message is counted, each answer is one of
// the API's, a connection that the fake ends says why, and nothing is left when they are gone. voice_checks.h has what
// is the provider's own.

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "hostile_client.h"
#include "script.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "tools/providers/voice_providers.h"
#include "voice_checks.h"

namespace soak {
namespace {

constexpr const auto& kProvider = std::get<tools::row_of(SOAK_FUZZ_PROVIDER)>(tools::kVoiceProviders);
using Provider = std::remove_cvref_t<decltype(kProvider)>;
using Checks = fuzz::VoiceChecks<typename Provider::Fake>;

void expect_reason(const net::CloseStatus& status) { fuzz::require_reason(status, Checks::kCloseCodes); }

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  std::vector<fuzz::Connection> script = fuzz::script_of({data, size});
  const std::size_t said = fuzz::messages_in(script);
  VirtualLoop loop;
  Provider::FakeOptions fake_options;
  fake_options.seed = 1;
  Provider::Fake fake(loop, fake_options);
  net::ConnectOptions options;
  options.headers.add(Checks::kKeyHeader, Checks::kKey);
  const std::string url = fake.url() + Checks::kQuery;
  loop.run(fuzz::talk_to(loop, fake, url, options, script, &Checks::expect_message, &expect_reason));
  const auto& ledger = fake.ledger();
  fuzz::require(ledger.sessions_open == 0 && ledger.sessions_opened == ledger.sessions_closed,
                "every session has ended");
  fuzz::require(ledger.sessions_opened <= script.size(), "no connection is counted twice");
  fuzz::require(ledger.audio_frames_received <= said, "no message is counted twice");
  Checks::expect_sound(ledger, script.size(), said);
  return 0;
}
