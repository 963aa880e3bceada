// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_SESSION_H_
#define PUSHER_SESSION_H_

// One connection of a listen service: a receive loop that sorts what arrives, and four workers that pass it on.
//
// The receive loop ends when the client closes or vanishes, sends what is no frame, or is silent for five minutes. That
// ends the session: the workers have thirty seconds to flush what they have, then they are cancelled, and whatever
// still runs five seconds later is destroyed where it stands. So no upload that hangs can keep the session.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pusher/audio_bytes.h"
#include "pusher/finalisations.h"
#include "pusher/frames.h"
#include "pusher/private_cloud.h"
#include "pusher/session_context.h"
#include "pusher/speaker_samples.h"
#include "pusher/transcripts.h"
#include "soak/net/websocket.h"
#include "soak/task.h"

namespace pusher {

inline constexpr std::uint16_t kClosePolicy = 1008;
inline constexpr std::uint16_t kCloseUnsupported = 1003;
inline constexpr std::uint16_t kCloseFailed = 1011;

// "failure" for 1011 and for a session that crashed, "success" for 1000 and 1001, "cancelled" for the rest.
soak::Label session_outcome(std::uint16_t close_code, bool crashed);

// The connections of the sessions, by the session's number.
using Sockets = std::map<std::uint64_t, std::weak_ptr<soak::net::WebSocket>>;

// The sessions whose connection has ended: those that flush what they have. At rest there are none.
std::vector<std::uint64_t> without_connection(const Sockets& sockets);

class PusherSession {
 public:
  PusherSession(const Service& service, Finalisations& finalisations, std::uint64_t number, std::string uid,
                std::uint32_t sample_rate, std::shared_ptr<soak::net::WebSocket> socket);

  // Runs the session to its end, and closes the socket if it is still open.
  soak::Task<> run();

  // The parts of run().

  // Ends the input of the workers when it is destroyed, even if the task that has it never ran.
  class InputEnd {
   public:
    explicit InputEnd(PusherSession& session) : session_(&session) {}
    InputEnd(InputEnd&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}
    InputEnd& operator=(InputEnd&&) = delete;
    ~InputEnd();

   private:
    PusherSession* session_;
  };
  soak::Task<> receive(InputEnd end);
  soak::Task<> speaker_samples() { return speaker_samples_.run(); }
  soak::Task<> private_cloud() { return private_cloud_.run(); }
  soak::Task<> transcripts() { return transcripts_.run(); }
  soak::Task<> audio_bytes() { return audio_bytes_.run(); }

  std::uint16_t close_code() const { return close_code_; }
  std::size_t held_bytes() const { return context_.budget.bytes(); }

 private:
  void handle(Heartbeat /*frame*/) {}
  void handle(Audio&& audio);
  void handle(Transcript&& transcript);
  void handle(Conversation&& conversation);
  void handle(Finalize&& finalize);
  void handle(SpeakerSample&& sample);
  void end_input();
  soak::Task<> close(std::uint16_t code, std::string reason);

  SessionContext context_;
  Finalisations& finalisations_;
  std::shared_ptr<soak::net::WebSocket> socket_;
  std::string conversation_;
  std::uint16_t close_code_ = soak::net::kCloseAbnormal;
  std::string close_reason_;
  PrivateCloud private_cloud_;
  AudioBytes audio_bytes_;
  Transcripts transcripts_;
  SpeakerSamples speaker_samples_;
};

}  // namespace pusher

#endif  // PUSHER_SESSION_H_
