// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/gemini/setup.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace soak::peers::gemini {
namespace {

constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kInt64Max = std::numeric_limits<std::int64_t>::max();

std::string read_model(const Field& model) {
  constexpr std::string_view kPrefix = "models/";
  const std::string_view name = model.string();
  if (!name.starts_with(kPrefix) || name == kPrefix) {
    throw Refusal{"invalid_value",
                  fmt::format("Invalid '{}': expected models/<name>, but got '{}'.", model.path(), excerpt(name)),
                  model.path()};
  }
  return std::string(name);
}

bool read_text_only(const Field& modalities) {
  const std::size_t size = modalities.array();
  for (std::size_t i = 0; i < size; ++i) {
    modalities.at(i).one_of({"AUDIO", "TEXT"});
  }
  if (size == 1) {
    return modalities.at(0).string() == "TEXT";
  }
  throw Refusal{"invalid_value",
                fmt::format("Invalid '{}': expected one modality, ['AUDIO'] or ['TEXT'], but got {} of them.",
                            modalities.path(), size),
                modalities.path()};
}

// Whether the answers are text.
bool read_generation_config(const Field& config) {
  // GenerationConfig of github.com/googleapis/js-genai (src/types.ts), and what its live.ts puts there.
  config.object({"responseModalities",
                 "speechConfig",
                 "temperature",
                 "topP",
                 "topK",
                 "candidateCount",
                 "maxOutputTokens",
                 "presencePenalty",
                 "frequencyPenalty",
                 "seed",
                 "mediaResolution",
                 "thinkingConfig",
                 "enableAffectiveDialog",
                 "stopSequences",
                 "responseMimeType",
                 "responseSchema",
                 "responseJsonSchema",
                 "responseLogprobs",
                 "logprobs",
                 "audioTimestamp",
                 "routingConfig",
                 "modelSelectionConfig",
                 "modelConfig",
                 "enableEnhancedCivicAnswers",
                 "imageConfig",
                 "translationConfig"});
  if (const auto speech = config.find("speechConfig")) {
    speech->object();
  }
  if (const auto thinking = config.find("thinkingConfig")) {
    thinking->object();
  }
  if (const auto temperature = config.find("temperature")) {
    temperature->number(0, 2);
  }
  if (const auto top_p = config.find("topP")) {
    top_p->number(0, 1);
  }
  if (const auto top_k = config.find("topK")) {
    top_k->number(0, static_cast<double>(kInt32Max));
  }
  if (const auto tokens = config.find("maxOutputTokens")) {
    tokens->integer(1, kInt32Max);
  }
  if (const auto resolution = config.find("mediaResolution")) {
    resolution->string();
  }
  if (const auto affective = config.find("enableAffectiveDialog")) {
    affective->boolean();
  }
  const auto modalities = config.find("responseModalities");
  return modalities && read_text_only(*modalities);
}

// The first function, if there is one. The members are those of Tool and FunctionDeclaration
// (github.com/googleapis/js-genai, src/types.ts).
std::optional<Function> read_tools(const Field& tools) {
  std::optional<Function> first;
  const std::size_t size = tools.array();
  for (std::size_t i = 0; i < size; ++i) {
    const Field tool = tools.at(i);
    tool.object({"functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext",
                 "googleMaps", "retrieval", "enterpriseWebSearch", "computerUse", "fileSearch", "mcpServers",
                 "parallelAiSearch"});
    const auto declarations = tool.find("functionDeclarations");
    if (!declarations) {
      continue;
    }
    const std::size_t functions = declarations->array();
    for (std::size_t j = 0; j < functions; ++j) {
      const Field function = declarations->at(j);
      function.object(
          {"name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"});
      Function read{std::string(function.require("name").string()), {}};
      if (const auto description = function.find("description")) {
        description->string();
      }
      for (const std::string_view schema : {"parameters", "parametersJsonSchema"}) {
        if (const auto parameters = function.find(schema)) {
          read.parameters = parameters->object().json();
        }
      }
      if (const auto behavior = function.find("behavior")) {
        read.blocking = behavior->one_of({"UNSPECIFIED", "BLOCKING", "NON_BLOCKING"}) != "NON_BLOCKING";
      }
      if (!first) {
        first = std::move(read);
      }
    }
  }
  return first;
}

// High sensitivity is the default of both ends (the reference of the type StartSensitivity); what it does is the
// fake's.
VoiceDetection read_detection(const Field& detection) {
  constexpr double kLessOften = 3;             // So much louder has speech to be.
  constexpr std::int64_t kLessOftenEnded = 2;  // So much longer has silence to be.
  detection.object(
      {"disabled", "startOfSpeechSensitivity", "endOfSpeechSensitivity", "prefixPaddingMs", "silenceDurationMs"});
  VoiceDetection read;
  if (const auto disabled = detection.find("disabled")) {
    read.on = !disabled->boolean();
  }
  if (const auto start = detection.find("startOfSpeechSensitivity")) {
    const bool low = start->one_of({"START_SENSITIVITY_UNSPECIFIED", "START_SENSITIVITY_HIGH",
                                    "START_SENSITIVITY_LOW"}) == "START_SENSITIVITY_LOW";
    if (low) {
      read.level *= kLessOften;
    }
  }
  if (const auto end = detection.find("endOfSpeechSensitivity")) {
    const bool low = end->one_of({"END_SENSITIVITY_UNSPECIFIED", "END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"}) ==
                     "END_SENSITIVITY_LOW";
    if (low) {
      read.silence_ms *= kLessOftenEnded;
    }
  }
  // Of speech, before it is taken for a start; not the padding that its name says.
  if (const auto padding = detection.find("prefixPaddingMs")) {
    read.speech_ms = padding->integer(0, kInt32Max);
  }
  if (const auto silence = detection.find("silenceDurationMs")) {
    read.silence_ms = silence->integer(0, kInt32Max);
  }
  return read;
}

void read_realtime_input(Setup& read, const Field& config) {
  config.object({"automaticActivityDetection", "activityHandling", "turnCoverage"});
  if (const auto detection = config.find("automaticActivityDetection")) {
    read.detection = read_detection(*detection);
  }
  if (const auto handling = config.find("activityHandling")) {
    read.interruptible = handling->one_of({"ACTIVITY_HANDLING_UNSPECIFIED", "START_OF_ACTIVITY_INTERRUPTS",
                                           "NO_INTERRUPTION"}) != "NO_INTERRUPTION";
  }
  if (const auto coverage = config.find("turnCoverage")) {
    coverage->string();
  }
}

void read_resumption(Setup& read, const Field& resumption) {
  resumption.object({"handle", "transparent"});
  read.resumption = true;
  if (const auto handle = resumption.find("handle")) {
    read.handle = handle->string();
  }
  if (const auto transparent = resumption.find("transparent")) {
    read.transparent = transparent->boolean();
  }
}

void read_compression(Setup& read, const Field& compression) {
  compression.object({"triggerTokens", "slidingWindow"});
  read.compressed = true;
  if (const auto trigger = compression.find("triggerTokens")) {
    trigger->integer(0, kInt64Max);
  }
  const auto window = compression.find("slidingWindow");
  if (!window) {
    return;
  }
  const auto target = window->object({"targetTokens"}).find("targetTokens");
  if (target) {
    target->integer(0, kInt64Max);
  }
}

}  // namespace

Setup read_setup(const Field& setup) {
  setup.object({"model", "generationConfig", "systemInstruction", "tools", "realtimeInputConfig", "sessionResumption",
                "contextWindowCompression", "inputAudioTranscription", "outputAudioTranscription", "proactivity",
                "historyConfig", "safetySettings", "labels", "translationConfig", "explicitVadSignal", "avatarConfig"});
  Setup read;
  read.model = read_model(setup.require("model"));
  if (const auto config = setup.find("generationConfig")) {
    read.text_only = read_generation_config(*config);
  }
  if (const auto instruction = setup.find("systemInstruction")) {
    check_content(*instruction);
  }
  if (const auto tools = setup.find("tools")) {
    read.function = read_tools(*tools);
  }
  if (const auto config = setup.find("realtimeInputConfig")) {
    read_realtime_input(read, *config);
  }
  if (const auto resumption = setup.find("sessionResumption")) {
    read_resumption(read, *resumption);
  }
  if (const auto compression = setup.find("contextWindowCompression")) {
    read_compression(read, *compression);
  }
  if (const auto transcripts = setup.find("inputAudioTranscription")) {
    transcripts->object();
    read.input_transcripts = true;
  }
  if (const auto transcripts = setup.find("outputAudioTranscription")) {
    transcripts->object();
    read.output_transcripts = true;
  }
  for (const std::string_view member : {"proactivity", "labels", "translationConfig", "avatarConfig"}) {
    if (const auto config = setup.find(member)) {
      config->object();
    }
  }
  if (const auto signal = setup.find("explicitVadSignal")) {
    signal->boolean();
  }
  if (const auto history = setup.find("historyConfig")) {
    const auto seeds = history->object({"initialHistoryInClientContent"}).find("initialHistoryInClientContent");
    read.seeds_history = seeds && seeds->boolean();
  }
  if (const auto settings = setup.find("safetySettings")) {
    settings->array();
  }
  return read;
}

// What it says of the voice and of the instructions is not here: the fake's answers are a tone, whatever is asked.
void note_not_played(const Field& setup, Notices& notices) {
  notices.not_played(setup, {"generationConfig.temperature",
                             "generationConfig.topP",
                             "generationConfig.topK",
                             "generationConfig.candidateCount",
                             "generationConfig.maxOutputTokens",
                             "generationConfig.presencePenalty",
                             "generationConfig.frequencyPenalty",
                             "generationConfig.seed",
                             "generationConfig.mediaResolution",
                             "generationConfig.thinkingConfig",
                             "generationConfig.enableAffectiveDialog",
                             "generationConfig.stopSequences",
                             "generationConfig.responseMimeType",
                             "generationConfig.responseSchema",
                             "generationConfig.responseJsonSchema",
                             "generationConfig.translationConfig",
                             "realtimeInputConfig.turnCoverage",
                             "contextWindowCompression.triggerTokens",
                             "contextWindowCompression.slidingWindow.targetTokens",
                             "inputAudioTranscription",
                             "outputAudioTranscription",
                             "proactivity",
                             "translationConfig",
                             "explicitVadSignal",
                             "avatarConfig",
                             "safetySettings"});
  const auto tools = setup.find("tools");
  const std::size_t size = tools ? tools->array() : 0;
  for (std::size_t i = 0; i < size; ++i) {
    for (const auto& member : tools->at(i).value().GetObject()) {
      if (view(member.name) != "functionDeclarations" && view(member.name) != "function_declarations") {
        notices.not_played("setup.tools." + excerpt(view(member.name)));
      }
    }
  }
}

std::size_t check_content(const Field& content) {
  std::size_t text_bytes = 0;
  content.object({"role", "parts"});
  if (const auto role = content.find("role")) {
    role->string();
  }
  const auto parts = content.find("parts");
  if (!parts) {
    return text_bytes;
  }
  const std::size_t size = parts->array();
  for (std::size_t i = 0; i < size; ++i) {
    const Field part = parts->at(i);
    part.object({"text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode",
                 "codeExecutionResult", "thought", "thoughtSignature", "videoMetadata", "mediaResolution", "toolCall",
                 "toolResponse", "partMetadata"});
    if (const auto text = part.find("text")) {
      text_bytes += text->string().size();
    }
    if (const auto data = part.find("inlineData")) {
      data->object({"mimeType", "data", "displayName"});
      data->require("mimeType").string();
      data->require("data").string();
    }
  }
  return text_bytes;
}

}  // namespace soak::peers::gemini
