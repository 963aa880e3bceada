// SPDX-License-Identifier: Apache-2.0
#include "pusher/listen/pusher_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <utility>
#include <variant>
#include <vector>

#include "soak/error.h"
#include "soak/net/websocket_client.h"
#include "soak/timeout.h"

namespace pusher::listen {

std::string_view to_string(LinkState state) {
  switch (state) {
    case LinkState::kConnected:
      return "connected";
    case LinkState::kReconnectBackoff:
      return "reconnect_backoff";
    case LinkState::kDegraded:
      return "degraded";
    case LinkState::kHalfOpenProbe:
      return "half_open_probe";
  }
  return "?";
}

std::chrono::nanoseconds reconnect_pause(std::size_t attempt, const LinkLimits& limits, std::mt19937_64& random) {
  const double base = std::chrono::duration<double>(limits.backoff_base).count();
  const double most = std::chrono::duration<double>(limits.backoff_max).count();
  const double seconds = std::min(most, std::ldexp(base, static_cast<int>(std::min<std::size_t>(attempt, 32))));
  std::uniform_real_distribution<double> jitter(limits.jitter_min, limits.jitter_max);
  return std::chrono::nanoseconds(std::llround(seconds * jitter(random) * 1e9));
}

// The first items of a buffer, on their way.
template <typename Item>
class PusherLink::Batch {
 public:
  Batch(std::list<Item>& buffer, std::size_t count, Connection& connection) : buffer_(buffer), connection_(connection) {
    items_.splice(items_.end(), buffer_, buffer_.begin(),
                  std::next(buffer_.begin(), static_cast<std::ptrdiff_t>(count)));
  }
  ~Batch() {
    if (!committed_) {
      connection_.broken = true;
      for (const Item& item : items_) {
        connection_.flows.add_tried(item.parcel.flow(), item.parcel.amount());
      }
      buffer_.splice(buffer_.begin(), items_);
    }
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  const std::list<Item>& items() const { return items_; }

  void commit() {
    committed_ = true;
    for (Item& item : items_) {
      const Flow flow = item.parcel.flow();
      connection_.note(flow, item.parcel.amount());
      item.parcel.sent();
    }
    connection_.forget_confirmed();
  }

 private:
  std::list<Item>& buffer_;
  Connection& connection_;
  std::list<Item> items_;
  bool committed_ = false;
};

PusherLink::Connection::~Connection() {
  forget_confirmed();
  for (const Sent& sent : unconfirmed) {
    flows.add_unconfirmed(sent.flow, sent.amount);
  }
}

soak::Task<> PusherLink::Connection::send(std::string frame) {
  ++frames;
  return socket->send_binary(std::move(frame));
}

void PusherLink::Connection::note(Flow flow, std::uint64_t amount) { unconfirmed.push_back({frames, flow, amount}); }

void PusherLink::Connection::forget_confirmed() {
  const std::uint64_t confirmed = socket->counters().frames_confirmed;
  while (!unconfirmed.empty() && unconfirmed.front().frame <= confirmed) {
    unconfirmed.pop_front();
  }
}

PusherLink::PusherLink(soak::EventLoop& loop, const LinkLimits& limits, Flows& flows, soak::CircuitBreaker& breaker,
                       std::string url, std::uint64_t number)
    : loop_(loop),
      limits_(limits),
      flows_(flows),
      breaker_(breaker),
      url_(std::move(url)),
      number_(number),
      pending_(flows, limits),
      tasks_(loop) {}

PusherLink::~PusherLink() { tasks_.end_in_place(); }

void PusherLink::start() { tasks_.start({"pusher_link", number_}, run(), soak::TaskKind::kBackground); }

soak::Task<> PusherLink::run() {
  std::size_t attempt = 0;
  for (;;) {
    soak::Task<bool> connecting = connect();
    const bool connected = co_await std::move(connecting);
    attempted_.set();
    if (connected) {
      const soak::Instant since = loop_.now();
      soak::Task<> serving = serve_connection();
      co_await std::move(serving);
      if (closing_) {
        co_return;
      }
      attempt = loop_.now() - since >= limits_.stable_after ? 0 : attempt;
    }
    // A pusher that is being replaced says so with 1001: that is no failure.
    attempt = lost_with_ == soak::net::kCloseGoingAway ? 0 : attempt;
    if (circuit_open_ || attempt >= limits_.reconnect_attempts) {
      attempt = limits_.reconnect_attempts;
      state_ = LinkState::kDegraded;
      co_await soak::sleep_for(limits_.degraded);
      state_ = LinkState::kHalfOpenProbe;
    } else {
      state_ = LinkState::kReconnectBackoff;
      const std::chrono::nanoseconds pause = reconnect_pause(attempt, limits_, loop_.random());
      ++attempt;
      co_await soak::sleep_for(pause);
    }
  }
}

// Tries once. Whether it is connected.
soak::Task<bool> PusherLink::connect() {
  std::optional<soak::CircuitCall> call = breaker_.try_begin();
  circuit_open_ = !call.has_value();
  lost_with_ = soak::net::kCloseAbnormal;
  if (!call) {
    co_return false;
  }
  try {
    soak::net::ConnectOptions options;
    options.connect_timeout = limits_.connect_timeout;
    options.close_timeout = limits_.close_timeout;
    // A pusher that hangs is found out by its pongs, which also confirm what it has read.
    options.ping_interval = limits_.heartbeat;
    options.ping_timeout = limits_.heartbeat;
    soak::Task<std::unique_ptr<soak::net::WebSocket>> opening =
        soak::net::connect_websocket(loop_, url_, std::move(options));
    std::unique_ptr<soak::net::WebSocket> socket = co_await std::move(opening);
    auto connection = std::make_shared<Connection>(std::move(socket), flows_);
    soak::Task<bool> acknowledging = wait_for_ack(*connection);
    const bool acknowledged = co_await std::move(acknowledging);
    if (acknowledged) {
      timeline_ = timeline_ == Timeline::kUnknown ? Timeline::kRecording : timeline_;
      audio_withheld_ = false;
    } else if (timeline_ == Timeline::kUnknown) {
      timeline_ = Timeline::kWallClock;
    } else {
      audio_withheld_ = timeline_ == Timeline::kRecording;
    }
    connection_ = std::move(connection);
    conversation_on_wire_.clear();
    pending_.rearm(loop_.now());
    call->succeed();
    co_return true;
  } catch (const soak::net::ConnectionClosed& closed) {
    // It accepted, and closed at once.
    lost_with_ = closed.status().code;
    if (lost_with_ == soak::net::kCloseGoingAway) {
      call->succeed();
    } else {
      call->fail(closed.what());
    }
  } catch (const soak::Error& error) {
    call->fail(error.what());
  }
  co_return false;
}

// A pusher that knows recording times says so first. Whether it did, in time.
soak::Task<bool> PusherLink::wait_for_ack(Connection& connection) {
  const soak::Instant until = loop_.now() + limits_.ack_timeout;
  try {
    for (;;) {
      soak::Task<soak::net::Message> receiving = connection.socket->receive();
      const soak::net::Message message =
          co_await soak::with_timeout(until - loop_.now(), std::move(receiving), {.name = {"pusher_ack", number_}});
      const bool acknowledged = handle(message);
      if (acknowledged) {
        co_return true;
      }
    }
  } catch (const soak::Error& error) {
    if (error.code() != soak::Errc::kTimeout || dynamic_cast<const soak::net::ConnectionClosed*>(&error) != nullptr) {
      throw;
    }
  }
  co_return false;
}

soak::Task<> PusherLink::serve_connection() {
  const std::shared_ptr<Connection> connection = connection_;
  state_ = LinkState::kConnected;
  try {
    soak::Task<> transcripts = flush_transcripts();
    co_await std::move(transcripts);
    for (;;) {
      soak::Task<soak::net::Message> receiving = connection->socket->receive();
      const soak::net::Message message = co_await std::move(receiving);
      const bool late_ack = handle(message);
      audio_withheld_ = audio_withheld_ && !late_ack;
    }
  } catch (const soak::net::ConnectionClosed& closed) {
    lost_with_ = closed.status().code;
  } catch (const pusher::FrameError&) {
    lost_with_ = soak::net::kCloseProtocolError;  // Whoever that is, it is no pusher: dropped without a handshake.
  }
  connection_.reset();
}

// Whether it is an ack, of a version that we know.
bool PusherLink::handle(const soak::net::Message& message) {
  const pusher::PusherFrame frame = pusher::decode_pusher_frame(message.data);
  if (const auto* answer = std::get_if<pusher::Finalized>(&frame)) {
    pending_.answer(*answer, loop_.now());
    return false;
  }
  return std::get<pusher::AudioTimelineAck>(frame).version == pusher::AudioTimelineAck{}.version;
}

void PusherLink::add_audio(const std::string& conversation, StartTime start, std::string pcm,
                           std::uint32_t sample_rate) {
  const double seconds = static_cast<double>(pcm.size()) / 2.0 / sample_rate;
  audio_bytes_ += pcm.size();
  Parcel parcel(flows_, Flow::kAudio, pcm.size());
  audio_.push_back({std::move(parcel), conversation, start, seconds, std::move(pcm)});
  trim_audio();
}

void PusherLink::trim_audio() {
  while (audio_bytes_ > limits_.audio_bytes && !audio_.empty()) {
    audio_bytes_ -= audio_.front().pcm.size();
    audio_.pop_front();
  }
}

void PusherLink::add_segment(const std::string& conversation, std::string json) {
  Parcel parcel(flows_, Flow::kSegments, 1);
  segments_.push_back({std::move(parcel), conversation, std::move(json)});
  if (segments_.size() > limits_.segments) {
    segments_.pop_front();
  }
}

void PusherLink::add_sample(pusher::SpeakerSample sample) {
  Parcel parcel(flows_, Flow::kSamples, 1);
  samples_.push_back({std::move(parcel), std::move(sample)});
  if (samples_.size() > limits_.samples) {
    samples_.pop_front();
  }
}

void PusherLink::finalize(const std::string& conversation, const std::string& language) {
  pusher::Finalize request;
  request.conversation_id = conversation;
  request.language = language;
  pending_.add(std::move(request), loop_.now());
}

std::shared_ptr<PusherLink::Connection> PusherLink::usable() const {
  return connection_ != nullptr && !connection_->broken && connection_->socket->is_open() ? connection_ : nullptr;
}

soak::Task<> PusherLink::flush_audio() {
  const soak::Permit permit = co_await audio_lock_.acquire();
  if (const std::shared_ptr<Connection> connection = usable(); connection != nullptr && !audio_withheld_) {
    try {
      soak::Task<> sending = send_audio(*connection);
      co_await std::move(sending);
    } catch (const soak::net::ConnectionClosed&) {
      // It waits in its buffer, and run() reconnects.
    }
    trim_audio();
  }
}

soak::Task<> PusherLink::flush_transcripts() {
  const soak::Permit permit = co_await transcript_lock_.acquire();
  if (const std::shared_ptr<Connection> connection = usable()) {
    try {
      soak::Task<> segments = send_segments(*connection);
      co_await std::move(segments);
      soak::Task<> samples = send_samples(*connection);
      co_await std::move(samples);
      soak::Task<> pending = send_pending(*connection);
      co_await std::move(pending);
    } catch (const soak::net::ConnectionClosed&) {
      // As above.
    }
    while (segments_.size() > limits_.segments) {
      segments_.pop_front();
    }
    while (samples_.size() > limits_.samples) {
      samples_.pop_front();
    }
  }
}

// How many pieces from the front go into one frame: of one conversation, without a gap between them.
std::size_t PusherLink::run_length() const {
  std::size_t count = 1;
  std::size_t bytes = audio_.front().pcm.size();
  const double gap = std::chrono::duration<double>(limits_.audio_gap).count();
  for (auto before = audio_.begin(), piece = std::next(before); piece != audio_.end(); before = piece++, ++count) {
    bytes += piece->pcm.size();
    const double silence = piece->start.recording - (before->start.recording + before->seconds);
    if (piece->conversation != before->conversation || std::abs(silence) > gap ||
        bytes > limits_.audio_frame_bytes_max) {
      break;
    }
  }
  return count;
}

soak::Task<> PusherLink::send_audio(Connection& connection) {
  while (!audio_.empty()) {
    Batch<AudioPiece> batch(audio_, run_length(), connection);
    pusher::Audio audio;
    const AudioPiece& first = batch.items().front();
    audio.start_seconds = timeline_ == Timeline::kRecording ? first.start.recording : first.start.wall;
    for (const AudioPiece& piece : batch.items()) {
      audio.pcm += piece.pcm;
    }
    if (first.conversation != conversation_on_wire_) {
      std::string change = encode(pusher::Conversation{first.conversation});
      soak::Task<> changing = connection.send(std::move(change));
      co_await std::move(changing);
      conversation_on_wire_ = first.conversation;
    }
    std::string frame = encode(audio);
    soak::Task<> sending = connection.send(std::move(frame));
    co_await std::move(sending);
    audio_bytes_ -= audio.pcm.size();
    batch.commit();
  }
}

soak::Task<> PusherLink::send_segments(Connection& connection) {
  while (!segments_.empty()) {
    const auto other = std::find_if(segments_.begin(), segments_.end(), [this](const Segment& segment) {
      return segment.conversation != segments_.front().conversation;
    });
    const std::size_t count =
        std::min(limits_.transcript_segments_max, static_cast<std::size_t>(std::distance(segments_.begin(), other)));
    Batch<Segment> batch(segments_, count, connection);
    pusher::Transcript transcript;
    transcript.segments = count;
    transcript.memory_id = batch.items().front().conversation;
    transcript.segments_json = "[";
    for (const Segment& segment : batch.items()) {
      transcript.segments_json += transcript.segments_json.size() > 1 ? "," : "";
      transcript.segments_json += segment.json;
    }
    transcript.segments_json += "]";
    std::string frame = encode(transcript);
    soak::Task<> sending = connection.send(std::move(frame));
    co_await std::move(sending);
    batch.commit();
  }
}

soak::Task<> PusherLink::send_samples(Connection& connection) {
  while (!samples_.empty()) {
    Batch<Sample> batch(samples_, 1, connection);
    std::string frame = encode(batch.items().front().sample);
    soak::Task<> sending = connection.send(std::move(frame));
    co_await std::move(sending);
    batch.commit();
  }
}

soak::Task<> PusherLink::send_pending(Connection& connection) {
  const std::vector<pusher::Finalize> due = pending_.take_due(loop_.now());
  for (auto request = due.begin(); request != due.end(); ++request) {
    try {
      std::string frame = encode(*request);
      soak::Task<> sending = connection.send(std::move(frame));
      co_await std::move(sending);
    } catch (const soak::net::ConnectionClosed&) {
      for (; request != due.end(); ++request) {
        pending_.put_back(request->conversation_id, loop_.now());
      }
      throw;
    }
  }
}

soak::Task<> PusherLink::heartbeat() {
  if (const std::shared_ptr<Connection> connection = usable()) {
    try {
      std::string frame = encode(pusher::Heartbeat{});
      soak::Task<> sending = connection->send(std::move(frame));
      co_await std::move(sending);
      connection->forget_confirmed();
    } catch (const soak::net::ConnectionClosed&) {
      // As above.
    }
  }
}

soak::Task<> PusherLink::close() {
  closing_ = true;
  if (usable() == nullptr) {
    tasks_.cancel();
  } else {
    const auto finish = [this]() -> soak::Task<> {
      soak::Task<> audio = flush_audio();
      co_await std::move(audio);
      soak::Task<> transcripts = flush_transcripts();
      co_await std::move(transcripts);
    };
    try {
      soak::Task<> flushing = finish();
      co_await soak::with_timeout(limits_.close_timeout, std::move(flushing), {.name = {"pusher_close", number_}});
    } catch (const soak::Error&) {
      // The pusher does not read: what is left is dropped.
    }
    if (const std::shared_ptr<Connection> connection = usable()) {
      soak::Task<> closing = connection->socket->close();
      co_await std::move(closing);
    }
  }
  soak::Task<soak::DrainResult> ending = soak::drain(
      tasks_, {.timeout = std::chrono::nanoseconds::zero(), .grace = limits_.close_timeout, .label = "listen_cleanup"});
  const soak::DrainResult ended = co_await std::move(ending);
  static_cast<void>(ended);
}

}  // namespace pusher::listen
