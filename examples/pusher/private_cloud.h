// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_PRIVATE_CLOUD_H_
#define PUSHER_PRIVATE_CLOUD_H_

// Uploads the audio of a session to the user's private cloud.
//
// Audio collects in a buffer until it has a chunk's worth, or the conversation changes, or the session ends. Chunks go
// through a queue to the worker, which keeps them by conversation. It uploads those of a conversation once there is a
// chunk's worth of audio, or the oldest is old enough, or the session ends. A chunk that fails waits for its turn
// again, and after the third failure it is dropped. When the session ends, it is tried again at once.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "pusher/ledger.h"
#include "pusher/session_context.h"
#include "soak/event_loop.h"
#include "soak/queue.h"
#include "soak/task.h"

namespace pusher {

class PrivateCloud {
 public:
  explicit PrivateCloud(SessionContext& session);

  // The audio added so far belongs to the conversation before.
  void set_conversation(std::string id);
  void add(std::string_view pcm);
  // No more audio comes: what the buffer has becomes the last chunk.
  void end_input();

  // The worker. Ends when the input has ended and nothing waits.
  soak::Task<> run();

 private:
  struct Chunk {
    Entry entry;
    std::string conversation;
    std::string key;
    std::string pcm;
    std::size_t tries = 0;
  };
  using Chunks = soak::Queue<Chunk>;
  struct Pending {
    Pending(std::string id, SessionContext& session);
    std::string conversation;
    soak::Instant since;          // When its oldest chunk came, or its last try ended.
    std::size_t fresh_bytes = 0;  // Of chunks that were never tried.
    Chunks chunks;
  };

  void flush_buffer();
  void collect();
  Pending& pending_of(const std::string& conversation);
  bool due(const Pending& pending) const;
  soak::Task<> flush(Pending& pending);
  soak::Task<> upload(Chunk& chunk, Pending& pending);
  bool deleted(const std::string& conversation) const;

  SessionContext& session_;
  std::string conversation_;
  std::string buffer_;
  Entry buffered_;
  HeldBytes buffer_bytes_;
  Chunks queue_;
  std::deque<std::unique_ptr<Pending>> pending_;  // Oldest first.
  std::deque<std::string> deleted_;               // Conversations that the store no longer knows; the last hundred.
};

}  // namespace pusher

#endif  // PUSHER_PRIVATE_CLOUD_H_
