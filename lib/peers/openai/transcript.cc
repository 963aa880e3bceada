// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/openai/transcript.h"

#include <string_view>

#include "lib/peers/openai/json.h"
#include "lib/peers/tone.h"

namespace soak::peers::openai {
namespace {

EventJson begin(Ids& ids, std::string_view type, std::string_view item_id) {
  EventJson json(ids, type);
  json.key("item_id").text(item_id).key("content_index").integer(0);
  return json;
}

}  // namespace

std::string Transcript::text() const {
  std::string text;
  for (std::int64_t word = 0; word < words(); ++word) {
    text += word_of_tone(word);
  }
  return text;
}

std::vector<std::string> Transcript::events(Ids& ids) const {
  std::vector<std::string> events;
  const std::string all = text();
  const std::int64_t deltas = streams() ? words() : 1;
  for (std::int64_t i = 0; i < deltas; ++i) {
    EventJson json = begin(ids, "conversation.item.input_audio_transcription.delta", item_id);
    json.key("delta").text(streams() ? word_of_tone(i) : std::string_view(all));
    json.key("obfuscation").text(ids.obfuscation());
    events.push_back(json.end_event());
  }
  EventJson json = begin(ids, "conversation.item.input_audio_transcription.completed", item_id);
  json.key("transcript").text(all).key("usage").object();
  if (streams()) {
    const std::int64_t audio_tokens = audio_ms / 100;
    json.key("type").text("tokens").key("total_tokens").integer(audio_tokens + words());
    json.key("input_tokens").integer(audio_tokens).key("output_tokens").integer(words());
    json.key("input_token_details").object().key("text_tokens").integer(0);
    json.key("audio_tokens").integer(audio_tokens).end_object();
  } else {
    json.key("type").text("duration").key("seconds").number(static_cast<double>(audio_ms) / 1000);
  }
  json.end_object();
  events.push_back(json.end_event());
  return events;
}

}  // namespace soak::peers::openai
