// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_TURN_H_
#define SOAK_LIB_PEERS_GEMINI_TURN_H_

// One answer of the fake of Gemini Live: the messages up to turnComplete, in the order recorded from the service, and
// when each is due. The sender requests them one by one.

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/peers/gemini/service.h"
#include "lib/peers/gemini/setup.h"
#include "soak/event.h"
#include "soak/event_loop.h"

namespace soak::peers::gemini {

class Turn {
 public:
  // `input_ms` is the length of the audio that it answers.
  Turn(Service& service, const Setup& setup, StoredSession& session, std::int64_t input_ms);

  // When the next message is to go.
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
  std::int64_t input_ms_;
  std::int64_t piece_ = 0;
  std::int64_t output_ms_ = 0;  // Sent so far.
  Stage stage_ = Stage::kNotResumable;
  std::string call_id_;  // Of the call that is under way.
  bool interrupted_ = false;
  Event hurried_;
};

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_TURN_H_
