// SPDX-License-Identifier: Apache-2.0
#include "lib/net_server/lingering_streams.h"

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/net/uv_poll.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {
namespace {

constexpr std::chrono::seconds kLinger{5};

// Beyond so many, the one that has been here longest goes: peers that end nothing take no more descriptors.
constexpr std::size_t kStreamsMax = 1024;

// Reads of one stream before others have their turn.
constexpr int kReadsATurn = 16;

}  // namespace

class LingeringStreams::Lingering final : public soak::detail::TimerNode {
 public:
  Lingering(LingeringStreams& owner, Stream stream, std::string output)
      : owner_(owner), stream_(std::move(stream)), output_(std::move(output)) {
    restart_timer();
  }
  ~Lingering() { owner_.loop_.core().timers.disarm(*this); }
  Lingering(const Lingering&) = delete;
  Lingering& operator=(const Lingering&) = delete;

  // Goes on as far as it can. False when it has ended.
  bool go_on() {
    if (!write()) {
      return false;
    }
    for (int reads = 0; reads < kReadsATurn || stream_.has_pending(); ++reads) {
      const Stream::State state = stream_.read(owner_.buffer_.data(), owner_.buffer_.size()).state;
      if (state == Stream::State::kBlocked) {
        break;
      }
      if (state != Stream::State::kMoved) {
        read_ended_ = true;
        if (state == Stream::State::kLost || shut_) {
          return false;
        }
        break;
      }
    }
    if (!poll_) {
      poll_.emplace(owner_.loop_.handle(), stream_.fd(), [this] {
        if (!go_on()) {
          leave();
        }
      });
    }
    poll_->watch_or_pause((read_ended_ ? 0 : stream_.read_events()) | (shut_ ? 0 : stream_.write_events()));
    return true;
  }

  void expire() noexcept override { leave(); }

  std::list<Lingering>::iterator position;  // In the owner's list.

 private:
  bool write() {
    while (!shut_) {
      if (written_ == output_.size()) {
        shut_ = stream_.shut();
        return !(shut_ && read_ended_);
      }
      const Stream::Moved moved = stream_.write(std::string_view(output_).substr(written_));
      if (moved.state == Stream::State::kLost) {
        return false;
      }
      if (moved.state != Stream::State::kMoved) {
        return true;
      }
      written_ += moved.bytes;
      restart_timer();
    }
    return true;
  }
  void restart_timer() {
    soak::detail::LoopCore& core = owner_.loop_.core();
    core.timers.disarm(*this);
    core.timers.arm(*this, soak::detail::later(core.now(), kLinger));
  }
  void leave() { owner_.streams_.erase(position); }

  LingeringStreams& owner_;
  Stream stream_;
  std::optional<UvPoll> poll_;
  std::string output_;
  std::size_t written_ = 0;
  bool shut_ = false;        // Our direction has ended.
  bool read_ended_ = false;  // The peer's has.
};

LingeringStreams::LingeringStreams(EventLoop& loop) : loop_(static_cast<UvLoop&>(loop)) {}

LingeringStreams::~LingeringStreams() = default;

void LingeringStreams::add(Stream stream, std::string output) {
  if (streams_.size() >= kStreamsMax) {
    streams_.pop_back();
  }
  streams_.emplace_front(*this, std::move(stream), std::move(output));
  streams_.front().position = streams_.begin();
  if (!streams_.front().go_on()) {
    streams_.pop_front();
  }
}

}  // namespace soak::net
