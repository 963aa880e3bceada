// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LISTEN_PENDING_H_
#define PUSHER_LISTEN_PENDING_H_

// The conversations whose end the pusher has been asked to process and has not confirmed. It never gives one up: one
// without an answer is sent again after a while, a few times in a burst, and after a pause in a new burst. Pure: the
// caller says what time it is, and sends.

#include <cstddef>
#include <list>
#include <string>
#include <vector>

#include "pusher/frames.h"
#include "pusher/listen/flows.h"
#include "pusher/listen/options.h"
#include "soak/event_loop.h"

namespace pusher::listen {

class PendingConversations {
 public:
  PendingConversations(Flows& flows, const LinkLimits& limits) : flows_(flows), limits_(limits) {}

  // Takes the place of an older request for the same conversation. If there are too many, the one that was sent longest
  // ago is dropped.
  void add(pusher::Finalize request, soak::Instant now);

  // The requests to send now; counts them as sent.
  std::vector<pusher::Finalize> take_due(soak::Instant now);
  // After a reconnect: all are due.
  void rearm(soak::Instant now);
  // A request that take_due() returned could not be sent: it is due again.
  void put_back(const std::string& conversation, soak::Instant now);

  // What an answer does to its request:
  //   of another generation         nothing
  //   success, fenced or terminal   it is done
  //   "job_leased"                  nothing: another instance has it, and it is asked again after the timeout
  //   another error                 it is due again at once, within its burst
  // Returns whether a request is done.
  bool answer(const pusher::Finalized& answer, soak::Instant now);

  bool has(const std::string& conversation) const;
  std::size_t size() const { return requests_.size(); }

 private:
  struct Request {
    Parcel parcel;
    pusher::Finalize finalize;
    soak::Instant due;
    soak::Instant sent;
    std::size_t sends = 0;  // In this burst.
  };

  Request* find(const std::string& conversation);

  Flows& flows_;
  const LinkLimits& limits_;
  std::list<Request> requests_;
};

}  // namespace pusher::listen

#endif  // PUSHER_LISTEN_PENDING_H_
