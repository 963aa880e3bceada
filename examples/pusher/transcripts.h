// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_TRANSCRIPTS_H_
#define PUSHER_TRANSCRIPTS_H_

// Delivers transcripts to the user's integrations and webhook. A transcript goes to both at the same time, and the next
// one follows when both are done. Neither the failure of one integration nor that of all ends anything.

#include <cstddef>
#include <string>

#include "pusher/frames.h"
#include "pusher/ledger.h"
#include "pusher/session_context.h"
#include "soak/queue.h"
#include "soak/task.h"

namespace pusher {

class Transcripts {
 public:
  explicit Transcripts(SessionContext& session);

  // `conversation` is that of the session, for a transcript that names none.
  void add(Transcript transcript, const std::string& conversation);
  void end_input() { queue_.close(); }

  // The worker. Ends when the input has ended and nothing waits.
  soak::Task<> run();

 private:
  struct Item {
    Entry integrations;
    Entry webhook;
    std::string key;
    std::string body;
  };

  soak::Task<> deliver(Item& item);
  soak::Task<> to_integrations(Item& item);
  // Counts in `refused` what certainly did not arrive.
  soak::Task<> to_integration(std::size_t number, const Item& item, std::uint64_t& refused);
  soak::Task<> to_webhook(Item& item);

  SessionContext& session_;
  soak::Queue<Item> queue_;
};

}  // namespace pusher

#endif  // PUSHER_TRANSCRIPTS_H_
