// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/audio_backlog.h"

#include <algorithm>
#include <utility>

#include "soak/error.h"
#include "soak/event.h"

namespace soak::voice {

Task<> AudioBacklog::add(std::span<const std::byte> pcm) {
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  if (pcm.empty()) {
    co_return;
  }
  waiting_.emplace_back(pcm.begin(), pcm.end());
  bytes_ += pcm.size();
  while (bytes_ > bytes_max_ && bytes_ > pcm.size()) {
    drop_oldest();
  }
  connection_.changed().set();
}

Task<> AudioBacklog::add_end_of_turn() {
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  if (!waiting_.empty() && waiting_.back().empty()) {
    co_return;  // Two in a row are one.
  }
  waiting_.emplace_back();
  connection_.changed().set();
}

void AudioBacklog::drop_oldest() {
  const auto oldest =
      std::find_if(waiting_.begin(), waiting_.end(), [](const std::vector<std::byte>& pcm) { return !pcm.empty(); });
  bytes_ -= oldest->size();
  ++counters_.frames_dropped;
  const auto next = waiting_.erase(oldest);
  // Nothing is left between two ends of turns: they are one.
  if (next != waiting_.begin() && next != waiting_.end() && next->empty()) {
    waiting_.erase(next);
  }
}

Task<> AudioBacklog::deliver_all() {
  while (!connection_.is_closing() && !failure_) {
    if (waiting_.empty()) {
      connection_.changed().reset();
      co_await connection_.changed().wait();
      continue;
    }
    const std::vector<std::byte> pcm = std::move(waiting_.front());
    waiting_.pop_front();
    bytes_ -= pcm.size();
    try {
      Task<> delivering = pcm.empty() ? outlet_.deliver_end_of_turn() : outlet_.deliver(pcm);
      co_await std::move(delivering);
    } catch (const Error&) {
      failure_ = std::current_exception();
      if (!pcm.empty()) {
        ++counters_.frames_dropped;
      }
    }
  }
  while (bytes_ > 0) {
    drop_oldest();
  }
}

}  // namespace soak::voice
