// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/response.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>
#include <utility>

#include "lib/peers/schema_arguments.h"
#include "lib/peers/tone.h"

namespace soak::peers::openai {
namespace {

using std::chrono::milliseconds;

// As a model sends them: in some pieces, none of which ends inside of a character.
std::vector<std::string> in_pieces(std::string_view arguments) {
  constexpr std::size_t kPieces = 3;
  constexpr std::size_t kPieceMin = 24;  // Of many pieces.
  const std::size_t size =
      std::max(arguments.size() / std::max(arguments.size() / kPieceMin, kPieces) + 1, std::size_t{1});
  std::vector<std::string> pieces;
  while (!arguments.empty()) {
    std::size_t end = std::min(size, arguments.size());
    while (end < arguments.size() && (static_cast<unsigned char>(arguments[end]) & 0xc0U) == 0x80) {
      ++end;
    }
    pieces.emplace_back(arguments.substr(0, end));
    arguments.remove_prefix(end);
  }
  return pieces;
}

std::int64_t whole_ms(std::chrono::nanoseconds time) { return std::chrono::duration_cast<milliseconds>(time).count(); }

}  // namespace

Response::Response(Service& service, Conversation& conversation, ResponseConfig config,
                   std::optional<Function> function, Tokens input)
    : service_(service),
      conversation_(conversation),
      config_(std::move(config)),
      function_(std::move(function)),
      began_(service.loop.now()),
      id_(service.ids.next("resp_")),
      input_(input) {
  ++service_.ledger.responses_created;
  if (function_) {
    argument_pieces_ = in_pieces(arguments_for(function_->parameters, service_.ids));
  }
  if (service_.rate_limit.exhausted(began_)) {
    status_ = "failed";
  }
}

std::int64_t Response::pieces() const {
  if (calls()) {
    return static_cast<std::int64_t>(argument_pieces_.size());
  }
  const std::int64_t piece = whole_ms(service_.options.delta_audio);
  return (whole_ms(service_.options.response_audio) + piece - 1) / piece;
}

std::int64_t Response::piece_ms() const {
  const std::int64_t piece = whole_ms(service_.options.delta_audio);
  return std::min(piece, whole_ms(service_.options.response_audio) - piece_ * piece);
}

bool Response::out_of_tokens() const {
  if (!config_.max_output_tokens) {
    return false;
  }
  return output_tokens() + 1 + (spoken() ? (piece_ms() + 49) / 50 : 0) > *config_.max_output_tokens;
}

Instant Response::due() const {
  if (stage_ != Stage::kText) {
    return began_;
  }
  const double ms = static_cast<double>(piece_ * whole_ms(service_.options.delta_audio)) / service_.options.pace;
  return began_ + std::chrono::nanoseconds(std::llround(ms * 1e6));
}

void Response::cancel(std::string_view reason) {
  cancelled_.set();
  if (status_ != "in_progress") {
    return;
  }
  status_ = "cancelled";
  status_reason_ = reason;
  if (stage_ == Stage::kText || stage_ == Stage::kAudio) {
    stage_ = Stage::kAudioDone;
  }
}

// Whether another piece follows, and if not, how the response ends.
void Response::begin_piece() {
  if (status_ == "cancelled") {
    stage_ = Stage::kAudioDone;
  } else if (piece_ == pieces()) {
    status_ = "completed";
    stage_ = Stage::kAudioDone;
  } else if (out_of_tokens()) {
    status_ = "incomplete";
    status_reason_ = "max_output_tokens";
    stage_ = Stage::kAudioDone;
  } else {
    stage_ = Stage::kText;
  }
}

std::string Response::next() {
  switch (stage_) {
    case Stage::kCreated: {
      std::string event = created();
      stage_ = Stage::kOutputItemAdded;
      return event;
    }
    case Stage::kOutputItemAdded:
      if (status_ != "in_progress") {
        return done();  // Before there was any output.
      }
      item_id_ = service_.ids.next("item_");
      if (calls()) {
        call_id_ = service_.ids.next("call_");
      }
      stage_ = config_.in_conversation ? Stage::kItemAdded : Stage::kPartAdded;
      if (calls() && !config_.in_conversation) {
        begin_piece();  // It has no parts.
      }
      return output_item("response.output_item.added");
    case Stage::kItemAdded:
      stage_ = Stage::kPartAdded;
      if (calls()) {
        begin_piece();  // It has no parts.
      }
      return item_added();
    case Stage::kPartAdded:
      begin_piece();
      return part("response.content_part.added");
    case Stage::kText: {
      std::string event = calls() ? arguments() : text();
      if (spoken()) {
        stage_ = Stage::kAudio;
      } else {
        ++piece_;
        begin_piece();
      }
      return event;
    }
    case Stage::kAudio: {
      std::string event = audio();
      ++piece_;
      begin_piece();
      return event;
    }
    case Stage::kAudioDone:
      item_status_ = status_ == "completed" ? "completed" : "incomplete";
      stage_ = Stage::kTextDone;
      return spoken() ? audio_done() : next();
    case Stage::kTextDone:
      stage_ = !calls() ? Stage::kPartDone : config_.in_conversation ? Stage::kItemDone : Stage::kOutputItemDone;
      return calls() ? arguments_done() : text_done();
    case Stage::kPartDone:
      stage_ = config_.in_conversation ? Stage::kItemDone : Stage::kOutputItemDone;
      return part("response.content_part.done");
    case Stage::kItemDone:
      stage_ = Stage::kOutputItemDone;
      return item_done();
    case Stage::kOutputItemDone:
      stage_ = Stage::kDone;
      return output_item("response.output_item.done");
    case Stage::kDone:
      return done();
    case Stage::kRateLimits:
      stage_ = Stage::kOver;
      return service_.rate_limit.is_set() ? rate_limits() : std::string();
    case Stage::kOver:
      break;
  }
  return {};
}

// The events

EventJson Response::begin(std::string_view type) {
  EventJson json(service_.ids, type);
  json.key("response_id").text(id_);
  return json;
}

EventJson Response::begin_in_part(std::string_view type) {
  EventJson json = begin(type);
  json.key("item_id").text(item_id_).key("output_index").integer(0).key("content_index").integer(0);
  return json;
}

EventJson Response::begin_in_call(std::string_view type) {
  EventJson json = begin(type);
  json.key("item_id").text(item_id_).key("output_index").integer(0).key("call_id").text(call_id_);
  return json;
}

std::string Response::created() {
  EventJson json(service_.ids, "response.created");
  write_response(json.key("response"));
  return json.end_event();
}

std::string Response::output_item(std::string_view type) {
  EventJson json = begin(type);
  json.key("output_index").integer(0);
  write_item(json.key("item"));
  return json.end_event();
}

std::string Response::item_added() {
  EventJson json(service_.ids, "conversation.item.added");
  json.key("previous_item_id").text_or_null(conversation_.last_id());
  json::Writer item;
  write_item(item);
  json.key("item").raw(item.str());
  conversation_.items.push_back({item_id_, item.take(), !calls(), spoken() ? 0 : -1});
  conversation_.items.back().audio_format = config_.format;
  return json.end_event();
}

std::string Response::part(std::string_view type) {
  EventJson json = begin_in_part(type);
  json.key("part").object().key("type").text(config_.text_only ? "text" : "audio");
  json.key(config_.text_only ? "text" : "transcript").text(text_).end_object();
  return json.end_event();
}

std::string Response::text() {
  EventJson json =
      begin_in_part(config_.text_only ? "response.output_text.delta" : "response.output_audio_transcript.delta");
  const std::string_view word = word_of_tone(piece_);
  json.key("delta").text(word).key("obfuscation").text(service_.ids.obfuscation());
  text_ += word;
  ++text_tokens_;
  return json.end_event();
}

std::string Response::arguments() {
  EventJson json = begin_in_call("response.function_call_arguments.delta");
  const std::string& piece = argument_pieces_[static_cast<std::size_t>(piece_)];
  json.key("delta").text(piece).key("obfuscation").text(service_.ids.obfuscation());
  text_ += piece;
  ++text_tokens_;
  return json.end_event();
}

std::string Response::audio() {
  const std::int64_t ms = piece_ms();
  fill_with_tone(service_.audio, config_.format, audio_ms_, ms);
  audio_ms_ += ms;
  conversation_.assistant_audio = true;
  if (const auto item = conversation_.find(item_id_); item != conversation_.items.end()) {
    item->audio_ms = audio_ms_;
  }
  ++service_.ledger.audio_deltas_sent;
  service_.ledger.audio_bytes_sent += service_.audio.size();

  EventJson json = begin_in_part("response.output_audio.delta");
  json.key("delta").base64(std::as_bytes(std::span(service_.audio)));
  return json.end_event();
}

std::string Response::audio_done() { return begin_in_part("response.output_audio.done").end_event(); }

std::string Response::text_done() {
  EventJson json =
      begin_in_part(config_.text_only ? "response.output_text.done" : "response.output_audio_transcript.done");
  json.key(config_.text_only ? "text" : "transcript").text(text_);
  return json.end_event();
}

// From now on the call can have a result, unless it was broken off: then this comes as well, with what there is.
std::string Response::arguments_done() {
  const auto item = conversation_.find(item_id_);
  if (item != conversation_.items.end() && item_status_ == "completed") {
    item->call_id = call_id_;
    conversation_.open_calls.push_back(call_id_);
    ++service_.ledger.tool_calls_sent;
  }
  EventJson json = begin_in_call("response.function_call_arguments.done");
  json.key("name").text(function_->name).key("arguments").text(text_);
  return json.end_event();
}

std::string Response::item_done() {
  json::Writer item;
  write_item(item);
  EventJson json(service_.ids, "conversation.item.done");
  json.key("previous_item_id").null();  // As recorded, whatever the item.added before had.
  json.key("item").raw(item.str());
  if (const auto found = conversation_.find(item_id_); found != conversation_.items.end()) {
    found->json = item.take();
  }
  return json.end_event();
}

std::string Response::done() {
  stage_ = Stage::kRateLimits;
  ++service_.ledger.responses_done;
  if (status_ == "cancelled") {
    ++service_.ledger.responses_cancelled;
  }
  if (status_ == "failed") {
    ++service_.ledger.responses_failed;
    ++service_.ledger.responses_over_limit;  // There is no other cause.
  }
  service_.rate_limit.use(input().all() + output_tokens(), service_.loop.now());
  if (const auto item = conversation_.find(item_id_); item != conversation_.items.end()) {
    item->tokens = {text_tokens_, audio_tokens()};  // Of the input of those after it.
  }
  EventJson json(service_.ids, "response.done");
  write_response(json.key("response"));
  return json.end_event();
}

// At the end of a response and with the tokens alone, as recorded; the documentation has it at the beginning, and an
// entry for the requests as well.
std::string Response::rate_limits() {
  const Instant now = service_.loop.now();
  const RateLimit& limit = service_.rate_limit;
  EventJson json(service_.ids, "rate_limits.updated");
  json.key("rate_limits").array().object().key("name").text("tokens").key("limit").integer(limit.limit());
  json.key("remaining").integer(limit.remaining(now)).key("reset_seconds").number(limit.seconds_until_full(now));
  json.end_object().end_array();
  return json.end_event();
}

void Response::write_item(json::Writer& json) {
  if (calls()) {
    json.object().key("id").text(item_id_).key("type").text("function_call").key("status").text(item_status_);
    json.key("name").text(function_->name).key("call_id").text(call_id_);
    json.key("arguments").text(item_status_ == "in_progress" ? std::string_view() : text_).end_object();
    return;
  }
  json.object().key("id").text(item_id_).key("type").text("message").key("status").text(item_status_);
  json.key("role").text("assistant").key("content").array();
  if (item_status_ != "in_progress") {
    json.object().key("type").text(config_.text_only ? "output_text" : "output_audio");
    json.key(config_.text_only ? "text" : "transcript").text(text_).end_object();
  }
  json.end_array().end_object();
}

void Response::write_response(json::Writer& json) {
  const bool over = !running();
  json.object().key("object").text("realtime.response").key("id").text(id_);
  json.key("status").text(over ? status_ : "in_progress").key("status_details");
  over ? write_status_details(json) : static_cast<void>(json.null());
  json.key("output").array();
  if (over && !item_id_.empty()) {
    write_item(json);
  }
  json.end_array();
  json.key("conversation_id").text_or_null(config_.in_conversation ? conversation_.id : std::string_view());
  write_output(json, config_);
  json.key("usage");
  over ? write_usage(json) : static_cast<void>(json.null());
  json.key("metadata").raw(config_.metadata).end_object();
}

void Response::write_status_details(json::Writer& json) {
  if (status_ == "completed") {
    json.null();
    return;
  }
  json.object().key("type").text(status_);
  if (status_ != "failed") {
    json.key("reason").text(status_reason_).end_object();
    return;
  }
  const RateLimit& limit = service_.rate_limit;
  json.key("error").object().key("type").text("tokens").key("code").text("rate_limit_exceeded");
  json.key("message").text(fmt::format(
      "Rate limit reached on tokens per min (TPM): Limit {}, Used {}. Please try again in {:.3f}s.", limit.limit(),
      limit.limit() - limit.remaining(service_.loop.now()), limit.seconds_until_any(service_.loop.now())));
  json.end_object().end_object();
}

void Response::write_usage(json::Writer& json) const {
  const Tokens from = input();
  json.object().key("total_tokens").integer(from.all() + output_tokens());
  json.key("input_tokens").integer(from.all()).key("output_tokens").integer(output_tokens());
  json.key("input_token_details").object().key("text_tokens").integer(from.text);
  json.key("audio_tokens").integer(from.audio).key("image_tokens").integer(0).key("cached_tokens").integer(0);
  json.key("cached_tokens_details").object();
  for (const std::string_view kind : {"text_tokens", "audio_tokens", "image_tokens"}) {
    json.key(kind).integer(0);
  }
  json.end_object().end_object();
  json.key("output_token_details").object().key("text_tokens").integer(text_tokens_);
  json.key("audio_tokens").integer(audio_tokens()).end_object().end_object();
}

}  // namespace soak::peers::openai
