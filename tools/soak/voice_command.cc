// SPDX-License-Identifier: Apache-2.0
// soak voice: soaks a voice client against the bundled fake, or against the peer at --url.

#include <fmt/format.h>

#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "commands.h"
#include "lib/net/ca_file.h"
#include "lib/net/url.h"
#include "lib/net_client/lws_client.h"
#include "saved_audio.h"
#include "soak/async_run.h"
#include "soak/audio/file.h"
#include "soak/detail/printable.h"
#include "soak/error.h"
#include "soak/net/loopback.h"
#include "soak/voice/microphone.h"
#include "tools/providers/secret_variable.h"
#include "tools/providers/voice_providers.h"

namespace soak::tools {
namespace {

struct VoiceArguments {
  std::string provider;
  std::string url;
  std::string ca_file;
  std::string audio_file;
  std::string save_audio_file;
  bool virtual_clock = false;
};

// What is wrong with them would otherwise be found out in each cycle. Throws Error(Errc::kInvalidArgument).
void check(const VoiceArguments& arguments) {
  if (arguments.url.empty()) {
    return;
  }
  if (arguments.virtual_clock) {
    throw Error(Errc::kInvalidArgument, "--virtual uses no sockets: expected no --url");
  }
  const net::Url url = net::parse_websocket_url(arguments.url);
  if (!url.secure() && !arguments.ca_file.empty()) {
    throw Error(Errc::kInvalidArgument, "--ca is for wss: but --url is " + url.scheme + ":");
  }
  net::check_ca_file(arguments.ca_file);
}

// A cycle is a whole connection, and leaves nothing behind.
RunOptions run_options(const VoiceArguments& arguments) {
  return {.title = fmt::format("VOICE SOAK / {}", arguments.provider), .counts_exact = true};
}

// The speech of the microphone: the file of --audio, at the provider's rate.
audio::Pcm speech_for(const VoiceArguments& arguments, int rate_hz) {
  return arguments.audio_file.empty() ? audio::Pcm{} : audio::read_file(arguments.audio_file, rate_hz);
}

// The file of --save-audio, for the provider's audio.
std::unique_ptr<SavedAudio> saved_audio_for(const VoiceArguments& arguments, int rate_hz) {
  return arguments.save_audio_file.empty() ? nullptr : std::make_unique<SavedAudio>(arguments.save_audio_file, rate_hz);
}

// Where the audio of a cycle goes: to the file, if there is one and this is the first session.
voice::AudioSink sink_of(const Cycle& cycle, SavedAudio* saved) {
  if (saved == nullptr || cycle.session() != 0) {
    return {};
  }
  return [saved](std::span<const std::byte> pcm) { saved->take(pcm); };
}

// Runs against the server at --url, with the provider's key if it is set; without --url, against the fake, which
// accepts any key. If the provider can resume a session, the next client resumes it.
template <typename Provider>
void drive(AsyncRun& run, const Provider& provider, const VoiceArguments& arguments, const audio::Pcm& speech,
           SavedAudio* saved) {
  std::optional<typename Provider::Fake> fake;
  typename Provider::ClientOptions options;
  options.ca_file = arguments.ca_file;
  if (arguments.url.empty()) {
    typename Provider::FakeOptions fake_options;
    fake_options.seed = run.seed();
    if constexpr (requires { fake_options.tokens_per_minute; }) {
      fake_options.tokens_per_minute = 0;  // Of all sessions together: the more there are, the fewer would be answered.
    }
    fake.emplace(run.loop(), fake_options);
    options.url = fake->url();
  } else {
    options.url = arguments.url;
    net::start_lws(run.loop());  // Without the descriptors or the memory for it, no session could begin.
    if (const std::string key = secret_variable(provider.key_variable); !key.empty()) {
      options.api_key = key;
    }
  }
  std::vector<std::string> handles(run.settings().sessions);
  run.drive([&](Cycle& cycle) -> Task<> {
    typename Provider::ClientOptions own = options;
    own.on_audio = sink_of(cycle, saved);
    if constexpr (CarriesSessionsOn<Provider>) {
      own.resumption_handle = handles[cycle.session()];
    }
    typename Provider::Client client(run.loop(), own);
    co_await client.connect();
    co_await voice::stream_microphone(client, cycle, {.speech = speech.bytes});
    co_await client.close();
    if constexpr (CarriesSessionsOn<Provider>) {
      handles[cycle.session()] = client.resumption_handle();
    }
  });
}

template <typename Provider>
int run_voice(const Provider& provider, const VoiceArguments& arguments, const std::string& program) {
  const std::string rerun =
      fmt::format("{} voice --provider {}{}{}{}{}{}", program, arguments.provider,
                  rerun_option("--url", net::url_without_secrets(arguments.url)),
                  rerun_option("--ca", arguments.ca_file), rerun_option("--audio", arguments.audio_file),
                  rerun_option("--save-audio", arguments.save_audio_file), arguments.virtual_clock ? " --virtual" : "");
  if (const std::string error = prepare_run("voice-" + arguments.provider, arguments.virtual_clock, rerun);
      !error.empty()) {
    fmt::print(stderr, "soak: {}\n", text::printable(error));
    return kUsage;
  }
  audio::Pcm speech;
  try {
    speech = speech_for(arguments, Provider::kInputRateHz);
  } catch (const Error& error) {
    fmt::print(stderr, "soak: --audio: {}\n", text::printable(error.what()));
    return kUsage;
  }
  // A server on another host may charge for its sessions, and needs a key.
  const bool is_service = !arguments.url.empty() && !net::is_loopback_url(arguments.url);
  if (is_service && secret_variable(provider.key_variable).empty()) {
    fmt::print(stderr, "soak: --url is a paid service: it needs the environment variable {}, not set here\n",
               provider.key_variable);
    return kUsage;
  }
  std::unique_ptr<SavedAudio> saved;
  try {
    saved = saved_audio_for(arguments, Provider::kOutputRateHz);
  } catch (const Error& error) {
    fmt::print(stderr, "soak: --save-audio: {}\n", text::printable(error.what()));
    return kUsage;
  }
  AsyncRun run(run_options(arguments));
  if (is_service) {
    run.use_service();
  }
  drive(run, provider, arguments, speech, saved.get());
  run.verdict();
  fmt::print("{}", run.summary());
  if (saved != nullptr && !saved->error().empty()) {
    fmt::print(stderr, "soak: --save-audio: {}\n", text::printable(saved->error()));
    return kFailed;
  }
  return exit_status(run.record());
}

}  // namespace

void add_voice_command(CommandLine& app, const std::string& program) {
  CommandLine command = app.add_subcommand("voice", "Soak a voice client: connect, stream audio, reconnect, judge.");
  auto arguments = std::make_shared<VoiceArguments>();
  command.add_option("--provider", arguments->provider, "The provider whose client to soak")
      .required()
      .one_of(voice_provider_names());
  const CommandOption url = command.add_option(
      "--url", arguments->url,
      "The server, ws:// or wss://host:port/path; by default the bundled fake. On another host it is "
      "treated as a paid service");
  command
      .add_option("--ca", arguments->ca_file,
                  "For wss: PEM file of the certificate authorities to trust instead of the system's")
      .existing_file()
      .needs(url);
  command
      .add_option("--audio", arguments->audio_file,
                  "The speech to send, repeated: a WAV, FLAC, Ogg, MP3 or AIFF file of at most ten minutes; by "
                  "default a built-in signal")
      .existing_file();
  command.add_option(
      "--save-audio", arguments->save_audio_file,
      "Write the provider's audio to this WAV file, for the first session only; an existing file is replaced");
  command.add_flag("--virtual", arguments->virtual_clock,
                   "Run on a virtual clock, in seconds, against the bundled fake");
  add_run_options(command, {.modules = {"run", "drive", "voice"}, .code = run_options(*arguments)});
  command.runs([arguments, program] {
    check(*arguments);
    int status = kUsage;
    with_voice_provider(arguments->provider,
                        [&](const auto& provider) { status = run_voice(provider, *arguments, program); });
    return status;
  });
}

}  // namespace soak::tools
