// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_SPEAKER_SAMPLES_H_
#define PUSHER_SPEAKER_SAMPLES_H_

// Stores samples of speakers. A sample waits two minutes, until the audio that it is about has been stored; when the
// session ends, it no longer waits.

#include <optional>

#include "pusher/frames.h"
#include "pusher/ledger.h"
#include "pusher/session_context.h"
#include "soak/event_loop.h"
#include "soak/queue.h"
#include "soak/task.h"

namespace pusher {

class SpeakerSamples {
 public:
  explicit SpeakerSamples(SessionContext& session);

  void add(SpeakerSample sample);  // Ignores one that is not complete.
  void end_input() { queue_.close(); }

  // The worker. Ends when the input has ended and nothing waits.
  soak::Task<> run();

 private:
  struct Item {
    Entry entry;
    SpeakerSample sample;
    std::string key;
    soak::Instant since;
  };

  soak::Task<> store(Item& item);

  SessionContext& session_;
  soak::Queue<Item> queue_;
  std::optional<Item> oldest_;  // Taken from the queue to see how old it is.
};

}  // namespace pusher

#endif  // PUSHER_SPEAKER_SAMPLES_H_
