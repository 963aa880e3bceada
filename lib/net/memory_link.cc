// SPDX-License-Identifier: Apache-2.0
#include "lib/net/memory_link.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/net/websocket_reader.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {
namespace {

// What the pipe holds in one direction before its writer has to wait: as much as a socket's buffers do.
constexpr std::size_t kPipeBytes = std::size_t{256} << 10;

struct Frame {
  enum class Kind : std::uint8_t {
    kMessage,
    kPing,
    kPong,
    kClose,
    kRaw,    // Bytes, which the reader takes for what a socket would.
    kFault,  // What it finds in them, and refuses.
    kEnd
  };

  Kind kind;
  Instant arrival;
  Message message;         // The reason, for kClose and kFault; the payload, for a ping or pong.
  std::uint16_t code = 0;  // For kClose and kFault.
};

class MemoryLink;

// Frames on their way to `reader`. Frames keep their order, so only the first has a timer.
class Direction final : public soak::detail::TimerNode {
 public:
  Direction(EventLoop& loop, std::chrono::nanoseconds latency, WebSocketReader::Masking masking)
      : loop_(loop), latency_(latency), raw_reader_(masking, std::numeric_limits<std::size_t>::max()) {}
  ~Direction() { stop(); }
  Direction(const Direction&) = delete;
  Direction& operator=(const Direction&) = delete;

  void push(Frame::Kind kind, Message message = {}, std::uint16_t code = 0) {
    bytes_ += message.data.size();
    frames_.push_back({kind, soak::detail::later(loop_.now(), latency_), std::move(message), code});
    schedule();
  }
  void expire() noexcept override;
  void schedule();
  void stop() { loop_.core().timers.disarm(*this); }
  std::size_t bytes() const { return bytes_; }
  Instant now() const { return loop_.now(); }

  MemoryLink* reader = nullptr;  // Null once it is dropped.
  MemoryLink* writer = nullptr;

 private:
  void read(const Frame& raw);

  EventLoop& loop_;
  std::chrono::nanoseconds latency_;
  WebSocketReader raw_reader_;  // Knows no limit: the user has one.
  std::deque<Frame> frames_;
  std::size_t bytes_ = 0;
};

struct Pipe {
  Pipe(EventLoop& loop, std::chrono::nanoseconds latency)
      : up(loop, latency, WebSocketReader::Masking::kRequired),
        down(loop, latency, WebSocketReader::Masking::kForbidden) {}
  Direction up;    // To the server.
  Direction down;  // To the client.
};

class MemoryLink final : public RawLink {
 public:
  MemoryLink(std::shared_ptr<Pipe> pipe, Direction& in, Direction& out) : pipe_(std::move(pipe)), in_(in), out_(out) {
    in_.reader = this;
    out_.writer = this;
  }
  ~MemoryLink() override {
    in_.reader = nullptr;
    in_.stop();
    out_.writer = nullptr;
    if (!ended_) {
      out_.push(Frame::Kind::kEnd);
    }
  }

  void set_user(LinkUser& user) {
    user_ = &user;
    in_.schedule();
  }
  bool ready() const { return user_ != nullptr && reading_; }

  bool writable() const override { return !ended_ && !close_sent_ && out_.bytes() < kPipeBytes; }
  void write(Message message) override { out_.push(Frame::Kind::kMessage, std::move(message)); }
  void write_raw(std::string bytes, bool last) override {
    if (!ended_ && !close_sent_) {
      out_.push(Frame::Kind::kRaw, Message::binary(std::move(bytes)));
      close_sent_ = last;
    }
  }
  void want_writable() override { wanted_ = true; }
  std::size_t buffered() const override { return 0; }
  void ping(std::string payload) override {
    if (!ended_ && !close_sent_) {
      out_.push(Frame::Kind::kPing, Message::binary(std::move(payload)));
    }
  }
  void start_close(std::uint16_t code, std::string reason) override {
    if (ended_ || close_sent_) {
      return;
    }
    close_sent_ = true;
    out_.push(Frame::Kind::kClose, Message::text(std::move(reason)), code);
  }
  void set_reading(bool on) override {
    reading_ = on;
    if (on) {
      in_.schedule();
    }
  }
  std::chrono::nanoseconds silence() const override {
    return last_ping_ ? in_.now() - *last_ping_ : std::chrono::nanoseconds::max();
  }

  void room() {
    if (wanted_ && writable()) {
      wanted_ = false;
      user_->on_writable();
    }
  }

  // What has come for this end.
  void take(Frame frame) {
    switch (frame.kind) {
      case Frame::Kind::kMessage:
        user_->on_message(std::move(frame.message), false);
        return;
      case Frame::Kind::kPing:
        last_ping_ = in_.now();
        if (!close_sent_) {
          out_.push(Frame::Kind::kPong, std::move(frame.message));
        }
        return;
      case Frame::Kind::kPong:
        user_->on_pong(frame.message.data);
        return;
      case Frame::Kind::kClose: {
        const bool answer = !close_sent_;
        close_sent_ = true;
        user_->on_peer_close(frame.code, frame.message.data);
        if (answer) {
          out_.push(Frame::Kind::kClose, Message::text(std::move(frame.message.data)), frame.code);
        }
        end();
        return;
      }
      case Frame::Kind::kFault:
        if (!std::exchange(close_sent_, true)) {
          out_.push(Frame::Kind::kClose, Message::text(frame.message.data), frame.code);
        }
        user_->on_fault(frame.code, frame.message.data);
        end();
        return;
      case Frame::Kind::kRaw:  // Its direction has read it.
        return;
      case Frame::Kind::kEnd:
        end();
        return;
    }
  }

 private:
  // Both close frames have passed, or the peer is gone: the connection is done, here and over there.
  void end() {
    if (ended_) {
      return;
    }
    ended_ = true;
    out_.push(Frame::Kind::kEnd);
    user_->on_end();
  }

  std::shared_ptr<Pipe> pipe_;
  Direction& in_;
  Direction& out_;
  LinkUser* user_ = nullptr;
  std::optional<Instant> last_ping_;  // The user hears of all the rest.
  bool reading_ = true;
  bool wanted_ = false;
  bool close_sent_ = false;
  bool ended_ = false;
};

void Direction::schedule() {
  if (armed() || frames_.empty() || reader == nullptr || !reader->ready()) {
    return;
  }
  loop_.core().timers.arm(*this, frames_.front().arrival);
}

// Puts what is in the bytes in their place.
void Direction::read(const Frame& raw) {
  std::vector<Frame> found;
  const auto find = [&](Frame::Kind kind, Message message, std::uint16_t code = 0) {
    bytes_ += message.data.size();
    found.push_back({kind, raw.arrival, std::move(message), code});
  };
  for (std::string_view bytes = raw.message.data; !bytes.empty();) {
    switch (raw_reader_.next(bytes)) {
      case WebSocketReader::Event::kNone:
        break;
      case WebSocketReader::Event::kMessage:
        find(Frame::Kind::kMessage, raw_reader_.take_message());
        break;
      case WebSocketReader::Event::kPing:
        find(Frame::Kind::kPing, Message::binary(std::string(raw_reader_.control())));
        break;
      case WebSocketReader::Event::kPong:
        find(Frame::Kind::kPong, Message::binary(std::string(raw_reader_.control())));
        break;
      case WebSocketReader::Event::kClose:
        find(Frame::Kind::kClose, Message::text(std::string(raw_reader_.close_reason())), raw_reader_.close_code());
        break;
      case WebSocketReader::Event::kFault:
        find(Frame::Kind::kFault, Message::text(raw_reader_.fault().why), raw_reader_.fault().code);
        break;
    }
  }
  frames_.insert(frames_.begin(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
}

void Direction::expire() noexcept {
  const Instant now = loop_.now();
  const std::size_t before = bytes_;
  // Taking a frame may stop the reading.
  while (!frames_.empty() && frames_.front().arrival <= now && reader != nullptr && reader->ready()) {
    Frame frame = std::move(frames_.front());
    frames_.pop_front();
    bytes_ -= frame.message.data.size();
    if (frame.kind == Frame::Kind::kRaw) {
      read(frame);
    } else {
      reader->take(std::move(frame));
    }
  }
  schedule();
  if (bytes_ < before && writer != nullptr) {
    writer->room();
  }
}

}  // namespace

MemoryPair make_memory_pair(EventLoop& loop, std::chrono::nanoseconds latency) {
  auto pipe = std::make_shared<Pipe>(loop, latency);
  return {std::make_unique<MemoryLink>(pipe, pipe->down, pipe->up),
          std::make_unique<MemoryLink>(pipe, pipe->up, pipe->down)};
}

void set_memory_user(Link& link, LinkUser& user) { static_cast<MemoryLink&>(link).set_user(user); }

}  // namespace soak::net
