// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_RESPONSE_H_
#define SOAK_LIB_PEERS_OPENAI_RESPONSE_H_

// One response: the events from response.created to response.done and rate_limits.updated, in the order recorded from
// the service, and when each is due. The sender requests them one by one. Its one item is an answer, or the
// call of a function.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/peers/openai/config.h"
#include "lib/peers/openai/service.h"
#include "soak/event.h"
#include "soak/event_loop.h"

namespace soak::peers::openai {

class Response {
 public:
  // It calls `function`, or without one it answers. `input` is what it is made from.
  Response(Service& service, Conversation& conversation, ResponseConfig config, std::optional<Function> function,
           Tokens input);

  const std::string& id() const { return id_; }
  bool in_conversation() const { return config_.in_conversation; }
  std::int64_t audio_ms() const { return audio_ms_; }  // Sent so far.
  // Until next() has given response.done.
  bool running() const { return stage_ <= Stage::kDone; }

  // When the next event is to go.
  Instant due() const;
  // The next event; empty after the last one.
  std::string next();

  // Ends the output where it is: what next() gives from now on closes the response as cancelled. `reason` is a literal.
  void cancel(std::string_view reason);
  // Set by cancel(), for who waits until the next event is due.
  Event& cancelled() { return cancelled_; }

 private:
  enum class Stage : std::uint8_t {
    kCreated,
    kOutputItemAdded,
    kItemAdded,
    kPartAdded,
    kText,  // Text and audio alternate until all pieces are out. A call has arguments instead, and nothing is heard.
    kAudio,
    kAudioDone,
    kTextDone,
    kPartDone,
    kItemDone,
    kOutputItemDone,
    kDone,
    kRateLimits,
    kOver,
  };

  bool calls() const { return function_.has_value(); }
  bool spoken() const { return !calls() && !config_.text_only; }
  std::int64_t pieces() const;
  std::int64_t piece_ms() const;  // Of the piece that is next.
  std::int64_t output_tokens() const { return text_tokens_ + audio_tokens(); }
  std::int64_t audio_tokens() const { return (audio_ms_ + 49) / 50; }
  bool out_of_tokens() const;
  void begin_piece();

  std::string created();
  std::string output_item(std::string_view type);
  std::string item_added();
  std::string part(std::string_view type);
  std::string text();
  std::string arguments();
  std::string audio();
  std::string audio_done();
  std::string text_done();
  std::string arguments_done();
  std::string item_done();
  std::string done();
  std::string rate_limits();

  EventJson begin(std::string_view type);          // With response_id.
  EventJson begin_in_part(std::string_view type);  // With the ids and indices of the content part.
  EventJson begin_in_call(std::string_view type);  // The same of the call.
  void write_response(json::Writer& json);
  void write_item(json::Writer& json);
  void write_status_details(json::Writer& json);
  void write_usage(json::Writer& json) const;
  // A response that failed has used nothing.
  Tokens input() const { return status_ == "failed" ? Tokens() : input_; }

  Service& service_;
  Conversation& conversation_;
  ResponseConfig config_;
  const std::optional<Function> function_;
  std::vector<std::string> argument_pieces_;  // Of a call.
  Instant began_;
  std::string id_;
  std::string item_id_;  // Empty until the item is there.
  std::string call_id_;  // The same.
  std::string text_;     // Or the arguments.
  std::string_view status_ = "in_progress";
  std::string_view status_reason_;
  std::string_view item_status_ = "in_progress";
  Tokens input_;
  std::int64_t piece_ = 0;
  std::int64_t audio_ms_ = 0;
  std::int64_t text_tokens_ = 0;
  Stage stage_ = Stage::kCreated;
  Event cancelled_;
};

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_RESPONSE_H_
