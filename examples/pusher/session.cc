// SPDX-License-Identifier: Apache-2.0
#include "pusher/session.h"

#include <fmt/format.h>

#include <utility>
#include <variant>

#include "soak/error.h"
#include "soak/log.h"
#include "soak/metrics/metrics.h"
#include "soak/session.h"
#include "soak/timeout.h"

namespace pusher {

soak::Label session_outcome(std::uint16_t close_code, bool crashed) {
  if (crashed || close_code == kCloseFailed) {
    return "failure";
  }
  return close_code == soak::net::kCloseNormal || close_code == soak::net::kCloseGoingAway ? soak::Label("success")
                                                                                           : soak::Label("cancelled");
}

std::vector<std::uint64_t> without_connection(const Sockets& sockets) {
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, weak] : sockets) {
    const std::shared_ptr<soak::net::WebSocket> socket = weak.lock();
    if (socket == nullptr || !socket->is_open()) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

PusherSession::InputEnd::~InputEnd() {
  if (session_ != nullptr) {
    session_->end_input();
  }
}

PusherSession::PusherSession(const Service& service, Finalisations& finalisations, std::uint64_t number,
                             std::string uid, std::uint32_t sample_rate, std::shared_ptr<soak::net::WebSocket> socket)
    : context_(service, number, std::move(uid), sample_rate),
      finalisations_(finalisations),
      socket_(std::move(socket)),
      private_cloud_(context_),
      audio_bytes_(context_),
      transcripts_(context_),
      speaker_samples_(context_) {}

soak::Task<> PusherSession::run() {
  const Limits& limits = context_.service.options.limits;
  soak::SupervisorExit exit;
  {
    soak::Session session(context_.service.loop,
                          {.label = "pusher", .timeout = limits.drain_timeout, .grace = limits.drain_grace});
    session.start({"receive", context_.number}, receive(InputEnd(*this)), soak::TaskKind::kReceive);
    session.start({"speaker_samples", context_.number}, speaker_samples());
    session.start({"private_cloud", context_.number}, private_cloud());
    session.start({"transcripts", context_.number}, transcripts());
    session.start({"audio_bytes", context_.number}, audio_bytes());
    soak::Task<soak::SessionResult> running = session.run();
    soak::SessionResult result = co_await std::move(running);
    exit = std::move(result.exit);
  }
  const bool crashed = exit.error != nullptr;
  if (crashed || exit.reason != soak::ExitReason::kDisconnect) {
    close_code_ = kCloseFailed;
    close_reason_ = "internal error";
  }
  soak::metrics::counter("pusher_sessions_total", "Sessions that have ended, by outcome",
                         {{"outcome", session_outcome(close_code_, crashed)}})
      .increment();
  if (soak::log_wanted(soak::LogLevel::kInfo)) {
    const std::string text = fmt::format("session {} of {} ended with {} {}: {} {}", context_.number, context_.uid,
                                         close_code_, close_reason_, soak::to_string(exit.reason), exit.what);
    soak::log({soak::LogLevel::kInfo, context_.service.loop.now(), "session", "pusher", text});
  }
  if (socket_->is_open()) {
    co_await close(close_code_, close_reason_);
  }
}

soak::Task<> PusherSession::close(std::uint16_t code, std::string reason) {
  soak::Task<> closing = socket_->close(code, std::move(reason));
  co_await std::move(closing);
}

soak::Task<> PusherSession::receive(InputEnd /*end*/) {
  const std::chrono::nanoseconds timeout = context_.service.options.limits.receive_timeout;
  try {
    try {
      soak::Task<> hello = socket_->send_binary(encode(AudioTimelineAck{}));
      co_await soak::with_timeout(timeout, std::move(hello), {.name = {"message", context_.number}});
    } catch (const soak::net::ConnectionClosed&) {
      // A client that has left already may have sent before: that is read below.
    }
    for (;;) {
      soak::Task<soak::net::Message> next = socket_->receive();
      const soak::net::Message message =
          co_await soak::with_timeout(timeout, std::move(next), {.name = {"message", context_.number}});
      if (message.is_text()) {
        throw FrameError("a text message, expected binary ones");
      }
      ListenFrame frame = decode_listen_frame(message.data);
      std::visit([this](auto& of) { handle(std::move(of)); }, frame);
    }
  } catch (const FrameError& error) {
    close_code_ = kCloseUnsupported;
    close_reason_ = error.what();
  } catch (const soak::net::ConnectionClosed& closed) {
    close_code_ = closed.status().code;
    close_reason_ = closed.status().reason;
  } catch (const soak::Error& error) {
    if (error.code() != soak::Errc::kTimeout) {
      throw;
    }
    close_code_ = kCloseFailed;
    close_reason_ = "no message for too long";
  }
}

void PusherSession::end_input() {
  private_cloud_.end_input();
  audio_bytes_.end_input();
  transcripts_.end_input();
  speaker_samples_.end_input();
  context_.input_ended.set();
}

void PusherSession::handle(Audio&& audio) {
  if (context_.service.options.user.private_cloud) {
    private_cloud_.add(audio.pcm);
  }
  audio_bytes_.add(audio.pcm);
}

void PusherSession::handle(Transcript&& transcript) { transcripts_.add(std::move(transcript), conversation_); }

void PusherSession::handle(Conversation&& conversation) {
  conversation_ = conversation.id;
  private_cloud_.set_conversation(std::move(conversation.id));
}

void PusherSession::handle(Finalize&& finalize) { finalisations_.request(finalize, socket_); }

void PusherSession::handle(SpeakerSample&& sample) { speaker_samples_.add(std::move(sample)); }

}  // namespace pusher
