// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <span>
#include <utility>

#include "lib/peers/tone.h"
#include "lib/text/base64.h"

namespace soak::peers::openai {
namespace {

constexpr std::size_t kEventIdMax = 512;
constexpr std::size_t kAudioBytesMax = std::size_t{15} << 20;
// Audio is counted in 48ths of a millisecond, which both a byte of PCM and one of G.711 (six) are a whole number of.
constexpr std::int64_t kTicksPerMs = 48;
constexpr std::int64_t kCommitMsMin = 100;
constexpr std::int64_t kMsPerAudioToken = 100;
// Of a window of 32k tokens, with 4,096 for the output (RealtimeTruncation of github.com/openai/openai-openapi). What
// was said first is left out then.
constexpr std::int64_t kInputTokensMax = 28'224;

// The type of an item that is a function's result.
constexpr std::string_view kResult = "function_call_output";

// What a client may say in an item, and the service keeps. Audio is not given back, as in conversation.item.added.
void write_content(json::Writer& json, const Field& content) {
  json.array();
  const std::size_t size = content.array();
  for (std::size_t i = 0; i < size; ++i) {
    const Field part = content.at(i);
    if (part.require("type").string() != "input_audio") {
      json.raw(part.json());
      continue;
    }
    json.object().key("type").text("input_audio").key("transcript");
    const auto transcript = part.find("transcript");
    json.raw(transcript ? transcript->json() : "null").end_object();
  }
  json.end_array();
}

std::string item_json(const std::string& id, const Field& item) {
  const std::string_view type = item.require("type").string();
  json::Writer json;
  json.object().key("id").text(id).key("type").text(type);
  if (type != kResult) {
    json.key("status").text("completed");  // As recorded.
  }
  for (const std::string_view member : {"role", "name", "call_id", "arguments", "output"}) {
    if (const auto field = item.find(member)) {
      json.key(member).raw(field->json());
    }
  }
  if (const auto content = item.find("content")) {
    write_content(json.key("content"), *content);
  }
  return json.end_object().take();
}

// What was said, without the audio itself.
std::string user_audio_json(std::string_view id, std::string_view transcript) {
  json::Writer json;
  json.object().key("id").text(id).key("type").text("message").key("status").text("completed");
  json.key("role").text("user").key("content").array().object().key("type").text("input_audio");
  json.key("transcript").text_or_null(transcript).end_object().end_array();
  return json.end_object().take();
}

}  // namespace

std::string error_event(Service& service, const Refusal& refusal, std::string_view client_event_id) {
  ++service.ledger.errors_sent;
  EventJson json(service.ids, "error");
  begin_error(json.key("error"), refusal);
  json.key("event_id").text_or_null(client_event_id).end_object();
  return json.end_event();
}

// The events a client may send

struct Session::ClientEvent {
  std::string_view type;
  void (Session::*handler)(const Field& event);
};

const Session::ClientEvent& Session::find_event(std::string_view type) {
  static constexpr std::array<ClientEvent, 11> kEvents = {{
      {"input_audio_buffer.append", &Session::append_audio},  // By far the most frequent.
      {"session.update", &Session::update},
      {"input_audio_buffer.commit", &Session::commit_audio},
      {"input_audio_buffer.clear", &Session::clear_audio},
      {"conversation.item.create", &Session::create_item},
      {"conversation.item.truncate", &Session::truncate_item},
      {"conversation.item.delete", &Session::delete_item},
      {"conversation.item.retrieve", &Session::retrieve_item},
      {"response.create", &Session::create_response},
      {"response.cancel", &Session::cancel_response},
      {"output_audio_buffer.clear", &Session::clear_output},
  }};
  const auto found =
      std::find_if(kEvents.begin(), kEvents.end(), [&](const ClientEvent& event) { return event.type == type; });
  if (found != kEvents.end()) {
    return *found;
  }
  service_.notices.unknown(fmt::format("the event '{}'", excerpt(type)));
  std::vector<std::string_view> types;
  for (const ClientEvent& event : kEvents) {
    types.push_back(event.type);
  }
  throw Refusal{"invalid_value",
                fmt::format("Invalid value: '{}'. Supported values are: {}.", excerpt(type), quoted_list(types)),
                "type"};
}

Session::Session(Service& service, SessionConfig config, bool sideband)
    : service_(service),
      config_(std::move(config)),
      expires_(service.loop.now() + service.options.session_max),
      sideband_(sideband),
      recording_(service.audio_store) {
  config_.id = service_.ids.next("sess_");
  const auto expires = service_.loop.wall_now() + service_.options.session_max;
  config_.expires_at = std::chrono::floor<std::chrono::seconds>(expires).time_since_epoch().count();
  conversation_.id = service_.ids.next("conv_");
}

std::string Session::opening() {
  EventJson json(service_.ids, sideband_ ? "session.updated" : "session.created");
  write_session(json.key("session"), config_);
  return json.end_event();
}

void Session::handle(net::Message message, Reply& reply) {
  ++service_.ledger.events_received;
  reply_ = &reply;
  std::string event_id;
  std::string_view type;
  try {
    if (!message.is_text() && !service_.options.accept_binary_frames) {
      throw Refusal{"invalid_event", "Binary frames are not supported: send each event as one text frame.", {}};
    }
    const Field event(service_.parser.parse(message.data), {});
    if (const auto id = event.find("event_id")) {
      const std::string_view text = id->string();
      if (text.size() > kEventIdMax) {
        throw Refusal{"string_above_max_length",
                      fmt::format("Invalid 'event_id': string too long. Expected a string with maximum length {}, but "
                                  "got a string with length {} instead.",
                                  kEventIdMax, text.size()),
                      "event_id"};
      }
      event_id = text;
    }
    const auto named = event.find("type");
    if (!named) {
      throw Refusal{"invalid_event", "The 'type' field is missing.", {}};
    }
    const ClientEvent& known = find_event(named->string());
    type = known.type;
    (this->*known.handler)(event);
  } catch (const Refusal& refusal) {
    if (refusal.code == "unknown_parameter") {
      service_.notices.unknown(refusal.param);
    }
    reply.events.push_back(error_event(service_, refusal, event_id));
  }
  auto& counts = service_.ledger.events_by_type;
  auto count = counts.find(type);
  if (count == counts.end()) {
    count = counts.emplace(type, 0).first;
  }
  ++count->second;
  reply_ = nullptr;
}

void Session::ended(const Response& response) {
  // The time of response.done, and what its audio takes to be played (RealtimeTurnDetection of
  // github.com/openai/openai-openapi, idle_timeout_ms).
  if (response.in_conversation() && speech_item_id_.empty()) {
    idle_from_ = service_.loop.now() + std::chrono::milliseconds(response.audio_ms());
    idle_from_ms_ = heard_ticks_ / kTicksPerMs;
    idle_changed_.set();
  }
  std::erase_if(responses_, [&](const std::unique_ptr<Response>& own) { return own.get() == &response; });
}

Instant Session::idle_until() const {
  const TurnDetection& detection = config_.turn_detection;
  const bool waited_for = detection.kind == TurnDetection::Kind::kServerVad && detection.idle_timeout_ms && idle_from_;
  return waited_for ? *idle_from_ + std::chrono::milliseconds(*detection.idle_timeout_ms) : Instant::max();
}

void Session::time_out(Reply& reply) {
  reply_ = &reply;
  idle_from_.reset();
  std::string item_id = service_.ids.next("item_");
  EventJson timed_out(service_.ids, "input_audio_buffer.timeout_triggered");
  timed_out.key("audio_start_ms").integer(idle_from_ms_);
  timed_out.key("audio_end_ms").integer(heard_ticks_ / kTicksPerMs).key("item_id").text(item_id);
  reply_->events.push_back(timed_out.end_event());
  commit(std::move(item_id));
  if (running_response() == nullptr) {
    respond(ResponseConfig(config_));
  }
  reply_ = nullptr;
}

std::vector<std::string> Session::transcribed(const Transcript& transcript) {
  if (const auto item = conversation_.find(transcript.item_id); item != conversation_.items.end()) {
    item->json = user_audio_json(item->id, transcript.text());
  }
  ++service_.ledger.transcripts_sent;
  return transcript.events(service_.ids);
}

// Audio

void Session::append_audio(const Field& event) {
  const Field audio = event.object({"audio", "type", "event_id"}).require("audio");
  const std::string_view text = audio.string();
  std::string& bytes = service_.audio;
  bytes.clear();
  const bool pcm = config_.input_format == AudioFormat::kPcm;
  if (!text::decode_base64(text, bytes) || bytes.empty() || (pcm && bytes.size() % 2 != 0)) {
    throw Refusal{"invalid_value",
                  fmt::format("Invalid 'audio'. Expected base64-encoded audio bytes ({}) but got an invalid value.",
                              pcm ? "mono PCM16 at 24kHz" : "mono G.711 at 8kHz"),
                  "audio"};
  }
  if (bytes.size() > kAudioBytesMax) {
    throw Refusal{"string_above_max_length",
                  fmt::format("Invalid 'audio': too long. Expected at most {} bytes of audio, but got {} instead.",
                              kAudioBytesMax, bytes.size()),
                  "audio"};
  }
  const std::int64_t ticks = static_cast<std::int64_t>(bytes.size()) * (pcm ? 1 : 6);
  buffered_ticks_ += ticks;
  heard_ticks_ += ticks;
  recording_.append(bytes);
  if (idle_from_ && service_.loop.now() <= *idle_from_) {
    idle_from_ms_ = heard_ticks_ / kTicksPerMs;
  }
  ++service_.ledger.audio_frames_received;
  service_.ledger.audio_bytes_received += bytes.size();
  detect_turns();
}

// In the audio that was appended last.
void Session::detect_turns() {
  const AudioFormat format = config_.input_format;
  const VoiceDetection detection = config_.turn_detection.by_loudness();
  for (const auto& [speaking, ms] : detector_.hear(service_.audio, format, rate_of(format), detection)) {
    speaking ? begin_speech(ms) : end_speech(ms);
  }
}

void Session::begin_speech(std::int64_t start_ms) {
  speech_item_id_ = service_.ids.next("item_");
  idle_from_.reset();
  EventJson started(service_.ids, "input_audio_buffer.speech_started");
  started.key("audio_start_ms").integer(start_ms).key("item_id").text(speech_item_id_);
  reply_->events.push_back(started.end_event());
  Response* const running = config_.turn_detection.interrupt_response ? running_response() : nullptr;
  if (running == nullptr) {
    return;
  }
  running->cancel("turn_detected");
  ++service_.ledger.responses_interrupted;
}

void Session::end_speech(std::int64_t end_ms) {
  ++service_.ledger.turns_detected;
  EventJson stopped(service_.ids, "input_audio_buffer.speech_stopped");
  stopped.key("audio_end_ms").integer(end_ms).key("item_id").text(speech_item_id_);
  reply_->events.push_back(stopped.end_event());
  commit(std::exchange(speech_item_id_, {}));
  // An answer that was not to be interrupted goes on instead of another one.
  if (config_.turn_detection.create_response && !config_.transcription && running_response() == nullptr) {
    respond(ResponseConfig(config_));
  }
}

void Session::commit_audio(const Field& event) {
  event.object({"type", "event_id"});
  if (buffered_ticks_ < kCommitMsMin * kTicksPerMs) {
    throw Refusal{"input_audio_buffer_commit_empty",
                  fmt::format("Error committing input audio buffer: buffer too small. Expected at least 100ms of "
                              "audio, but buffer only has {:.2f}ms of audio.",
                              static_cast<double>(buffered_ticks_) / kTicksPerMs),
                  {}};
  }
  detector_.reset();
  commit(speech_item_id_.empty() ? service_.ids.next("item_") : std::exchange(speech_item_id_, {}));
}

void Session::commit(std::string item_id) {
  Item item{std::move(item_id), {}, false, -1};
  item.json = user_audio_json(item.id, {});
  const std::string previous_id(conversation_.last_id());

  EventJson committed(service_.ids, "input_audio_buffer.committed");
  committed.key("previous_item_id").text_or_null(previous_id).key("item_id").text(item.id);
  reply_->events.push_back(committed.end_event());
  emit_item("conversation.item.added", previous_id, item);
  emit_item("conversation.item.done", previous_id, item);

  if (!config_.transcription_model.empty()) {
    reply_->transcripts.push_back({item.id, config_.transcription_model, buffered_ticks_ / kTicksPerMs});
  }
  item.tokens.audio = std::exchange(buffered_ticks_, 0) / kTicksPerMs / kMsPerAudioToken;
  item.audio_format = config_.input_format;
  item.audio = recording_.take();
  conversation_.items.push_back(std::move(item));
}

void Session::clear_audio(const Field& event) {
  event.object({"type", "event_id"});
  buffered_ticks_ = 0;
  recording_.clear();
  detector_.reset();
  speech_item_id_.clear();
  reply_->events.push_back(EventJson(service_.ids, "input_audio_buffer.cleared").end_event());
}

void Session::clear_output(const Field&) {
  throw Refusal{"invalid_value", "output_audio_buffer.clear is for WebRTC and SIP connections only.", "type"};
}

// The session

void Session::update(const Field& event) {
  const Field session = event.object({"type", "event_id", "session"}).require("session");
  const std::vector<McpServer> known = config_.tool_use.servers;
  config_ = updated(config_, session, {conversation_.assistant_audio, running_response() != nullptr});
  EventJson json(service_.ids, "session.updated");
  write_session(json.key("session"), config_);
  reply_->events.push_back(json.end_event());
  note_not_played(session, service_.notices);
  list_tools(known);
  idle_changed_.set();
}

// The tools of the servers that are new, as if each had answered at once. The events are those of mcp_list_tools.* and
// the item that of RealtimeMCPListTools (github.com/openai/openai-openapi); their order is not known.
void Session::list_tools(const std::vector<McpServer>& known_before) {
  for (const McpServer& server : config_.tool_use.servers) {
    const auto same = [&server](const McpServer& other) { return other.label == server.label; };
    if (std::any_of(known_before.begin(), known_before.end(), same)) {
      continue;
    }
    const std::string previous_id(conversation_.last_id());
    Item item{service_.ids.next("mcpl_"), {}, false, -1};
    const auto write = [&](bool listed) {
      json::Writer json;
      json.object().key("id").text(item.id).key("type").text("mcp_list_tools").key("server_label").text(server.label);
      json.key("tools").array();
      const std::vector<std::string> unnamed = {"tool"};
      for (const std::string& name :
           listed ? (server.tools.empty() ? unnamed : server.tools) : std::vector<std::string>()) {
        json.object().key("name").text(name).key("description").text("A tool of a fake server.");
        json.key("input_schema").raw(R"({"type":"object","properties":{}})").key("annotations").null().end_object();
      }
      item.json = json.end_array().end_object().take();
    };
    write(false);
    emit_item("conversation.item.added", previous_id, item);
    for (const std::string_view event : {"mcp_list_tools.in_progress", "mcp_list_tools.completed"}) {
      EventJson progress(service_.ids, event);
      progress.key("item_id").text(item.id);
      reply_->events.push_back(progress.end_event());
    }
    write(true);
    emit_item("conversation.item.done", previous_id, item);
    conversation_.items.push_back(std::move(item));
  }
}

// The conversation

void Session::emit_item(std::string_view type, std::string_view previous_id, const Item& item) {
  EventJson json(service_.ids, type);
  json.key("previous_item_id").text_or_null(previous_id).key("item").raw(item.json);
  reply_->events.push_back(json.end_event());
}

void Session::create_item(const Field& event) {
  const Field source = event.object({"type", "event_id", "item", "previous_item_id"}).require("item");
  check_item(source);

  auto& items = conversation_.items;
  auto place = items.end();
  if (const auto previous = event.find("previous_item_id"); previous && !previous->is_null()) {
    const std::string_view id = previous->string();
    place = id == "root" ? items.begin() : conversation_.find(id);
    if (id != "root") {
      if (place == items.end()) {
        throw Refusal{"invalid_value",
                      fmt::format("Error creating item: the previous item '{}' does not exist.", excerpt(id)),
                      "previous_item_id"};
      }
      ++place;
    }
  }

  Item item;
  if (const auto id = source.find("id")) {
    item.id = id->string();
  }
  if (item.id.empty()) {
    item.id = service_.ids.next("item_");
  }
  if (conversation_.find(item.id) != items.end()) {
    throw Refusal{"invalid_value", fmt::format("Error creating item: an item '{}' exists already.", excerpt(item.id)),
                  "item.id"};
  }
  item.json = item_json(item.id, source);
  const auto role = source.find("role");
  item.assistant = role && role->string() == "assistant";
  item.is_result = source.require("type").string() == kResult;
  if (const auto call_id = source.find("call_id")) {
    item.call_id = call_id->string();
  }
  if (item.is_result) {
    take_result(item.call_id);
  }
  take_content(source, item);

  const std::string previous_id = place == items.begin() ? std::string() : (place - 1)->id;
  emit_item("conversation.item.added", previous_id, item);
  emit_item("conversation.item.done", previous_id, item);
  items.insert(place, std::move(item));
}

// What an item weighs in the input of a response, and its audio.
void Session::take_content(const Field& source, Item& item) {
  for (const std::string_view member : {"name", "arguments", "output"}) {
    if (const auto text = source.find(member)) {
      item.tokens.text += tokens_of_text(text->string().size());
    }
  }
  const auto content = source.find("content");
  const std::size_t size = content ? content->array() : 0;
  for (std::size_t i = 0; i < size; ++i) {
    const Field part = content->at(i);
    if (const auto text = part.find("text")) {
      item.tokens.text += tokens_of_text(text->string().size());
    }
    if (part.find("image_url")) {
      service_.notices.not_played("input_image");
    }
    const auto audio = part.find("audio");
    std::string bytes;
    if (!audio || !text::decode_base64(audio->string(), bytes)) {
      continue;
    }
    const auto ms = static_cast<std::int64_t>(bytes.size() / bytes_per_ms(config_.input_format));
    item.tokens.audio += ms / kMsPerAudioToken;
    AudioStore::Recording given(service_.audio_store);
    given.append(bytes);
    item.audio_format = config_.input_format;
    item.audio = given.take();
  }
}

// Of a call that it does not know, the service says this (github.com/livekit/agents/issues/3344).
void Session::take_result(std::string_view call_id) {
  if (call_id.empty() || !conversation_.has_call(call_id)) {
    throw Refusal{
        "invalid_tool_call_id", fmt::format("Tool call ID '{}' not found in conversation.", excerpt(call_id)), {}};
  }
  service_.ledger.tool_calls_answered += std::erase(conversation_.open_calls, call_id);
}

Conversation::Items::iterator Session::find_item(const Field& event, std::string_view verb, std::string_view doing) {
  const std::string_view id = event.require("item_id").string();
  const auto item = conversation_.find(id);
  if (item != conversation_.items.end()) {
    return item;
  }
  throw Refusal{fmt::format("item_{}_invalid_item_id", verb),
                fmt::format("Error {} item: the item with id '{}' does not exist.", doing, excerpt(id)), "item_id"};
}

void Session::truncate_item(const Field& event) {
  event.object({"type", "event_id", "item_id", "content_index", "audio_end_ms"});
  const std::int64_t max = std::numeric_limits<std::int64_t>::max();
  const std::int64_t content_index = event.require("content_index").integer(0, max);
  const std::int64_t end_ms = event.require("audio_end_ms").integer(0, max);
  const auto item = find_item(event, "truncate", "truncating");
  if (!item->assistant || item->audio_ms < 0 || content_index != 0) {
    throw Refusal{"invalid_value", "Only the audio content of assistant messages can be truncated.", "item_id"};
  }
  if (end_ms > item->audio_ms) {
    throw Refusal{"invalid_value",
                  fmt::format("Audio content of {}ms is already shorter than {}ms", item->audio_ms, end_ms),
                  "audio_end_ms"};
  }
  item->audio_ms = end_ms;
  // The transcript goes, because nobody knows which of its words were heard.
  item->json = fmt::format(
      R"({{"id":"{}","type":"message","status":"incomplete","role":"assistant","content":[{{"type":"output_audio"}}]}})",
      item->id);
  EventJson json(service_.ids, "conversation.item.truncated");
  json.key("item_id").text(item->id).key("content_index").integer(content_index);
  json.key("audio_end_ms").integer(end_ms);
  reply_->events.push_back(json.end_event());
}

void Session::delete_item(const Field& event) {
  event.object({"type", "event_id", "item_id"});
  const auto item = find_item(event, "delete", "deleting");
  EventJson json(service_.ids, "conversation.item.deleted");
  json.key("item_id").text(item->id);
  reply_->events.push_back(json.end_event());
  conversation_.items.erase(item);
}

void Session::retrieve_item(const Field& event) {
  event.object({"type", "event_id", "item_id"});
  const auto item = find_item(event, "retrieve", "retrieving");
  EventJson json(service_.ids, "conversation.item.retrieved");
  json.key("item").raw(item_with_audio(*item));
  reply_->events.push_back(json.end_event());
}

// An assistant's audio is the fake's tone, which can be made again. What was heard may not be kept any more; then it is
// left out.
std::string Session::item_with_audio(const Item& item) const {
  std::string audio = item.audio ? *item.audio : std::string();
  if (item.audio_ms > 0) {
    fill_with_tone(audio, item.audio_format, 0, item.audio_ms);
  }
  const json::Document document(item.json);
  if (audio.empty() || !document.is_object()) {
    return item.json;
  }
  json::Writer json;
  json.object();
  for (const auto& member : document.value().GetObject()) {
    json.key(view(member.name));
    if (view(member.name) != "content" || !member.value.IsArray()) {
      json.value(member.value);
      continue;
    }
    json.array();
    for (const auto& part : member.value.GetArray()) {
      json.object();
      for (const auto& own : part.GetObject()) {
        json.key(view(own.name)).value(own.value);
      }
      if (json::text_member(part, "type").ends_with("_audio")) {
        json.key("audio").base64(std::as_bytes(std::span(audio)));
      }
      json.end_object();
    }
    json.end_array();
  }
  return json.end_object().take();
}

// Responses

Response* Session::running_response() {
  const auto found = std::find_if(responses_.begin(), responses_.end(), [](const std::unique_ptr<Response>& response) {
    return response->in_conversation() && response->running();
  });
  return found == responses_.end() ? nullptr : found->get();
}

void Session::create_response(const Field& event) {
  event.object({"type", "event_id", "response"});
  if (config_.transcription) {
    throw Refusal{"invalid_value", "A transcription session creates no responses.", "type"};
  }
  ResponseConfig config(config_);
  if (const auto response = event.find("response")) {
    config = configured(std::move(config), *response);
    service_.notices.not_played(*response, {"prompt", "reasoning"});
  }
  if (const Response* const running = running_response(); running != nullptr && config.in_conversation) {
    throw Refusal{"conversation_already_has_active_response",
                  fmt::format("Conversation already has an active response in progress: {}. Wait until the response is "
                              "finished before creating a new one.",
                              running->id()),
                  {}};
  }
  respond(std::move(config));
}

void Session::respond(ResponseConfig config) {
  const bool calls = config.tool_use.forced ||
                     (service_.options.call_tools && config.in_conversation && !conversation_.ends_in_a_result());
  std::optional<Function> function = calls ? config.tool_use.function() : std::nullopt;
  const Tokens input = input_of(config);
  idle_from_.reset();
  responses_.push_back(
      std::make_unique<Response>(service_, conversation_, std::move(config), std::move(function), input));
  // What happens to it comes after this, whoever is quicker.
  reply_->events.push_back(responses_.back()->next());
  reply_->responses.push_back(responses_.back().get());
}

// The instructions, the tools, and the conversation, or what stands for it.
Tokens Session::input_of(const ResponseConfig& config) const {
  Tokens input{tokens_of_text(config.instructions_bytes), 0};
  if (!config.tool_use.functions.empty()) {
    input.text += tokens_of_text(config.tool_use.tools.size());
  }
  if (config.own_input) {
    input += *config.own_input;
  }
  for (const Item& item : conversation_.items) {
    const auto& wanted = config.referenced_items;
    if (!config.own_input || std::find(wanted.begin(), wanted.end(), item.id) != wanted.end()) {
      input += item.tokens;
    }
  }
  const std::int64_t over = std::max<std::int64_t>(input.all() - kInputTokensMax, 0);
  const std::int64_t left_out = std::min(over, input.audio);
  input.audio -= left_out;
  input.text -= over - left_out;
  return input;
}

void Session::cancel_response(const Field& event) {
  event.object({"type", "event_id", "response_id"});
  Response* found = running_response();
  if (const auto id = event.find("response_id")) {
    const std::string_view wanted = id->string();
    const auto match = std::find_if(responses_.begin(), responses_.end(), [&](const auto& response) {
      return response->id() == wanted && response->running();
    });
    found = match == responses_.end() ? nullptr : match->get();
  }
  if (found == nullptr) {
    throw Refusal{"response_cancel_not_active", "Cancellation failed: no active response found", {}};
  }
  found->cancel("client_cancelled");
}

}  // namespace soak::peers::openai
