// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_SERVICE_H_
#define SOAK_LIB_PEERS_OPENAI_SERVICE_H_

// The state that all sessions of one OpenAI Realtime fake share, and the conversation of a session.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/peers/ids.h"
#include "lib/peers/json_parser.h"
#include "lib/peers/notices.h"
#include "lib/peers/openai/audio_store.h"
#include "lib/peers/openai/client_secrets.h"
#include "lib/peers/openai/rate_limit.h"
#include "lib/peers/tone.h"
#include "soak/event_loop.h"
#include "soak/peers/openai_realtime_peer.h"

namespace soak::peers::openai {

struct Service {
  Service(EventLoop& own_loop, OpenAiRealtimePeerOptions own_options)
      : loop(own_loop),
        options(std::move(own_options)),
        rate_limit(options.tokens_per_minute),
        audio_store(options.stored_audio_bytes_max),
        notices(loop, "openai_realtime_peer", ledger.not_played, ledger.unknown),
        ids(options.seed ? *options.seed : static_cast<std::uint64_t>(loop.random()())) {}

  EventLoop& loop;
  OpenAiRealtimePeerOptions options;
  OpenAiRealtimeLedger ledger;
  RateLimit rate_limit;
  AudioStore audio_store;
  ClientSecrets client_secrets;
  Notices notices;
  Ids ids;
  JsonParser parser;  // Scratch, like `audio`: a session must be done with both before its next co_await.
  std::string audio;
};

struct Item {
  std::string id;
  std::string json;  // As conversation.item.done gave it.
  bool assistant = false;
  std::int64_t audio_ms = -1;  // How much of the assistant's audio was sent; -1 if the item has no audio.
  // For a function call with complete arguments: its id. For a result: the id of its call. Otherwise empty.
  std::string call_id = {};
  bool is_result = false;
  Tokens tokens = {};
  AudioFormat audio_format = AudioFormat::kPcm;  // Of its audio: an assistant's, which can be made again, or what was
  StoredAudio audio = {};                        // heard, as far as it is kept.
};

struct Conversation {
  using Items = std::vector<Item>;

  // Searches from the back, because most items that are looked for are recent.
  Items::iterator find(std::string_view item_id) {
    const auto found = std::find_if(items.rbegin(), items.rend(), [&](const Item& item) { return item.id == item_id; });
    return found == items.rend() ? items.end() : found.base() - 1;
  }
  std::string_view last_id() const { return items.empty() ? std::string_view() : items.back().id; }
  bool has_call(std::string_view call_id) const {
    return std::any_of(items.rbegin(), items.rend(),
                       [&](const Item& item) { return !item.is_result && item.call_id == call_id; });
  }
  bool ends_in_a_result() const { return !items.empty() && items.back().is_result; }

  std::string id;
  Items items;
  bool assistant_audio = false;         // Whether any assistant audio was sent.
  std::vector<std::string> open_calls;  // The call_id of each function call that has no result yet.
};

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_SERVICE_H_
