// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_SESSION_H_
#define SOAK_LIB_PEERS_OPENAI_SESSION_H_

// One session: what each client event does to it, and what is answered. It sends nothing itself, so it never waits.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/peers/openai/config.h"
#include "lib/peers/openai/json.h"
#include "lib/peers/openai/response.h"
#include "lib/peers/openai/service.h"
#include "lib/peers/openai/transcript.h"
#include "lib/peers/voice_detector.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"

namespace soak::peers::openai {

// What one client event brings about: events to send, and then responses to play and transcripts to make.
struct Reply {
  void clear() {
    events.clear();
    responses.clear();
    transcripts.clear();
  }

  std::vector<std::string> events;
  std::vector<Response*> responses;  // Past response.created. They belong to the session until ended().
  std::vector<Transcript> transcripts;
};

class Session {
 public:
  // A sideband, attached by ?call_id= to a call that is under way, hears session.updated first.
  Session(Service& service, SessionConfig config, bool sideband);

  std::string opening();
  Instant expires() const { return expires_; }
  void handle(net::Message message, Reply& reply);

  // When the user has been silent for too long (idle_timeout_ms); far away if nobody waits for him. Changes are made
  // known by idle_changed().
  Instant idle_until() const;
  Event& idle_changed() { return idle_changed_; }
  // He has: his silence is committed, and answered.
  void time_out(Reply& reply);

  // `response` has given its last event, or nobody takes them any more.
  void ended(const Response& response);

  // `transcript` is made: the events that say so.
  std::vector<std::string> transcribed(const Transcript& transcript);

 private:
  struct ClientEvent;
  const ClientEvent& find_event(std::string_view type);

  void append_audio(const Field& event);
  void commit_audio(const Field& event);
  void clear_audio(const Field& event);
  void update(const Field& event);
  void create_item(const Field& event);
  void take_result(std::string_view call_id);
  void take_content(const Field& source, Item& item);
  void truncate_item(const Field& event);
  void delete_item(const Field& event);
  void retrieve_item(const Field& event);
  void create_response(const Field& event);
  void cancel_response(const Field& event);
  void clear_output(const Field& event);

  void detect_turns();
  void begin_speech(std::int64_t start_ms);
  void end_speech(std::int64_t end_ms);
  void commit(std::string item_id);
  void respond(ResponseConfig config);
  Tokens input_of(const ResponseConfig& config) const;
  void list_tools(const std::vector<McpServer>& known_before);
  std::string item_with_audio(const Item& item) const;

  Conversation::Items::iterator find_item(const Field& event, std::string_view verb, std::string_view doing);
  Response* running_response();
  void emit_item(std::string_view type, std::string_view previous_id, const Item& item);

  Service& service_;
  SessionConfig config_;
  Instant expires_;
  bool sideband_;
  Conversation conversation_;
  std::vector<std::unique_ptr<Response>> responses_;
  std::int64_t buffered_ticks_ = 0;   // Audio appended since the last commit or clear.
  AudioStore::Recording recording_;   // The same, to be given back.
  std::int64_t heard_ticks_ = 0;      // All audio that was ever appended.
  std::optional<Instant> idle_from_;  // When the last response was played to its end; nothing while the user speaks.
  std::int64_t idle_from_ms_ = 0;     // What had been heard by then.
  Event idle_changed_;
  VoiceDetector detector_;
  std::string speech_item_id_;  // What is being said will be; empty while nothing is.
  Reply* reply_ = nullptr;      // While handle() runs.
};

// An `error` event. `client_event_id` names the client event that it answers; empty: none.
std::string error_event(Service& service, const Refusal& refusal, std::string_view client_event_id);

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_SESSION_H_
