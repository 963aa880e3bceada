// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_LISTEN_PHOTOS_H_
#define PUSHER_LISTEN_PHOTOS_H_

// Photos, which arrive in chunks: put together, and kept until the worker has stored them. A client that never sends
// the last chunk, or never stops sending, costs a bounded amount.

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "pusher/listen/client_messages.h"
#include "pusher/listen/flows.h"
#include "pusher/listen/options.h"
#include "soak/event_loop.h"

namespace pusher::listen {

struct Photo {
  Parcel parcel;
  std::string id;
  std::string data;
};

class Photos {
 public:
  Photos(Flows& flows, const Limits& limits) : flows_(flows), limits_(limits) {}

  // Throws pusher::FrameError if the image gets too large.
  void add(ImageChunk chunk, soak::Instant now);
  // Forgets images whose first chunk is too old.
  void expire(soak::Instant now);
  std::optional<Photo> take();

  std::size_t incomplete() const { return parts_.size(); }
  std::size_t complete() const { return photos_.size(); }

 private:
  struct Part {
    Parcel parcel;
    std::string id;
    soak::Instant since;
    std::vector<std::optional<std::string>> chunks;
    std::size_t missing;
    std::size_t bytes = 0;
  };

  Flows& flows_;
  const Limits& limits_;
  std::list<Part> parts_;  // Oldest first.
  std::list<Photo> photos_;
};

}  // namespace pusher::listen

#endif  // PUSHER_LISTEN_PHOTOS_H_
