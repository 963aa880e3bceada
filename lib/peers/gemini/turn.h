// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_TURN_H_
#define SOAK_LIB_PEERS_GEMINI_TURN_H_

// One answer of the fake of Gemini Live: the messages up to turnComplete, in the order recorded from the service, and
// when each is due. The sender requests them one by one.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/peers/gemini/service.h"
#include "lib/peers/gemini/setup.h"
#include "soak/event.h"
#include "soak/event_loop.h"

namespace soak::peers::gemini {

// What a turn answers.
struct TurnInput {
  std::int64_t audio_ms = 0;
  std::int64_t text_bytes = 0;
  bool is_result = false;  // Of a function that nobody waited for: no other one is called.
};

class Turn {
 public:
  // `running` are the ids of the calls whose results nobody waits for: this adds its own.
  Turn(Service& service, const Setup& setup, StoredSession& session, TurnInput input,
       std::vector<std::string>& running);

  // When the next message is to go; far away while it waits for a result.
  Instant due() const;
  // The next message; empty after the last one.
  std::string next();

  // Ends the output where it is: what next() gives from now on is `interrupted`, and then turnComplete.
  void interrupt();
  // The result of the call with this id is there; false where it waits for none such.
  bool take_result(std::string_view call_id);
  // Set when due() has changed, for who waits until then.
  Event& hurried() { return hurried_; }

 private:
  enum class Stage : std::uint8_t {
    kNotResumable,
    kToolCall,
    kToolResult,     // It is waited for.
    kToolCallEnded,  // It was interrupted.
    kInputTranscript,
    kOutputTranscript,  // It and the piece alternate until all pieces are out.
    kPiece,
    kGenerationComplete,
    kInterrupted,
    kTurnComplete,
    kOver,
  };

  std::int64_t piece_ms() const;  // Of the piece that is next.
  void begin_piece();
  std::string transcript(std::string_view which, std::string_view text) const;
  std::string piece();
  std::string tool_call();
  std::string cancel_call();
  std::string turn_complete();

  Service& service_;
  const Setup& setup_;
  StoredSession& session_;
  Instant began_;
  TurnInput input_;
  std::vector<std::string>& running_;
  std::int64_t piece_ = 0;
  std::int64_t output_ms_ = 0;  // Sent so far.
  Stage stage_ = Stage::kNotResumable;
  std::string call_id_;  // Of the call that is under way.
  bool interrupted_ = false;
  Event hurried_;
};

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_TURN_H_
