// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/gemini/setup.h"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <string_view>

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
  config.object({"responseModalities", "speechConfig", "temperature", "topP", "topK", "candidateCount",
                 "maxOutputTokens", "presencePenalty", "frequencyPenalty", "seed", "mediaResolution", "thinkingConfig",
                 "enableAffectiveDialog"});
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

// The name of the first function; empty if there is none.
std::string read_tools(const Field& tools) {
  std::string first;
  const std::size_t size = tools.array();
  for (std::size_t i = 0; i < size; ++i) {
    const Field tool = tools.at(i);
    tool.object({"functionDeclarations", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext"});
    const auto declarations = tool.find("functionDeclarations");
    if (!declarations) {
      continue;
    }
    const std::size_t functions = declarations->array();
    for (std::size_t j = 0; j < functions; ++j) {
      const Field function = declarations->at(j);
      function.object(
          {"name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"});
      const std::string_view name = function.require("name").string();
      if (first.empty()) {
        first = name;
      }
      if (const auto description = function.find("description")) {
        description->string();
      }
      if (const auto parameters = function.find("parameters")) {
        parameters->object();
      }
      if (const auto behavior = function.find("behavior")) {
        behavior->one_of({"BLOCKING", "NON_BLOCKING"});
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
                "historyConfig", "safetySettings"});
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
  for (const std::string_view member : {"proactivity", "historyConfig"}) {
    if (const auto config = setup.find(member)) {
      config->object();
    }
  }
  if (const auto settings = setup.find("safetySettings")) {
    settings->array();
  }
  return read;
}

void check_content(const Field& content) {
  content.object({"role", "parts"});
  if (const auto role = content.find("role")) {
    role->string();
  }
  const auto parts = content.find("parts");
  if (!parts) {
    return;
  }
  const std::size_t size = parts->array();
  for (std::size_t i = 0; i < size; ++i) {
    const Field part = parts->at(i);
    part.object({"text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode",
                 "codeExecutionResult", "thought", "thoughtSignature", "videoMetadata"});
    if (const auto text = part.find("text")) {
      text->string();
    }
    if (const auto data = part.find("inlineData")) {
      data->object({"mimeType", "data", "displayName"});
      data->require("mimeType").string();
      data->require("data").string();
    }
  }
}

}  // namespace soak::peers::gemini
