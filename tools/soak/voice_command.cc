// SPDX-License-Identifier: Apache-2.0
// soak voice: soaks a voice client against the bundled fake, or against the peer at --url.

#include <fmt/format.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "commands.h"
#include "saved_audio.h"
#include "soak/async_run.h"
#include "soak/audio/file.h"
#include "soak/error.h"
#include "soak/net/loopback.h"
#include "soak/peers/gemini_live_peer.h"
#include "soak/peers/openai_realtime_peer.h"
#include "soak/voice/gemini_live.h"
#include "soak/voice/microphone.h"
#include "soak/voice/openai_realtime.h"

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

bool has_value(const char* variable) {
  const char* const value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

// The key in the variable `name`, for the peer at --url; a fake takes any.
void take_key(std::string& key, const char* name, const VoiceArguments& arguments) {
  const char* const value = arguments.url.empty() ? nullptr : std::getenv(name);
  if (value != nullptr) {
    key = value;
  }
}

// What the microphone says: the file of --audio, at the rate that the provider takes.
audio::Pcm speech_for(const VoiceArguments& arguments) {
  if (arguments.audio_file.empty()) {
    return {};
  }
  return audio::read_file(arguments.audio_file, arguments.provider == "openai"
                                                    ? voice::OpenAiRealtimeClient::kInputRateHz
                                                    : voice::GeminiLiveClient::kInputRateHz);
}

// Where the answers of a cycle go: those of the first of several sessions into the file, if there is one.
voice::AudioSink sink_of(const Cycle& cycle, SavedAudio* saved) {
  if (saved == nullptr || cycle.session() != 0) {
    return {};
  }
  return [saved](std::span<const std::byte> pcm) { saved->take(pcm); };
}

// The file of --save-audio, for what the provider sends.
std::unique_ptr<SavedAudio> saved_audio_for(const VoiceArguments& arguments) {
  if (arguments.save_audio_file.empty()) {
    return nullptr;
  }
  return std::make_unique<SavedAudio>(arguments.save_audio_file, arguments.provider == "openai"
                                                                     ? voice::OpenAiRealtimeClient::kOutputRateHz
                                                                     : voice::GeminiLiveClient::kOutputRateHz);
}

void drive_openai(AsyncRun& run, const VoiceArguments& arguments, const audio::Pcm& speech, SavedAudio* saved) {
  std::optional<peers::OpenAiRealtimePeer> peer;
  if (arguments.url.empty()) {
    peer.emplace(run.loop(), peers::OpenAiRealtimePeerOptions{.seed = run.seed()});
  }
  voice::OpenAiRealtimeOptions options{.url = peer ? peer->url() : arguments.url, .ca_file = arguments.ca_file};
  take_key(options.api_key, "OPENAI_API_KEY", arguments);
  run.drive([&](Cycle& cycle) -> Task<> {
    voice::OpenAiRealtimeOptions own = options;
    own.on_audio = sink_of(cycle, saved);
    voice::OpenAiRealtimeClient client(run.loop(), own);
    co_await client.connect();
    co_await voice::stream_microphone(client, cycle, {.speech = speech.bytes});
    co_await client.close();
  });
}

// Each session is carried on by the next client.
void drive_gemini(AsyncRun& run, const VoiceArguments& arguments, const audio::Pcm& speech, SavedAudio* saved) {
  std::optional<peers::GeminiLivePeer> peer;
  if (arguments.url.empty()) {
    peer.emplace(run.loop(), peers::GeminiLivePeerOptions{.seed = run.seed()});
  }
  voice::GeminiLiveOptions options{.url = peer ? peer->url() : arguments.url, .ca_file = arguments.ca_file};
  take_key(options.api_key, "GEMINI_API_KEY", arguments);
  std::vector<std::string> handles(run.settings().sessions);
  run.drive([&](Cycle& cycle) -> Task<> {
    voice::GeminiLiveOptions own = options;
    own.resumption_handle = handles[cycle.session()];
    own.on_audio = sink_of(cycle, saved);
    voice::GeminiLiveClient client(run.loop(), own);
    co_await client.connect();
    co_await voice::stream_microphone(client, cycle, {.speech = speech.bytes});
    co_await client.close();
    handles[cycle.session()] = client.resumption_handle();
  });
}

int run_voice(const VoiceArguments& arguments, const std::string& program) {
  const std::string rerun =
      fmt::format("{} voice --provider {}{}{}{}{}{}", program, arguments.provider,
                  arguments.url.empty() ? "" : " --url " + arguments.url,
                  arguments.ca_file.empty() ? "" : " --ca " + arguments.ca_file,
                  arguments.audio_file.empty() ? "" : " --audio " + arguments.audio_file,
                  arguments.save_audio_file.empty() ? "" : " --save-audio " + arguments.save_audio_file,
                  arguments.virtual_clock ? " --virtual" : "");
  if (const std::string error = prepare_run("voice-" + arguments.provider, arguments.virtual_clock, rerun);
      !error.empty()) {
    fmt::print(stderr, "soak: {}\n", error);
    return kUsage;
  }
  audio::Pcm speech;
  try {
    speech = speech_for(arguments);
  } catch (const Error& error) {
    fmt::print(stderr, "soak: --audio: {}\n", error.what());
    return kUsage;
  }
  const char* const key_name = arguments.provider == "openai" ? "OPENAI_API_KEY" : "GEMINI_API_KEY";
  // What is on another host may charge for its sessions, and knows its users by keys.
  const bool is_service = !arguments.url.empty() && !net::is_loopback_url(arguments.url);
  if (is_service && !has_value(key_name)) {
    fmt::print(stderr, "soak: --url is of a service: needs the environment variable {}, not set here\n", key_name);
    return kUsage;
  }
  std::unique_ptr<SavedAudio> saved;
  try {
    saved = saved_audio_for(arguments);
  } catch (const Error& error) {
    fmt::print(stderr, "soak: --save-audio: {}\n", error.what());
    return kUsage;
  }
  AsyncRun run({.title = fmt::format("VOICE SOAK / {}", arguments.provider)});
  if (is_service) {
    run.use_service();
  }
  if (arguments.provider == "openai") {
    drive_openai(run, arguments, speech, saved.get());
  } else {
    drive_gemini(run, arguments, speech, saved.get());
  }
  const bool passed = run.verdict().passed();
  fmt::print("{}", run.summary());
  if (saved != nullptr && !saved->error().empty()) {
    fmt::print(stderr, "soak: --save-audio: {}\n", saved->error());
    return kFailed;
  }
  return passed ? kPassed : kFailed;
}

}  // namespace

Command add_voice_command(CLI::App& app, const std::string& program) {
  CLI::App* command = app.add_subcommand("voice", "Soak a voice client: connect, stream audio, reconnect, judge.");
  auto arguments = std::make_shared<VoiceArguments>();
  command->add_option("--provider", arguments->provider, "Whose API the client speaks")
      ->required()
      ->check(CLI::IsMember({"openai", "gemini"}));
  command->add_option("--url", arguments->url,
                      "The peer, ws:// or wss://host:port/path; the bundled fake unless given. On another host it is "
                      "taken for a service "
                      "that charges for its sessions");
  command
      ->add_option("--ca", arguments->ca_file,
                   "For wss: the certificate authorities to trust instead of the system's, a PEM file")
      ->check(CLI::ExistingFile)
      ->needs("--url");
  command
      ->add_option(
          "--audio", arguments->audio_file,
          "What to say, over and over: a WAV, FLAC, Ogg, MP3 or AIFF file of at most ten minutes; a built-in signal "
          "unless given")
      ->check(CLI::ExistingFile);
  command->add_option(
      "--save-audio", arguments->save_audio_file,
      "A WAV file for what the provider answers, in the first of several sessions; an existing one is replaced");
  command->add_flag("--virtual", arguments->virtual_clock, "Run at once, on a virtual clock, against the bundled fake");
  add_run_options(*command, {.modules = {"run", "drive", "voice"}});
  return [arguments, program] {
    if (arguments->virtual_clock && !arguments->url.empty()) {
      throw std::invalid_argument("--virtual has no sockets: it goes without --url");
    }
    return run_voice(*arguments, program);
  };
}

}  // namespace soak::tools
