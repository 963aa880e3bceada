// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_PROVIDERS_VOICE_PROVIDERS_H_
#define SOAK_TOOLS_PROVIDERS_VOICE_PROVIDERS_H_

// The voice providers, one row each. kVoiceProviders joins each client with its fake, which do not know each other. The
// command, the soaks, the fuzzers and the tests that cover all clients read this table; docs/extending.md adds a row.
//
// The concepts VoiceClient and VoiceFake list what a row needs, and the compiler checks it. The other concepts list
// what a provider may have in addition; a test that needs such a thing leaves out the providers without it.

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "soak/backoff.h"
#include "soak/event_loop.h"
#include "soak/fault/script.h"
#include "soak/net/websocket_server.h"
#include "soak/peers/gemini_live_peer.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/task.h"
#include "soak/voice/client.h"
#include "soak/voice/gemini_live.h"
#include "soak/voice/openai_realtime.h"

namespace soak::tools {

// A client, and the options that its constructor takes.
template <typename Client, typename Options>
concept VoiceClient =
    std::derived_from<Client, voice::Client> && std::constructible_from<Client, EventLoop&, Options> &&
    requires(const Client client, Options options) {
      { client.last_error() } -> std::convertible_to<std::string>;  // What the provider last complained of.

      { Client::kInputRateHz } -> std::convertible_to<int>;   // Of what send_audio() takes.
      { Client::kOutputRateHz } -> std::convertible_to<int>;  // Of what on_audio gets.
      options.url = std::string();                            // By default the provider's own.
      options.api_key = std::string();
      options.ca_file = std::string();
      options.on_audio = voice::AudioSink();
    };

// A fake, and the options that its constructor takes.
template <typename Fake, typename Options>
concept VoiceFake =
    std::constructible_from<Fake, EventLoop&, Options> && requires(Fake fake, const Fake constant, Options options) {
      { constant.url() } -> std::convertible_to<std::string>;  // For a client's options.
      { constant.port() } -> std::convertible_to<std::uint16_t>;
      { fake.close() } -> std::same_as<Task<>>;
      { to_string(constant.ledger()) } -> std::convertible_to<std::string>;  // "sessions=2 lost=0 auth_failures=0 ..."
      { constant.ledger().sessions_opened } -> std::convertible_to<std::uint64_t>;
      { constant.ledger().sessions_open } -> std::convertible_to<std::uint64_t>;
      { constant.ledger().sessions_closed } -> std::convertible_to<std::uint64_t>;
      { constant.ledger().sessions_lost } -> std::convertible_to<std::uint64_t>;
      { constant.ledger().auth_failures } -> std::convertible_to<std::uint64_t>;
      { constant.ledger().audio_frames_received } -> std::convertible_to<std::uint64_t>;
      options.port = std::uint16_t{0};
      options.tls = net::TlsIdentity();
      options.seed = std::uint64_t{1};
      options.api_key = std::string();  // The only key it accepts.
    };

// An option that `soak fake` has for one provider: a number of seconds, a count, or a flag.
template <typename Options>
struct FakeOption {
  std::string_view name = {};  // "session-max-sec"; empty: there is none.
  std::string_view help = {};
  std::chrono::nanoseconds Options::*seconds = nullptr;
  double seconds_min = 0.001;
  std::int64_t Options::*count = nullptr;  // From 0.
  bool Options::*flag = nullptr;
};

// A row.
template <typename Client_, typename ClientOptions_, typename Fake_, typename FakeOptions_>
  requires VoiceClient<Client_, ClientOptions_> && VoiceFake<Fake_, FakeOptions_>
struct VoiceProvider {
  using Client = Client_;
  using ClientOptions = ClientOptions_;
  using Fake = Fake_;
  using FakeOptions = FakeOptions_;

  static constexpr int kInputRateHz = Client::kInputRateHz;
  static constexpr int kOutputRateHz = Client::kOutputRateHz;
  static std::string service_url() { return ClientOptions().url; }
  static constexpr std::size_t input_bytes(std::chrono::milliseconds audio) {
    return static_cast<std::size_t>(audio.count() * kInputRateHz / 1000) * 2;
  }

  std::string_view name;               // On the command line, and in the names of its folders and tests.
  std::string_view title;              // For the help of `soak fake`.
  const char* key_variable = nullptr;  // Its API key, in the environment.
  const char* url_variable = nullptr;  // Another endpoint of the same API, for the soak of the service.
  std::array<FakeOption<FakeOptions>, 4> fake_options = {};
  // Makes the fake end each connection after `lifetime`, as the service does after a longer time. Null if it never
  // does.
  void (*end_connections_after)(FakeOptions& options, std::chrono::nanoseconds lifetime) = nullptr;
};

using GeminiLive = VoiceProvider<voice::GeminiLiveClient, voice::GeminiLiveOptions, peers::GeminiLivePeer,
                                 peers::GeminiLivePeerOptions>;
using OpenAiRealtime = VoiceProvider<voice::OpenAiRealtimeClient, voice::OpenAiRealtimeOptions,
                                     peers::OpenAiRealtimePeer, peers::OpenAiRealtimePeerOptions>;

// The table.
inline constexpr std::tuple kVoiceProviders{
    GeminiLive{.name = "gemini",
               .title = "Gemini Live (BidiGenerateContent)",
               .key_variable = "GEMINI_API_KEY",
               .url_variable = "SOAK_GEMINI_URL",
               .fake_options = {{{.name = "connection-max-sec",
                                  .help = "How many seconds a connection lives",
                                  .seconds = &peers::GeminiLivePeerOptions::connection_max},
                                 {.name = "go-away-before-sec",
                                  .help = "How many seconds before its end the goAway is sent; 0 sends none",
                                  .seconds = &peers::GeminiLivePeerOptions::go_away_before,
                                  .seconds_min = 0},
                                 {.name = "text-frames",
                                  .help = "Send JSON in text frames instead of binary ones",
                                  .flag = &peers::GeminiLivePeerOptions::text_frames}}},
               .end_connections_after =
                   [](peers::GeminiLivePeerOptions& options, std::chrono::nanoseconds lifetime) {
                     options.connection_max = lifetime;
                     options.go_away_before =
                         std::min<std::chrono::nanoseconds>(lifetime / 6, std::chrono::seconds{20});
                   }},
    OpenAiRealtime{.name = "openai",
                   .title = "OpenAI Realtime, in its GA wire format",
                   .key_variable = "OPENAI_API_KEY",
                   .url_variable = "SOAK_OPENAI_URL",
                   .fake_options = {{{.name = "session-max-sec",
                                      .help = "How many seconds a session lives",
                                      .seconds = &peers::OpenAiRealtimePeerOptions::session_max},
                                     {.name = "tokens-per-minute",
                                      .help = "How many tokens all sessions together may use a minute; 0 is no limit",
                                      .count = &peers::OpenAiRealtimePeerOptions::tokens_per_minute}}},
                   .end_connections_after = [](peers::OpenAiRealtimePeerOptions& options,
                                               std::chrono::nanoseconds lifetime) { options.session_max = lifetime; }},
};

// The next client can carry a session on.
template <typename Provider>
concept CarriesSessionsOn = requires(typename Provider::ClientOptions options, const typename Provider::Client client) {
  options.resumption_handle = client.resumption_handle();
};

// The fake plays a fault::Script and the client replaces a lost connection: what the tests of all clients under faults
// need.
template <typename Provider>
concept PlaysFaults = requires(typename Provider::ClientOptions options, typename Provider::FakeOptions fake_options,
                               typename Provider::Fake fake, typename Provider::Client client) {
  fake_options.faults = static_cast<fault::Script*>(nullptr);
  fake_options.response_audio = std::chrono::nanoseconds();
  fake_options.pace = 1.0;
  fake.set_api_key(std::string());
  options.backoff = BackoffOptions();
  options.attempts_max = 1;
  options.stable_after = std::chrono::nanoseconds();
  options.setup_timeout = std::chrono::nanoseconds();
  options.ping_interval = std::chrono::nanoseconds();
  options.ping_timeout = std::chrono::nanoseconds();
  options.backlog = std::chrono::nanoseconds();
  options.tools = std::vector<voice::Tool>();
  options.on_tool_call = voice::ToolSink();
  { client.send_tool_result(std::string(), std::string()) } -> std::same_as<Task<bool>>;
};

// A member that is renamed must not take these out of the tests unseen.
static_assert(PlaysFaults<GeminiLive> && PlaysFaults<OpenAiRealtime> && CarriesSessionsOn<GeminiLive>);

// Calls use(row) for each row, in the order of the table.
template <typename Use>
constexpr void for_each_voice_provider(Use use) {
  std::apply([&use](const auto&... providers) { (use(providers), ...); }, kVoiceProviders);
}

// Calls use(row) for the row of this name. Returns false where there is none.
template <typename Use>
bool with_voice_provider(std::string_view name, Use use) {
  bool found = false;
  for_each_voice_provider([&](const auto& provider) {
    if (provider.name == name) {
      found = true;
      use(provider);
    }
  });
  return found;
}

// The place of the row of this name in the table, which has one.
consteval std::size_t row_of(std::string_view name) {
  std::size_t row = 0;
  std::size_t found = std::tuple_size_v<decltype(kVoiceProviders)>;
  for_each_voice_provider([&](const auto& provider) {
    found = provider.name == name ? row : found;
    ++row;
  });
  return found;
}

// In the order of the table.
inline std::vector<std::string> voice_providers_that_play_faults() {
  std::vector<std::string> names;
  for_each_voice_provider([&names]<typename Provider>(const Provider& provider) {
    if constexpr (PlaysFaults<Provider>) {
      names.emplace_back(provider.name);
    }
  });
  return names;
}

inline std::vector<std::string> voice_provider_names() {
  std::vector<std::string> names;
  for_each_voice_provider([&names](const auto& provider) { names.emplace_back(provider.name); });
  return names;
}

}  // namespace soak::tools

#endif  // SOAK_TOOLS_PROVIDERS_VOICE_PROVIDERS_H_
