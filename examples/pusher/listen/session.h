// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LISTEN_SESSION_H_
#define PUSHER_LISTEN_SESSION_H_

// One client: its audio goes to speech to text and to the pusher, what was said comes back.
//
// Eleven tasks:
//   receive                 the client's messages; when it ends, the session ends
//   client_heartbeat        "ping" every 10 s; ends the session after 90 s without audio
//   pusher_heartbeat        every 20 s
//   usage                   every 60 s
//   pending_conversations   finite: those that an earlier session left, until the pusher has confirmed them
//   speaker_identification  finite: ends at once if the user has no known speakers
//   speech_audio            connects to speech to text, and sends it the mix
//   transcripts             what speech to text hears, to the client and into the buffers
//   pusher_audio            flushes the audio every second
//   pusher_transcripts      flushes transcripts, samples and pending conversations; ends conversations
//   photos                  stores them
// The connection to the pusher has a task of its own, see pusher_link.h.
//
// How it ends: the receive task first, and what is left in the mix goes to the buffers at once. Then the workers have
// thirty seconds: speech to text for its last segments, the buffers for their last flush. The pusher is closed after
// the last of them has ended, so that what they still send arrives.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pusher/listen/client_messages.h"
#include "pusher/listen/flows.h"
#include "pusher/listen/mix.h"
#include "pusher/listen/options.h"
#include "pusher/listen/photos.h"
#include "pusher/listen/pusher_link.h"
#include "pusher/stores.h"
#include "soak/circuit_breaker.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/websocket.h"
#include "soak/queue.h"
#include "soak/task.h"

namespace pusher::listen {

inline constexpr std::uint16_t kCloseUnsupported = 1003;
inline constexpr std::uint16_t kClosePolicy = 1008;
inline constexpr std::uint16_t kCloseFailed = 1011;

// What all sessions of the service share.
struct Service {
  soak::EventLoop& loop;
  const ListenOptions& options;
  Flows& flows;
  pusher::Stores& stores;
  soak::CircuitBreaker& pusher_breaker;
};

// What the client asked for in its URL.
struct ClientRequest {
  std::string uid;
  std::string language;
  std::uint32_t sample_rate = 16000;
  std::size_t channels = 1;
  std::chrono::nanoseconds conversation_silence{};
};

class ListenSession {
 public:
  ListenSession(const Service& service, std::uint64_t number, ClientRequest request,
                std::shared_ptr<soak::net::WebSocket> socket);

  // Runs the session to its end, and closes the socket if it is still open.
  soak::Task<> run();

  LinkState link_state() const { return link_.state(); }

 private:
  // Ends the input of the workers when it is destroyed, even if the task that has it never ran.
  class InputEnd;
  // Marks the end of the transcripts in the same way.
  class TranscriptsEnd;

  soak::Task<> receive(InputEnd end);
  soak::Task<> client_heartbeat();
  soak::Task<> pusher_heartbeat();
  soak::Task<> usage();
  soak::Task<> pending_conversations();
  soak::Task<> speaker_identification();
  soak::Task<> speech_audio();
  soak::Task<> transcripts(TranscriptsEnd end);
  soak::Task<> pusher_audio();
  soak::Task<> pusher_transcripts();
  soak::Task<> photos();

  void handle_audio(std::string_view message);
  void handle_text(std::string_view message);
  void hand_on(std::string block);
  void end_input();
  soak::Task<bool> connect_speech();
  soak::Task<> lose_speech();
  void check_conversation();
  // Whether the client took it; otherwise the session ends.
  soak::Task<bool> tell_client(std::string text);
  soak::Task<std::string> post(const char* what, std::string body);
  // The first reason counts. A task that returns after it ends the session.
  void finish(std::uint16_t code, const char* reason);
  std::string new_id();

  struct SpeechBlock {
    Parcel parcel;
    std::string pcm;
  };
  struct SpeakerItem {
    Parcel parcel;
    std::string conversation;
    SpeechSegment segment;
  };

  Service service_;
  const Limits& limits_;
  std::uint64_t number_;
  ClientRequest request_;
  std::shared_ptr<soak::net::WebSocket> socket_;
  std::uint16_t close_code_ = 0;
  std::string close_reason_;
  std::uint64_t key_prefix_;
  std::uint64_t keys_ = 0;

  soak::Instant last_audio_;
  std::uint64_t audio_bytes_ = 0;  // Handed on, so that it is also where the recording is.
  std::uint64_t usage_bytes_ = 0;  // Received, and not reported yet.
  std::string conversation_;
  soak::Instant last_segment_;
  bool conversation_has_segments_ = false;

  Mix mix_;
  std::string ring_;  // The latest audio, unless it is known that the user has no known speakers.
  bool may_know_speakers_ = true;
  Photos photos_;
  soak::Queue<SpeechBlock> speech_queue_;
  soak::Queue<SpeakerItem> speaker_queue_;
  std::unique_ptr<soak::net::WebSocket> speech_;
  soak::Event input_ended_;
  soak::Event speech_settled_;  // Connected, or not going to be.
  soak::Event transcripts_ended_;
  PusherLink link_;
};

}  // namespace pusher::listen

#endif  // PUSHER_LISTEN_SESSION_H_
