// SPDX-License-Identifier: Apache-2.0
#include "pusher/listen/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>
#include <vector>

#include "soak/error.h"
#include "soak/log.h"
#include "soak/metrics/metrics.h"
#include "soak/net/websocket_client.h"
#include "soak/session.h"
#include "soak/timeout.h"

namespace pusher::listen {
namespace {

std::string pusher_url(const Service& service, const ClientRequest& request) {
  return fmt::format("{}/v1/trigger/listen?uid={}&sample_rate={}&client_kind=listen", service.options.pusher_url,
                     pusher::Stores::path_part(request.uid), request.sample_rate);
}

soak::Label outcome_of(std::uint16_t code) {
  if (code == kCloseFailed) {
    return "failure";
  }
  return code == soak::net::kCloseNormal || code == soak::net::kCloseGoingAway ? soak::Label("success")
                                                                               : soak::Label("cancelled");
}

}  // namespace

class ListenSession::InputEnd {
 public:
  explicit InputEnd(ListenSession& session) : session_(&session) {}
  InputEnd(InputEnd&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}
  InputEnd& operator=(InputEnd&&) = delete;
  ~InputEnd() {
    if (session_ != nullptr) {
      session_->end_input();
    }
  }

 private:
  ListenSession* session_;
};

class ListenSession::TranscriptsEnd {
 public:
  explicit TranscriptsEnd(ListenSession& session) : session_(&session) {}
  TranscriptsEnd(TranscriptsEnd&& other) noexcept : session_(std::exchange(other.session_, nullptr)) {}
  TranscriptsEnd& operator=(TranscriptsEnd&&) = delete;
  ~TranscriptsEnd() {
    if (session_ != nullptr) {
      session_->speaker_queue_.close();
      session_->transcripts_ended_.set();
    }
  }

 private:
  ListenSession* session_;
};

ListenSession::ListenSession(const Service& service, std::uint64_t number, ClientRequest request,
                             std::shared_ptr<soak::net::WebSocket> socket)
    : service_(service),
      limits_(service.options.limits),
      number_(number),
      request_(std::move(request)),
      socket_(std::move(socket)),
      key_prefix_(service.loop.random()()),
      last_audio_(service.loop.now()),
      conversation_(new_id()),
      last_segment_(service.loop.now()),
      mix_(request_.channels, pusher::audio_bytes(limits_.mix_block, request_.sample_rate),
           pusher::audio_bytes(std::chrono::seconds{1}, request_.sample_rate)),
      photos_(service.flows, limits_),
      speech_queue_(
          {.capacity = limits_.speech_queue, .when_full = soak::WhenFull::kDropOldest, .label = "listen_speech"}),
      speaker_queue_(
          {.capacity = limits_.speaker_queue, .when_full = soak::WhenFull::kDropOldest, .label = "listen_speakers"}),
      link_(service.loop, limits_.link, service.flows, service.pusher_breaker, pusher_url(service, request_), number) {}

soak::Task<> ListenSession::run() {
  soak::SupervisorExit exit;
  link_.start();
  {
    soak::Session session(service_.loop,
                          {.label = "listen", .timeout = limits_.drain_timeout, .grace = limits_.drain_grace});
    session.start({"receive", number_}, receive(InputEnd(*this)), soak::TaskKind::kReceive);
    session.start({"client_heartbeat", number_}, client_heartbeat());
    session.start({"pusher_heartbeat", number_}, pusher_heartbeat());
    session.start({"usage", number_}, usage());
    session.start({"pending_conversations", number_}, pending_conversations(), soak::TaskKind::kFinite);
    session.start({"speaker_identification", number_}, speaker_identification(), soak::TaskKind::kFinite);
    session.start({"speech_audio", number_}, speech_audio());
    session.start({"transcripts", number_}, transcripts(TranscriptsEnd(*this)));
    session.start({"pusher_audio", number_}, pusher_audio());
    session.start({"pusher_transcripts", number_}, pusher_transcripts());
    session.start({"photos", number_}, photos());
    soak::Task<soak::SessionResult> running = session.run();
    soak::SessionResult result = co_await std::move(running);
    exit = std::move(result.exit);
  }
  soak::Task<> closing_pusher = link_.close();
  co_await std::move(closing_pusher);
  if (exit.error != nullptr || close_code_ == 0) {
    close_code_ = kCloseFailed;
    close_reason_ = "internal error";
  }
  soak::metrics::counter("listen_sessions_total", "Sessions that have ended, by outcome",
                         {{"outcome", outcome_of(close_code_)}})
      .increment();
  if (soak::log_wanted(soak::LogLevel::kInfo)) {
    const std::string text = fmt::format("session {} of {} ended with {} {}: {} {}", number_, request_.uid, close_code_,
                                         close_reason_, soak::to_string(exit.reason), exit.what);
    soak::log({soak::LogLevel::kInfo, service_.loop.now(), "session", "listen", text});
  }
  if (socket_->is_open()) {
    soak::Task<> closing = socket_->close(close_code_, close_reason_);
    co_await std::move(closing);
  }
}

void ListenSession::finish(std::uint16_t code, const char* reason) {
  if (close_code_ == 0) {
    close_code_ = code;
    close_reason_ = reason;
  }
}

std::string ListenSession::new_id() { return fmt::format("{:016x}", service_.loop.random()()); }

soak::Task<bool> ListenSession::tell_client(std::string text) {
  // Far from the socket's watermark a send does not wait.
  constexpr std::size_t kNoWait = std::size_t{64} << 10;
  const bool waits = socket_->buffered_bytes() + text.size() > kNoWait;
  soak::Task<> sending = socket_->send_text(std::move(text));
  try {
    if (waits) {
      co_await soak::with_timeout(limits_.client_send_timeout, std::move(sending), {.name = {"to_client", number_}});
    } else {
      co_await std::move(sending);
    }
    co_return true;
  } catch (const soak::net::ConnectionClosed&) {
    // The receive task sees it too, and knows the code.
  } catch (const soak::Error&) {
    finish(kClosePolicy, "the client does not read");
  }
  co_return false;
}

soak::Task<std::string> ListenSession::post(const char* what, std::string body) {
  pusher::Delivery delivery(fmt::format("/v1/{}/{}", what, pusher::Stores::path_part(request_.uid)),
                            fmt::format("{:016x}-{}", key_prefix_, ++keys_), std::move(body));
  return service_.stores.post(std::move(delivery));
}

soak::Task<> ListenSession::receive(InputEnd /*end*/) {
  try {
    for (;;) {
      soak::Task<soak::net::Message> next = socket_->receive();
      const soak::net::Message message =
          co_await soak::with_timeout(limits_.receive_timeout, std::move(next), {.name = {"message", number_}});
      if (message.is_text()) {
        handle_text(message.data);
      } else {
        handle_audio(message.data);
      }
    }
  } catch (const pusher::FrameError& error) {
    finish(kCloseUnsupported, error.what());
  } catch (const soak::net::ConnectionClosed& closed) {
    finish(closed.status().code, "");
  } catch (const soak::Error& error) {
    if (error.code() != soak::Errc::kTimeout) {
      throw;
    }
    finish(kCloseFailed, "no message for too long");
  }
}

void ListenSession::handle_audio(std::string_view message) {
  std::size_t channel = 0;
  if (request_.channels > 1) {
    if (message.empty() || static_cast<unsigned char>(message[0]) >= request_.channels) {
      throw pusher::FrameError(fmt::format("audio: expected a channel from 0 to {}", request_.channels - 1));
    }
    channel = static_cast<unsigned char>(message[0]);
    message.remove_prefix(1);
  }
  if (message.size() % 2 != 0) {
    throw pusher::FrameError(fmt::format("audio: {} bytes of PCM, expected samples of 2 bytes", message.size()));
  }
  if (message.empty()) {
    return;
  }
  last_audio_ = service_.loop.now();
  usage_bytes_ += message.size();
  mix_.add(channel, message);
  while (std::optional<std::string> block = mix_.take_block()) {
    hand_on(std::move(*block));
  }
}

void ListenSession::handle_text(std::string_view message) {
  if (message == "pong") {
    return;
  }
  ClientMessage decoded = decode_client_message(message);
  if (auto* chunk = std::get_if<ImageChunk>(&decoded)) {
    photos_.add(std::move(*chunk), service_.loop.now());
  } else {
    SpeakerAssigned& assigned = std::get<SpeakerAssigned>(decoded);
    pusher::SpeakerSample sample;
    sample.person_id = std::move(assigned.person_id);
    sample.conversation_id = conversation_;
    sample.segment_ids = std::move(assigned.segment_ids);
    link_.add_sample(std::move(sample));
  }
}

void ListenSession::hand_on(std::string block) {
  PusherLink::StartTime start;
  start.recording = static_cast<double>(audio_bytes_) / 2.0 / request_.sample_rate;
  start.wall = std::chrono::duration<double>(service_.loop.wall_now().time_since_epoch()).count();
  audio_bytes_ += block.size();
  if (may_know_speakers_) {
    ring_ += block;
    const std::size_t most = pusher::audio_bytes(limits_.speaker_ring, request_.sample_rate);
    if (ring_.size() > most) {
      ring_.erase(0, ring_.size() - most);
    }
  }
  SpeechBlock for_speech{Parcel(service_.flows, Flow::kSpeechAudio, block.size()), block};
  [[maybe_unused]] const bool taken = speech_queue_.try_push(std::move(for_speech));
  link_.add_audio(conversation_, start, std::move(block), request_.sample_rate);
}

void ListenSession::end_input() {
  if (std::string rest = mix_.take_rest(); !rest.empty()) {
    hand_on(std::move(rest));
  }
  speech_queue_.close();
  input_ended_.set();
}

soak::Task<> ListenSession::client_heartbeat() {
  for (;;) {
    const bool ended = co_await input_ended_.wait_for(limits_.heartbeat);
    if (ended) {
      co_return;
    }
    if (service_.loop.now() - last_audio_ >= limits_.audio_silence) {
      finish(soak::net::kCloseGoingAway, "no audio for too long");
      co_return;
    }
    soak::Task<bool> telling = tell_client("ping");
    const bool told = co_await std::move(telling);
    if (!told) {
      co_return;
    }
  }
}

soak::Task<> ListenSession::pusher_heartbeat() {
  for (;;) {
    const bool ended = co_await input_ended_.wait_for(limits_.link.heartbeat);
    if (ended) {
      co_return;
    }
    soak::Task<> beating = link_.heartbeat();
    co_await std::move(beating);
  }
}

// A report that fails is part of the next one.
soak::Task<> ListenSession::usage() {
  for (;;) {
    const bool ended = co_await input_ended_.wait_for(limits_.usage_interval);
    if (const std::uint64_t bytes = std::exchange(usage_bytes_, 0); bytes > 0) {
      try {
        soak::Task<std::string> posting =
            post("usage", fmt::format("{:.3f}", static_cast<double>(bytes) / 2.0 / request_.sample_rate));
        const std::string answer = co_await std::move(posting);
      } catch (const pusher::StoreError&) {
        usage_bytes_ += bytes;
      }
    }
    if (ended) {
      co_return;
    }
  }
}

soak::Task<> ListenSession::pending_conversations() {
  std::vector<std::string> ids;
  try {
    soak::Task<std::string> posting = post("pending-conversations", "");
    const std::string answer = co_await std::move(posting);
    ids = decode_ids(answer);
  } catch (const soak::Error&) {
    co_return;  // The next session asks again.
  }
  for (const std::string& id : ids) {
    link_.finalize(id, request_.language);
  }
  for (;;) {
    std::erase_if(ids, [this](const std::string& id) { return !link_.is_pending(id); });
    if (ids.empty()) {
      co_return;
    }
    const bool ended = co_await input_ended_.wait_for(limits_.pending_check);
    if (ended) {
      co_return;
    }
  }
}

soak::Task<> ListenSession::speaker_identification() {
  try {
    soak::Task<std::string> posting = post("people", "");
    const std::string answer = co_await std::move(posting);
    may_know_speakers_ = !decode_ids(answer).empty();
  } catch (const soak::Error&) {
    may_know_speakers_ = false;
  }
  if (!may_know_speakers_) {  // Nobody is identified.
    ring_ = {};
    while (std::optional<SpeakerItem> item = speaker_queue_.try_pop()) {
      item->parcel.sent();
    }
    co_return;
  }
  while (std::optional<SpeakerItem> item = co_await speaker_queue_.pop()) {
    const double now = static_cast<double>(audio_bytes_) / 2.0 / request_.sample_rate;
    const double ring_from = now - static_cast<double>(ring_.size()) / 2.0 / request_.sample_rate;
    if (item->segment.start < ring_from || item->segment.end > now || item->segment.end <= item->segment.start) {
      continue;  // Its audio is gone.
    }
    const auto at = [&](double seconds) {
      return std::min(ring_.size(), static_cast<std::size_t>((seconds - ring_from) * request_.sample_rate) * 2);
    };
    std::string pcm = ring_.substr(at(item->segment.start), at(item->segment.end) - at(item->segment.start));
    try {
      soak::Task<std::string> posting = post("speaker-match", std::move(pcm));
      const std::string person = co_await std::move(posting);
      item->parcel.sent();
      if (!person.empty()) {
        pusher::SpeakerSample sample;
        sample.person_id = person;
        sample.conversation_id = item->conversation;
        sample.segment_ids.push_back(item->segment.id);
        link_.add_sample(std::move(sample));
      }
    } catch (const pusher::StoreError&) {
      // Dropped, and counted.
    }
  }
}

soak::Task<bool> ListenSession::connect_speech() {
  try {
    soak::net::ConnectOptions options;
    options.connect_timeout = limits_.speech_connect_timeout;
    options.close_timeout = limits_.close_timeout;
    options.ping_interval = limits_.speech_ping;
    options.ping_timeout = limits_.speech_ping;
    std::string url = fmt::format("{}/v1/speech?sample_rate={}&language={}", service_.options.speech_url,
                                  request_.sample_rate, request_.language);
    soak::Task<std::unique_ptr<soak::net::WebSocket>> opening =
        soak::net::connect_websocket(service_.loop, std::move(url), std::move(options));
    speech_ = co_await std::move(opening);
  } catch (const soak::Error&) {
  }
  speech_settled_.set();
  co_return speech_ != nullptr;
}

soak::Task<> ListenSession::speech_audio() {
  // A client that has left meanwhile is no reason to stop: what it said is still to be heard.
  for (const char* status : {"initiating", "processing", "stt_initiating"}) {
    soak::Task<bool> telling = tell_client(service_status(status));
    [[maybe_unused]] const bool told = co_await std::move(telling);
  }
  soak::Task<bool> connecting = connect_speech();
  const bool connected = co_await std::move(connecting);
  if (!connected) {
    soak::Task<> losing = lose_speech();
    co_await std::move(losing);
    co_return;
  }
  soak::Task<bool> telling = tell_client(service_status("ready"));
  [[maybe_unused]] const bool told = co_await std::move(telling);
  try {
    while (std::optional<SpeechBlock> block = co_await speech_queue_.pop()) {
      soak::Task<> sending = speech_->send_binary(std::move(block->pcm));
      co_await std::move(sending);
      block->parcel.sent();
    }
    std::string last = R"({"type":"finish"})";
    soak::Task<> finishing = speech_->send_text(std::move(last));
    co_await std::move(finishing);
  } catch (const soak::net::ConnectionClosed&) {
    // The transcripts task sees it too, and ends the session.
  }
  const bool finished = co_await transcripts_ended_.wait_for(limits_.speech_finish);
  if (!finished) {
    speech_.reset();  // It hangs: the transcripts task ends.
  }
}

soak::Task<> ListenSession::transcripts(TranscriptsEnd /*end*/) {
  co_await speech_settled_.wait();
  if (speech_ == nullptr) {
    co_return;
  }
  try {
    for (;;) {
      soak::Task<soak::net::Message> receiving = speech_->receive();
      const soak::net::Message message = co_await std::move(receiving);
      const std::vector<SpeechSegment> segments = decode_segments(message.data);
      if (segments.empty()) {
        continue;
      }
      last_segment_ = service_.loop.now();
      conversation_has_segments_ = true;
      for (const SpeechSegment& segment : segments) {
        link_.add_segment(conversation_, segment.json);
        if (may_know_speakers_) {
          SpeakerItem item{Parcel(service_.flows, Flow::kSpeakers, 1), conversation_, segment};
          [[maybe_unused]] const bool taken = speaker_queue_.try_push(std::move(item));
        }
      }
      if (!input_ended_.is_set()) {
        soak::Task<bool> telling = tell_client(encode_segments(segments));
        const bool told = co_await std::move(telling);
        if (!told) {
          co_return;
        }
      }
    }
  } catch (const soak::net::ConnectionClosed&) {
  } catch (const pusher::FrameError&) {
  }
  if (!input_ended_.is_set()) {
    soak::Task<> losing = lose_speech();
    co_await std::move(losing);
  }
}

soak::Task<> ListenSession::lose_speech() {
  finish(kCloseFailed, "transcription_service_unavailable");
  soak::Task<bool> telling = tell_client(service_status("stt_unavailable"));
  [[maybe_unused]] const bool told = co_await std::move(telling);
}

soak::Task<> ListenSession::pusher_audio() {
  for (;;) {
    const bool ended = co_await input_ended_.wait_for(limits_.link.flush_interval);
    if (ended) {
      co_await link_.attempted().wait();
    }
    soak::Task<> flushing = link_.flush_audio();
    co_await std::move(flushing);
    if (ended) {
      co_return;
    }
  }
}

soak::Task<> ListenSession::pusher_transcripts() {
  soak::Instant checked = service_.loop.now();
  for (;;) {
    const bool ended = co_await transcripts_ended_.wait_for(limits_.link.flush_interval);
    if (ended) {
      co_await link_.attempted().wait();
    }
    if (ended && conversation_has_segments_) {
      link_.finalize(conversation_, request_.language);
    } else if (service_.loop.now() - checked >= limits_.conversation_check) {
      checked = service_.loop.now();
      check_conversation();
    }
    soak::Task<> flushing = link_.flush_transcripts();
    co_await std::move(flushing);
    if (ended) {
      co_return;
    }
  }
}

void ListenSession::check_conversation() {
  if (!conversation_has_segments_ || service_.loop.now() - last_segment_ < request_.conversation_silence) {
    return;
  }
  link_.finalize(conversation_, request_.language);
  conversation_ = new_id();
  conversation_has_segments_ = false;
}

soak::Task<> ListenSession::photos() {
  for (;;) {
    const bool ended = co_await input_ended_.wait_for(limits_.photo_interval);
    photos_.expire(service_.loop.now());
    while (std::optional<Photo> photo = photos_.take()) {
      try {
        soak::Task<std::string> posting = post("photos", std::move(photo->data));
        const std::string answer = co_await std::move(posting);
        photo->parcel.sent();
      } catch (const pusher::StoreError&) {
        // Dropped, and counted.
      }
    }
    if (ended) {
      co_return;
    }
  }
}

}  // namespace pusher::listen
