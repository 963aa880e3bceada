// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_AUDIO_BYTES_H_
#define PUSHER_AUDIO_BYTES_H_

// Hands audio on to the user's app, which is triggered by more than four seconds of it, and to the user's webhook,
// which gets as many seconds at a time as the user has set. The worker wakes as soon as there is something to send.

#include <cstddef>
#include <string>
#include <string_view>

#include "pusher/ledger.h"
#include "pusher/session_context.h"
#include "soak/queue.h"
#include "soak/task.h"

namespace pusher {

class AudioBytes {
 public:
  explicit AudioBytes(SessionContext& session);

  void add(std::string_view pcm);
  // What the buffers have is too little for a call, and is dropped with the session.
  void end_input() { queue_.close(); }

  // The worker. Ends when the input has ended and nothing waits.
  soak::Task<> run();

 private:
  struct Item {
    Entry entry;
    const char* path = "";
    std::string key;
    std::string pcm;
  };
  struct Buffer {
    Buffer(Sink sink_of, Place place_of, SessionContext& session)
        : sink(sink_of), place(place_of), bytes(session.budget) {}
    Sink sink;
    Place place;
    HeldBytes bytes;
    Entry entry;
    std::string pcm;
  };

  void add_to(Buffer& buffer, std::string_view pcm);
  void hand_on(Buffer& buffer, const char* path);
  soak::Task<> send(Item& item);

  SessionContext& session_;
  Buffer app_;
  Buffer webhook_;
  soak::Queue<Item> queue_;
};

}  // namespace pusher

#endif  // PUSHER_AUDIO_BYTES_H_
