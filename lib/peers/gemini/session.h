// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_SESSION_H_
#define SOAK_LIB_PEERS_GEMINI_SESSION_H_

// One connection's part of a session: what each client message does to it, and what is answered. It sends nothing
// itself, so it never waits.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/peers/gemini/service.h"
#include "lib/peers/gemini/setup.h"
#include "lib/peers/gemini/turn.h"
#include "lib/peers/json_field.h"
#include "lib/peers/voice_detector.h"
#include "soak/event.h"
#include "soak/net/websocket.h"

namespace soak::peers::gemini {

// How the peer ends a connection. The reason may be longer than a close frame takes.
struct Ending {
  std::uint16_t code;
  std::string reason;
};

// What one client message brings about.
struct Reply {
  void clear() {
    messages.clear();
    ending.reset();
  }

  std::vector<std::string> messages;
  std::optional<Ending> ending;  // After them.
};

class Session {
 public:
  // With `bad_key` the setup is answered by the refusal of the key. `token` is the ephemeral token in its place, or
  // empty.
  Session(Service& service, const net::WebSocket& connection, bool bad_key, std::string token)
      : service_(service), connection_(connection), bad_key_(bad_key), token_(std::move(token)) {}
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void handle(net::Message message, Reply& reply);

  // Set once the setup is complete.
  Event& opened() { return opened_; }
  bool is_open() const { return stored_ != nullptr; }

  // Some time after that: the first handle, unless an answer is under way, which brings one itself. Empty if none is
  // due.
  std::string first_handle();

  // When the session ends, on whatever connection; far away if it does not.
  Instant expires() const;
  // It is over for good.
  void expire() { service_.sessions.forget(*stored_); }

  // Set when there is an answer to play.
  Event& turn_due() { return turn_due_; }
  // The answer to play now; null if there is none. It stays until turn_over().
  Turn* turn();
  // Its last message is out. Returns the message that follows; empty if none does.
  std::string turn_over();

 private:
  void dispatch(const Field& message);
  std::string refusal_text(const Refusal& refusal);
  void set_up(const Field& setup);
  Setup read_own_setup(const Field& setup);
  void take_running_result(const Field& result);
  void resume();
  [[noreturn]] void refuse_resumption(std::uint16_t code, std::string_view reason);
  void take_realtime_input(const Field& input);
  void take_audio(const Field& blob);
  void detect_activity(int rate_hz);
  void end_stream();
  void take_video(const Field& blob);
  void take_content(const Field& content);
  void take_tool_response(const Field& response);
  [[noreturn]] static void refuse_result();
  void interrupt();
  void answer();
  Instant end_of(const StoredSession& session) const { return session.began + service_.options.session_max; }
  std::string resumption_update();

  Service& service_;
  const net::WebSocket& connection_;
  bool bad_key_;
  std::string token_;
  Reply* reply_ = nullptr;  // While handle() runs.
  std::string_view name_;   // The same: what the ledger counts the message under.
  Setup setup_;
  std::shared_ptr<StoredSession> stored_;  // Null until the setup is complete.
  std::uint64_t messages_ = 0;             // Received on this connection.
  bool in_activity_ = false;               // By the client's word.
  VoiceDetector detector_;
  bool turn_detected_ = false;              // In the audio since the last audioStreamEnd.
  double unanswered_ms_ = 0;                // Audio since the last answer.
  std::size_t unanswered_text_ = 0;         // Bytes of text since then.
  std::uint64_t answers_due_ = 0;           // After the one that is played.
  bool result_due_ = false;                 // The next one is to the result of a function that nobody waited for.
  bool seeding_ = false;                    // What comes in clientContent was said before.
  std::vector<std::string> running_calls_;  // Of such functions, by their ids.
  std::unique_ptr<Turn> turn_;
  Event opened_;
  Event turn_due_;
};

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_SESSION_H_
