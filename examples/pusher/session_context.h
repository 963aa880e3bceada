// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_SESSION_CONTEXT_H_
#define PUSHER_SESSION_CONTEXT_H_

// What the receive loop and the workers of one session share, and the two ways in which they hold bytes.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "pusher/ledger.h"
#include "pusher/options.h"
#include "pusher/stores.h"
#include "soak/byte_budget.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/queue.h"
#include "soak/semaphore.h"

namespace pusher {

// What all sessions of the service share.
struct Service {
  soak::EventLoop& loop;
  const PusherOptions& options;
  Ledger& ledger;
  Stores& stores;
  soak::Semaphore& integrations;  // Limits the requests to integrations of all sessions together.
};

struct SessionContext {
  SessionContext(const Service& of, std::uint64_t session_number, std::string user, std::uint32_t rate);

  // "3f9c...-7": the Idempotency-Key of this session's next delivery.
  std::string next_key();

  Service service;
  std::uint64_t number;  // Of the session, for the names of its tasks.
  std::string uid;
  std::uint32_t sample_rate;
  soak::ByteBudget budget;
  soak::Event input_ended;  // The receive loop has ended: flush, and end.

 private:
  std::uint64_t key_prefix_;  // No two sessions share it, whichever instance they are on.
  std::uint64_t keys_ = 0;
};

// Bytes of the session's budget that are in no queue: a buffer, or an upload under way.
class HeldBytes {
 public:
  explicit HeldBytes(soak::ByteBudget& budget);

  // False, and nothing changes, if the budget has no room for that many.
  bool try_resize(std::size_t bytes);

 private:
  soak::ByteBudget* budget_;
  soak::Queue<std::size_t> share_;  // At most one item: the bytes held.
};

// Pushes an item, which has an Entry, into a queue that makes room by dropping. The reason is counted with each drop.
template <typename Item>
void push_dropping(Ledger& ledger, soak::Queue<Item>& queue, Item item) {
  const DropScope scope(ledger, queue.closed()                     ? DropReason::kSessionEnded
                                : queue.size() >= queue.capacity() ? DropReason::kFull
                                                                   : DropReason::kBudget);
  [[maybe_unused]] const bool taken = queue.try_push(std::move(item));
  [[maybe_unused]] const Item refused = std::move(item);  // Destroyed within the scope.
}

}  // namespace pusher

#endif  // PUSHER_SESSION_CONTEXT_H_
