// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_AUDIO_BACKLOG_H_
#define SOAK_LIB_VOICE_AUDIO_BACKLOG_H_

// What was said and not yet sent, for a microphone that cannot wait: of bounded size, and of more audio than that the
// oldest is dropped. Ends of turns are kept, in their order.

#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <span>
#include <vector>

#include "lib/voice/reconnecting_connection.h"
#include "soak/task.h"
#include "soak/voice/client.h"

namespace soak::voice {

class AudioBacklog {
 public:
  class Outlet {
   public:
    virtual Task<> deliver(std::span<const std::byte> pcm) = 0;
    virtual Task<> deliver_end_of_turn() = 0;

   protected:
    Outlet() = default;
    Outlet(const Outlet&) = default;
    Outlet& operator=(const Outlet&) = default;
    ~Outlet() = default;
  };

  // Holds `duration` of audio with `rate_hz` 16-bit samples a second, or one frame where that is more.
  AudioBacklog(std::chrono::nanoseconds duration, int rate_hz, ReconnectingConnection& connection, Outlet& outlet,
               ClientCounters& counters)
      : bytes_max_(static_cast<std::size_t>(std::chrono::duration<double>(duration).count() * rate_hz) * 2),
        connection_(connection),
        outlet_(outlet),
        counters_(counters) {}

  // Do not wait. They throw what delivering threw, once the connection is over.
  Task<> add(std::span<const std::byte> pcm);
  Task<> add_end_of_turn();

  // Delivers what there is, until the client is closed or the connection is over; the rest is dropped.
  Task<> deliver_all();

 private:
  void drop_oldest();

  const std::size_t bytes_max_;
  ReconnectingConnection& connection_;
  Outlet& outlet_;
  ClientCounters& counters_;
  std::deque<std::vector<std::byte>> waiting_;  // An empty one is the end of a turn.
  std::size_t bytes_ = 0;
  std::exception_ptr failure_;
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_AUDIO_BACKLOG_H_
