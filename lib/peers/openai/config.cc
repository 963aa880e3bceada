// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace soak::peers::openai {
namespace {

constexpr std::int64_t kIntegerMax = std::numeric_limits<std::int64_t>::max();

AudioFormat read_format(const Field& format) {
  const std::string_view type = format.object().require("type").one_of({"audio/pcm", "audio/pcmu", "audio/pcma"});
  if (type != "audio/pcm") {
    format.object({"type"});
    return type == "audio/pcmu" ? AudioFormat::kPcmu : AudioFormat::kPcma;
  }
  format.object({"type", "rate"});
  if (const auto rate = format.find("rate")) {
    rate->integer(24000, 24000);
  }
  return AudioFormat::kPcm;
}

void write_format(json::Writer& json, AudioFormat format) {
  json.object().key("type");
  switch (format) {
    case AudioFormat::kPcm:
      json.text("audio/pcm").key("rate").integer(24000);
      break;
    case AudioFormat::kPcmu:
      json.text("audio/pcmu");
      break;
    case AudioFormat::kPcma:
      json.text("audio/pcma");
      break;
  }
  json.end_object();
}

bool read_text_only(const Field& modalities) {
  const std::size_t size = modalities.array();
  for (std::size_t i = 0; i < size; ++i) {
    modalities.at(i).one_of({"text", "audio"});
  }
  if (size == 1) {
    return modalities.at(0).string() == "text";
  }
  throw Refusal{
      "invalid_value",
      fmt::format("Invalid modalities: {}. Supported combinations are: ['text'] and ['audio'].", modalities.json()),
      modalities.path()};
}

std::optional<std::int64_t> read_max_output_tokens(const Field& tokens) {
  if (tokens.is_string()) {
    tokens.one_of({"inf"});
    return std::nullopt;
  }
  return tokens.integer(1, 4096);
}

// The members are those of MCPTool (github.com/openai/openai-openapi).
McpServer read_mcp_server(const Field& tool) {
  tool.object({"type", "server_label", "server_url", "connector_id", "authorization", "server_description", "headers",
               "allowed_tools", "require_approval", "defer_loading", "tunnel_id", "allowed_callers"});
  McpServer server{std::string(tool.require("server_label").string()), {}};
  const auto allowed = tool.find("allowed_tools");
  if (!allowed || allowed->is_null()) {
    return server;
  }
  // A list of names, or a filter that may have one.
  const auto names =
      allowed->value().IsArray() ? allowed : allowed->object({"tool_names", "read_only"}).find("tool_names");
  const std::size_t size = names ? names->array() : 0;
  for (std::size_t i = 0; i < size; ++i) {
    server.tools.emplace_back(names->at(i).string());
  }
  return server;
}

void read_tools(const Field& tools, ToolUse& use) {
  const std::size_t size = tools.array();
  use.functions.clear();
  use.servers.clear();
  for (std::size_t i = 0; i < size; ++i) {
    const Field tool = tools.at(i);
    if (tool.object().require("type").one_of({"function", "mcp"}) == "mcp") {
      use.servers.push_back(read_mcp_server(tool));
      continue;
    }
    tool.object({"type", "name", "description", "parameters"});
    Function function{std::string(tool.require("name").string()), {}};
    if (const auto description = tool.find("description")) {
      description->string();
    }
    if (const auto parameters = tool.find("parameters")) {
      function.parameters = parameters->object().json();
    }
    use.functions.push_back(std::move(function));
  }
  use.tools = tools.json();
}

void read_tool_choice(const Field& choice, ToolUse& use) {
  use.allowed = true;
  use.forced = false;
  use.chosen.clear();
  if (choice.is_string()) {
    const std::string_view word = choice.one_of({"none", "auto", "required"});
    use.allowed = word != "none";
    use.forced = word == "required";
  } else if (choice.object().require("type").one_of({"function", "mcp"}) == "function") {
    use.chosen = choice.object({"type", "name"}).require("name").string();
    use.forced = true;
  } else {
    choice.object({"type", "server_label", "name"}).require("server_label").string();
    use.allowed = false;
  }
  use.choice = choice.json();
}

std::string read_prompt(const Field& prompt) {
  if (!prompt.is_null()) {
    prompt.object({"id", "version", "variables"}).require("id").string();
    if (const auto variables = prompt.find("variables"); variables && !variables->is_null()) {
      variables->object();
    }
  }
  return prompt.json();
}

std::string read_truncation(const Field& truncation) {
  if (truncation.is_string()) {
    truncation.one_of({"auto", "disabled"});
  } else {
    truncation.object({"type", "retention_ratio", "token_limits"}).require("type").one_of({"retention_ratio"});
    truncation.require("retention_ratio").number(0, 1);
    if (const auto limits = truncation.find("token_limits")) {
      limits->object();
    }
  }
  return truncation.json();
}

std::string read_tracing(const Field& tracing, const std::string& now) {
  if (tracing.is_string()) {
    tracing.one_of({"auto"});
  } else if (!tracing.is_null()) {
    tracing.object({"workflow_name", "group_id", "metadata"});
  }
  std::string json = tracing.json();
  if (now != "null" && json != now) {
    throw Refusal{"invalid_value", "Cannot update tracing once it is set.", tracing.path()};
  }
  return json;
}

std::string read_include(const Field& include) {
  if (!include.is_null()) {
    const std::size_t size = include.array();
    for (std::size_t i = 0; i < size; ++i) {
      include.at(i).one_of({"item.input_audio_transcription.logprobs"});
    }
  }
  return include.json();
}

std::string read_reasoning(const Field& reasoning) {
  if (reasoning.is_null()) {
    return {};
  }
  reasoning.object({"effort"});
  if (const auto effort = reasoning.find("effort")) {
    effort->one_of({"minimal", "low", "medium", "high", "xhigh"});
  }
  return reasoning.json();
}

std::string read_voice(const Field& voice) {
  if (voice.is_string()) {
    voice.one_of({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"});
  } else {
    voice.object({"id"}).require("id").string();
  }
  return voice.json();
}

std::string read_transcription(const Field& transcription) {
  if (!transcription.is_null()) {
    transcription.object({"model", "language", "prompt"});
    for (const std::string_view member : {"model", "language", "prompt"}) {
      if (const auto text = transcription.find(member)) {
        text->string();
      }
    }
  }
  return transcription.json();
}

std::string read_noise_reduction(const Field& reduction) {
  if (!reduction.is_null()) {
    reduction.object({"type"}).require("type").one_of({"near_field", "far_field"});
  }
  return reduction.json();
}

// Of the same kind as before, what is not there stays; of another kind, it gets its default.
TurnDetection read_turn_detection(const Field& field, const TurnDetection& now) {
  TurnDetection detection;
  if (field.is_null()) {
    detection.kind = TurnDetection::Kind::kNone;
    return detection;
  }
  const bool server = field.object().require("type").one_of({"server_vad", "semantic_vad"}) == "server_vad";
  detection.kind = server ? TurnDetection::Kind::kServerVad : TurnDetection::Kind::kSemanticVad;
  if (now.kind == detection.kind) {
    detection = now;
  }
  if (server) {
    field.object({"type", "threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms", "create_response",
                  "interrupt_response"});
    if (const auto threshold = field.find("threshold")) {
      detection.threshold = threshold->number(0, 1);
    }
    if (const auto ms = field.find("prefix_padding_ms")) {
      detection.prefix_padding_ms = ms->integer(0, kIntegerMax);
    }
    if (const auto ms = field.find("silence_duration_ms")) {
      detection.silence_duration_ms = ms->integer(0, kIntegerMax);
    }
    if (const auto ms = field.find("idle_timeout_ms")) {
      detection.idle_timeout_ms.reset();
      if (!ms->is_null()) {
        detection.idle_timeout_ms = ms->integer(5000, 30000);
      }
    }
  } else {
    field.object({"type", "eagerness", "create_response", "interrupt_response"});
    if (const auto eagerness = field.find("eagerness")) {
      detection.eagerness = eagerness->one_of({"low", "medium", "high", "auto"});
    }
  }
  if (const auto create = field.find("create_response")) {
    detection.create_response = create->boolean();
  }
  if (const auto interrupt = field.find("interrupt_response")) {
    detection.interrupt_response = interrupt->boolean();
  }
  return detection;
}

// `answers`: of a session that does.
void write_turn_detection(json::Writer& json, const TurnDetection& detection, bool answers) {
  if (detection.kind == TurnDetection::Kind::kNone) {
    json.null();
    return;
  }
  json.object();
  if (detection.kind == TurnDetection::Kind::kServerVad) {
    json.key("type").text("server_vad").key("threshold").number(detection.threshold);
    json.key("prefix_padding_ms").integer(detection.prefix_padding_ms);
    json.key("silence_duration_ms").integer(detection.silence_duration_ms);
    json.key("idle_timeout_ms");
    detection.idle_timeout_ms ? json.integer(*detection.idle_timeout_ms) : json.null();
  } else {
    json.key("type").text("semantic_vad").key("eagerness").text(detection.eagerness);
  }
  if (answers) {
    json.key("create_response").boolean(detection.create_response);
    json.key("interrupt_response").boolean(detection.interrupt_response);
  }
  json.end_object();
}

void write_max_output_tokens(json::Writer& json, const std::optional<std::int64_t>& tokens) {
  json.key("max_output_tokens");
  tokens ? json.integer(*tokens) : json.text("inf");
}

void write_modalities(json::Writer& json, bool text_only) {
  json.key("output_modalities").array().text(text_only ? "text" : "audio").end_array();
}

void update_input(SessionConfig& config, const Field& input) {
  input.object({"format", "transcription", "noise_reduction", "turn_detection"});
  if (const auto format = input.find("format")) {
    config.input_format = read_format(*format);
  }
  if (const auto transcription = input.find("transcription")) {
    config.transcription_json = read_transcription(*transcription);
    config.transcription_model.clear();
    if (!transcription->is_null()) {
      const auto model = transcription->find("model");
      config.transcription_model = model ? model->string() : "whisper-1";
    }
  }
  if (const auto reduction = input.find("noise_reduction")) {
    config.noise_reduction = read_noise_reduction(*reduction);
  }
  if (const auto detection = input.find("turn_detection")) {
    config.turn_detection = read_turn_detection(*detection, config.turn_detection);
  }
}

void update_output(SessionConfig& config, const Field& output, UpdateState state) {
  output.object({"format", "voice", "speed"});
  if (const auto format = output.find("format")) {
    config.output_format = read_format(*format);
  }
  if (const auto voice = output.find("voice")) {
    std::string wanted = read_voice(*voice);
    if (state.assistant_audio && wanted != config.voice) {
      throw Refusal{"cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.", {}};
    }
    config.voice = std::move(wanted);
  }
  if (const auto speed = output.find("speed")) {
    const double wanted = speed->number(0.25, 1.5);
    if (state.response_running && wanted != config.speed) {
      throw Refusal{"invalid_value", "Cannot update the speed while a response is in progress.", speed->path()};
    }
    config.speed = wanted;
  }
}

}  // namespace

VoiceDetection TurnDetection::by_loudness() const {
  if (kind == Kind::kNone) {
    return {.on = false};
  }
  if (kind == Kind::kSemanticVad) {
    return {.level = 500, .silence_ms = 500};
  }
  return {.level = 1000 * threshold, .silence_ms = silence_duration_ms, .prefix_padding_ms = prefix_padding_ms};
}

std::optional<Function> ToolUse::function() const {
  const auto found = std::find_if(functions.begin(), functions.end(), [this](const Function& function) {
    return chosen.empty() || function.name == chosen;
  });
  return !allowed || found == functions.end() ? std::nullopt : std::optional(*found);
}

namespace {

// RealtimeTranscriptionSessionCreateRequestGA of github.com/openai/openai-openapi.
SessionConfig updated_transcription(SessionConfig config, const Field& session) {
  session.object({"type", "audio", "include"});
  if (const auto audio = session.find("audio")) {
    if (const auto input = audio->object({"input"}).find("input")) {
      update_input(config, *input);
    }
  }
  if (const auto include = session.find("include")) {
    config.include = read_include(*include);
  }
  return config;
}

}  // namespace

SessionConfig updated(SessionConfig config, const Field& session, UpdateState state) {
  const bool transcription = session.object().require("type").one_of({"realtime", "transcription"}) == "transcription";
  if (transcription != config.transcription) {
    throw Refusal{
        "invalid_parameter",
        fmt::format("Passing a {} session update event to a {} session is not allowed.",
                    transcription ? "transcription" : "realtime", transcription ? "realtime" : "transcription"),
        {}};
  }
  if (transcription) {
    return updated_transcription(std::move(config), session);
  }
  session.object({"type", "model", "output_modalities", "instructions", "audio", "tools", "tool_choice",
                  "max_output_tokens", "parallel_tool_calls", "truncation", "tracing", "prompt", "include",
                  "reasoning"});
  if (const auto model = session.find("model"); model && model->string() != config.model) {
    throw Refusal{"invalid_value", "Cannot update a session's model.", model->path()};
  }
  if (const auto modalities = session.find("output_modalities")) {
    config.text_only = read_text_only(*modalities);
  }
  if (const auto instructions = session.find("instructions")) {
    config.instructions = instructions->string();
  }
  if (const auto audio = session.find("audio")) {
    audio->object({"input", "output"});
    if (const auto input = audio->find("input")) {
      update_input(config, *input);
    }
    if (const auto output = audio->find("output")) {
      update_output(config, *output, state);
    }
  }
  if (const auto tools = session.find("tools")) {
    read_tools(*tools, config.tool_use);
  }
  if (const auto choice = session.find("tool_choice")) {
    read_tool_choice(*choice, config.tool_use);
  }
  if (const auto tokens = session.find("max_output_tokens")) {
    config.max_output_tokens = read_max_output_tokens(*tokens);
  }
  if (const auto parallel = session.find("parallel_tool_calls")) {
    config.parallel_tool_calls = parallel->boolean();
  }
  if (const auto truncation = session.find("truncation")) {
    config.truncation = read_truncation(*truncation);
  }
  if (const auto tracing = session.find("tracing")) {
    config.tracing = read_tracing(*tracing, config.tracing);
  }
  if (const auto prompt = session.find("prompt")) {
    config.prompt = read_prompt(*prompt);
  }
  if (const auto include = session.find("include")) {
    config.include = read_include(*include);
  }
  if (const auto reasoning = session.find("reasoning")) {
    config.reasoning = read_reasoning(*reasoning);
  }
  return config;
}

namespace {

void write_input(json::Writer& json, const SessionConfig& config) {
  json.key("input").object().key("format");
  write_format(json, config.input_format);
  json.key("transcription").raw(config.transcription_json).key("noise_reduction").raw(config.noise_reduction);
  json.key("turn_detection");
  write_turn_detection(json, config.turn_detection, !config.transcription);
  json.end_object();
}

}  // namespace

void write_session(json::Writer& json, const SessionConfig& config) {
  // RealtimeTranscriptionSessionCreateResponseGA: it has no model of its own, and no output.
  if (config.transcription) {
    json.object().key("type").text("transcription").key("object").text("realtime.transcription_session");
    json.key("id").text(config.id).key("expires_at").integer(config.expires_at).key("audio").object();
    write_input(json, config);
    json.end_object().key("include").raw(config.include).end_object();
    return;
  }
  json.object().key("type").text("realtime").key("object").text("realtime.session");
  json.key("id").text(config.id).key("model").text(config.model);
  write_modalities(json, config.text_only);
  json.key("instructions").text(config.instructions);
  json.key("tools").raw(config.tool_use.tools).key("tool_choice").raw(config.tool_use.choice);
  write_max_output_tokens(json, config.max_output_tokens);
  if (config.parallel_tool_calls) {
    json.key("parallel_tool_calls").boolean(*config.parallel_tool_calls);
  }
  json.key("tracing").raw(config.tracing).key("truncation").raw(config.truncation).key("prompt").raw(config.prompt);
  if (!config.reasoning.empty()) {
    json.key("reasoning").raw(config.reasoning);
  }
  json.key("expires_at").integer(config.expires_at);
  json.key("audio").object();
  write_input(json, config);
  json.key("output").object().key("format");
  write_format(json, config.output_format);
  json.key("voice").raw(config.voice).key("speed").number(config.speed).end_object().end_object();
  json.key("include").raw(config.include).end_object();
}

// What it says of the voice and of the instructions is not here: the fake's answers are a tone, whatever is asked.
void note_not_played(const Field& session, Notices& notices) {
  notices.not_played(session, {"audio.input.noise_reduction", "audio.input.transcription.language",
                               "audio.input.transcription.prompt", "audio.input.turn_detection.eagerness",
                               "audio.output.speed", "include", "prompt", "reasoning", "tracing", "truncation"});
  const auto tools = session.find("tools");
  const std::size_t size = tools ? tools->array() : 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (tools->at(i).require("type").string() == "mcp") {
      notices.not_played("calls of MCP tools");  // They are listed alone.
    }
  }
}

ResponseConfig::ResponseConfig(const SessionConfig& session)
    : text_only(session.text_only),
      format(session.output_format),
      voice(session.voice),
      tool_use(session.tool_use),
      max_output_tokens(session.max_output_tokens),
      instructions_bytes(session.instructions.size()) {}

ResponseConfig configured(ResponseConfig config, const Field& response) {
  response.object({"conversation", "output_modalities", "instructions", "audio", "tools", "tool_choice", "input",
                   "metadata", "max_output_tokens", "parallel_tool_calls", "prompt", "reasoning"});
  if (const auto conversation = response.find("conversation")) {
    config.in_conversation = conversation->one_of({"auto", "none"}) == "auto";
  }
  if (const auto modalities = response.find("output_modalities")) {
    config.text_only = read_text_only(*modalities);
  }
  if (const auto instructions = response.find("instructions")) {
    config.instructions_bytes = instructions->string().size();
  }
  if (const auto audio = response.find("audio")) {
    if (const auto output = audio->object({"output"}).find("output")) {
      output->object({"format", "voice"});
      if (const auto format = output->find("format")) {
        config.format = read_format(*format);
      }
      if (const auto voice = output->find("voice")) {
        config.voice = read_voice(*voice);
      }
    }
  }
  if (const auto tools = response.find("tools")) {
    read_tools(*tools, config.tool_use);
  }
  if (const auto choice = response.find("tool_choice")) {
    read_tool_choice(*choice, config.tool_use);
  }
  if (const auto input = response.find("input")) {
    config.own_input.emplace();
    const std::size_t size = input->array();
    for (std::size_t i = 0; i < size; ++i) {
      const Field item = input->at(i);
      if (const auto type = item.object().find("type"); type && type->string() == "item_reference") {
        config.referenced_items.emplace_back(item.object({"type", "id"}).require("id").string());
      } else {
        check_item(item);
        config.own_input->text += tokens_of_text(item.json().size());
      }
    }
  }
  if (const auto metadata = response.find("metadata")) {
    if (!metadata->is_null()) {
      metadata->object();
      for (const auto& member : metadata->value().GetObject()) {
        metadata->require(view(member.name)).string();
      }
    }
    config.metadata = metadata->json();
  }
  if (const auto tokens = response.find("max_output_tokens")) {
    config.max_output_tokens = read_max_output_tokens(*tokens);
  }
  if (const auto parallel = response.find("parallel_tool_calls")) {
    parallel->boolean();
  }
  if (const auto prompt = response.find("prompt")) {
    read_prompt(*prompt);
  }
  if (const auto reasoning = response.find("reasoning")) {
    read_reasoning(*reasoning);
  }
  return config;
}

void write_output(json::Writer& json, const ResponseConfig& config) {
  write_modalities(json, config.text_only);
  write_max_output_tokens(json, config.max_output_tokens);
  json.key("audio").object().key("output").object().key("format");
  write_format(json, config.format);
  json.key("voice").raw(config.voice).end_object().end_object();
}

void check_item(const Field& item) {
  const std::string_view type =
      item.object().require("type").one_of({"message", "function_call", "function_call_output"});
  for (const std::string_view member : {"id", "object", "status"}) {
    if (const auto text = item.find(member)) {
      text->string();
    }
  }
  if (type == "function_call") {
    item.object({"id", "object", "type", "status", "name", "call_id", "arguments"});
    for (const std::string_view member : {"name", "arguments"}) {
      item.require(member).string();
    }
    if (const auto call = item.find("call_id")) {
      call->string();
    }
    return;
  }
  if (type == "function_call_output") {
    item.object({"id", "object", "type", "status", "call_id", "output"});
    for (const std::string_view member : {"call_id", "output"}) {
      item.require(member).string();
    }
    return;
  }
  item.object({"id", "object", "type", "status", "role", "content"});
  const std::string_view role = item.require("role").one_of({"user", "assistant", "system"});
  const Field content = item.require("content");
  const std::size_t size = content.array();
  for (std::size_t i = 0; i < size; ++i) {
    const Field part = content.at(i);
    const Field kind = part.object().require("type");
    std::string_view member = "text";
    if (role == "user") {
      const std::string_view input = kind.one_of({"input_text", "input_audio", "input_image"});
      if (input == "input_audio") {
        member = "audio";
      }
      if (input == "input_image") {
        member = "image_url";
      }
    } else if (role == "system") {
      kind.one_of({"input_text"});
    } else {
      kind.one_of({"output_text", "output_audio"});  // The latter needs a text, too: audio cannot be seeded.
    }
    part.require(member).string();
    part.object({"type", member, "transcript", "detail"});
  }
}

}  // namespace soak::peers::openai
