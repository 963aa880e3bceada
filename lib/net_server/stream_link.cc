// SPDX-License-Identifier: Apache-2.0
#include "lib/net_server/stream_link.h"

#include <algorithm>
#include <utility>

namespace soak::net {
namespace {

// Reads of one connection before others have their turn.
constexpr int kReadsATurn = 4;

// Above it, what a big message has needed is given back.
constexpr std::size_t kBufferKept = std::size_t{64} << 10;
// What the frames of a turn may come to before they go out.
constexpr std::size_t kHeldMax = kBufferKept;
constexpr std::size_t kFrameBufferKept = std::size_t{1} << 20;

}  // namespace

StreamLink::StreamLink(UvLoop& loop, Stream stream, std::size_t message_bytes_max)
    : loop_(loop),
      lingering_(loop.service<LingeringStreams>()),
      buffers_(loop.service<StreamBuffers>()),
      stream_(std::move(stream)),
      reader_(WebSocketReader::Masking::kRequired, message_bytes_max) {}

StreamLink::~StreamLink() {
  if (gone_ != nullptr) {
    *gone_ = true;
  }
  loop_.core().timers.disarm(*this);
  poll_.reset();
  // A peer that has not replied to our close frame in time gets no more time.
  if (!ended_ && !close_sent_ && !lost_) {
    lingering_.add(std::move(stream_), output_.substr(written_));
  }
}

bool StreamLink::start(LinkUser& user, std::string_view response, std::string input) {
  user_ = &user;
  poll_.emplace(loop_.handle(), stream_.fd(), [this](int events) { on_poll(events); });
  send(response);
  if (lost_) {
    return false;
  }
  input_ = std::move(input);
  if (!input_.empty() || stream_.has_pending()) {
    come_back();
  }
  watch();
  return true;
}

bool StreamLink::writable() const {
  return !ended_ && !lost_ && !close_sent_ && !blocked_ && output_.size() < kHeldMax;
}

void StreamLink::write(Message message) {
  send(encode(message.is_text() ? Opcode::kText : Opcode::kBinary, message.data));
  if (buffers_.frame.capacity() > kFrameBufferKept) {
    std::vector<unsigned char>().swap(buffers_.frame);
  }
}

void StreamLink::write_raw(std::string bytes, bool last) {
  if (ended_ || lost_ || close_sent_) {
    return;
  }
  send(bytes);
  if (last) {
    close_sent_ = true;
    flush();
    watch();
  }
}

void StreamLink::want_writable() {
  wanted_ = true;
  if (writable()) {
    come_back();
  }
}

void StreamLink::ping(std::string payload) {
  if (ended_ || lost_ || close_sent_) {
    return;
  }
  if (blocked_) {
    ping_ = std::move(payload);
  } else {
    send(encode(Opcode::kPing, payload));
  }
}

void StreamLink::start_close(std::uint16_t code, std::string reason) {
  if (ended_ || lost_ || close_sent_) {
    return;
  }
  append(Opcode::kClose, close_payload(code, reason));
  close_sent_ = true;
  flush();
  watch();
}

void StreamLink::set_reading(bool on) {
  if (std::exchange(reading_, on) == on || ended_) {
    return;
  }
  // What was read ahead brings no event.
  if (on && (!input_.empty() || stream_.has_pending())) {
    come_back();
  }
  watch();
}

// For what no event of the descriptor tells of.
void StreamLink::come_back() {
  if (!armed()) {
    loop_.core().timers.arm(*this, loop_.now());
  }
}

void StreamLink::expire() noexcept {
  bool gone = false;
  gone_ = &gone;
  if (!blocked_ && !flush()) {
    return;
  }
  const bool read_ahead = lost_ || !input_.empty() || stream_.has_pending();
  if (gone || ended_ || (reading_ && read_ahead && !read())) {
    return;
  }
  if (lost_) {
    end();
    return;
  }
  gone_ = nullptr;
  watch();
}

void StreamLink::on_poll(int events) {
  bool gone = false;
  gone_ = &gone;
  if (blocked_ && !flush()) {
    return;
  }
  const bool may_read = events != UV_WRITABLE || stream_.read_events() != UV_READABLE;
  if (reading_ && may_read && !read()) {
    return;
  }
  gone_ = nullptr;
  watch();
}

// False when the link has ended or is gone.
bool StreamLink::read() {
  bool* const gone = gone_;
  if (!input_.empty()) {
    const std::string input = std::exchange(input_, {});
    if (!feed(input)) {
      return false;
    }
  }
  for (int reads = 0; reading_ && reads < kReadsATurn; ++reads) {
    const Stream::Moved got = stream_.read(buffers_.read.data(), buffers_.read.size());
    if (got.state == Stream::State::kBlocked) {
      break;
    }
    if (got.state != Stream::State::kMoved) {
      end();
      return false;
    }
    if (!feed({buffers_.read.data(), got.bytes})) {
      return false;
    }
    if (got.bytes < buffers_.read.size() && !stream_.has_pending()) {
      break;  // That was all.
    }
  }
  if (*gone) {
    return false;
  }
  if (reading_ && stream_.has_pending()) {
    come_back();
  }
  watch();
  return true;
}

// The same.
bool StreamLink::feed(std::string_view bytes) {
  bool* const gone = gone_;
  while (!bytes.empty()) {
    if (!reading_) {
      input_.assign(bytes);
      break;
    }
    switch (reader_.next(bytes)) {
      case WebSocketReader::Event::kNone:
        break;
      case WebSocketReader::Event::kMessage:
        user_->on_message(reader_.take_message(), true);
        break;
      case WebSocketReader::Event::kPing:
        answer_ping(reader_.control());
        break;
      case WebSocketReader::Event::kPong:
        user_->on_pong(reader_.control());
        break;
      case WebSocketReader::Event::kClose:
        answer_close();
        return false;
      case WebSocketReader::Event::kFault:
        refuse(reader_.fault());
        return false;
    }
    if (*gone) {
      return false;
    }
  }
  return flush();
}

void StreamLink::answer_ping(std::string_view payload) {
  if (close_sent_ || lost_) {
    return;
  }
  if (blocked_) {
    pong_ = std::string(payload);
  } else {
    append(Opcode::kPong, payload);
  }
}

void StreamLink::answer_close() {
  bool* const gone = gone_;
  if (!std::exchange(close_sent_, true)) {
    append(Opcode::kClose, reader_.control());
  }
  user_->on_peer_close(reader_.close_code(), reader_.close_reason());
  if (!*gone) {
    end();
  }
}

void StreamLink::refuse(const WebSocketReader::Fault& fault) {
  bool* const gone = gone_;
  if (!std::exchange(close_sent_, true)) {
    append(Opcode::kClose, close_payload(fault.code, fault.why));
  }
  user_->on_fault(fault.code, fault.why);
  if (!*gone) {
    end();
  }
}

std::string_view StreamLink::encode(Opcode opcode, std::string_view payload) {
  std::vector<unsigned char>& frame = buffers_.frame;
  if (frame.size() < kFrameHeadMax + payload.size()) {
    frame.resize(kFrameHeadMax + payload.size());
  }
  const std::size_t size = write_frame(frame.data(), opcode, payload, std::nullopt);
  return {reinterpret_cast<const char*>(frame.data()), size};
}

void StreamLink::append(Opcode opcode, std::string_view payload) { output_ += encode(opcode, payload); }

// Straight from where it is, if it is the first of this turn and nothing waits before it. What else is sent in the turn
// goes out together, when the tasks that are ready have run: each write wakes the peer, and over TLS makes a record.
void StreamLink::send(std::string_view frame) {
  const Instant turn = loop_.core().turn_now;
  const bool first = wrote_in_ != turn;
  wrote_in_ = turn;
  std::size_t written = 0;
  if (first && output_.empty() && !write_some(frame, written)) {
    come_back();
    return;
  }
  if (written == frame.size()) {
    return;
  }
  output_ += frame.substr(written);
  if (blocked_) {
    watch();
  } else if (output_.size() < kHeldMax) {
    come_back();
  } else {
    flush();
    watch();
  }
}

// False when the connection is lost.
bool StreamLink::write_some(std::string_view bytes, std::size_t& written) {
  while (written < bytes.size()) {
    const Stream::Moved moved = stream_.write(bytes.substr(written));
    if (moved.state == Stream::State::kLost) {
      lost_ = true;
      return false;
    }
    if (moved.state != Stream::State::kMoved) {
      blocked_ = true;
      return true;
    }
    written += moved.bytes;
  }
  return true;
}

// Writes what waits, and tells the user when nothing does any more. False when the link is gone.
bool StreamLink::flush() {
  for (;;) {
    write_output();
    if (blocked_ || !wanted_ || !writable()) {
      return true;
    }
    // Not within a call of the user's own.
    if (gone_ == nullptr) {
      come_back();
      return true;
    }
    bool* const gone = gone_;
    wanted_ = false;
    user_->on_writable();
    if (*gone) {
      return false;
    }
  }
}

void StreamLink::write_output() {
  while (!lost_ && written_ < output_.size()) {
    blocked_ = false;
    if (!write_some(output_, written_)) {
      come_back();
      return;
    }
    if (blocked_) {
      return;
    }
    output_.clear();
    written_ = 0;
    if (output_.capacity() > kBufferKept) {
      std::string().swap(output_);
    }
    for (const auto& [opcode, payload] : {std::pair(Opcode::kPong, &pong_), std::pair(Opcode::kPing, &ping_)}) {
      if (*payload && !close_sent_) {
        append(opcode, **payload);
      }
      payload->reset();
    }
  }
}

void StreamLink::watch() {
  if (ended_ || !poll_) {
    return;
  }
  poll_->watch_or_pause((reading_ && input_.empty() ? stream_.read_events() : 0) |
                        (blocked_ ? stream_.write_events() : 0));
}

// The connection is done: what is left to be written, and the end, are the loop's to send.
void StreamLink::end() {
  ended_ = true;
  loop_.core().timers.disarm(*this);
  poll_.reset();
  if (!lost_) {
    lingering_.add(std::move(stream_), output_.substr(written_));
  }
  gone_ = nullptr;
  user_->on_end();
}

}  // namespace soak::net
