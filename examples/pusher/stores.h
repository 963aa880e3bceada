// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_STORES_H_
#define PUSHER_STORES_H_

// What the service writes to over HTTP: the private cloud, the users' apps, webhooks and integrations.
//
//   POST /v1/private-cloud/<conversation>   a chunk of PCM
//   POST /v1/audio-app/<uid>                PCM
//   POST /v1/audio-webhook/<uid>            PCM
//   POST /v1/integrations/<number>          a transcript, JSON
//   POST /v1/transcript-webhook/<uid>       a transcript, JSON
//   POST /v1/speaker-samples/<person>       JSON
//   POST /v1/conversations/<id>/finalize    JSON
//
// Each delivery has an Idempotency-Key, the same for every try, so that a store keeps it once however often it arrives.

#include <string>
#include <string_view>

#include "pusher/options.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/task.h"

namespace pusher {

// The store did not take a delivery.
class StoreError : public soak::Error {
 public:
  StoreError(const std::string& what, int status, bool may_have_arrived)
      : soak::Error(soak::Errc::kRejected, what), status_(status), may_have_arrived_(may_have_arrived) {}

  int status() const { return status_; }                          // 0 without a response.
  bool gone() const { return status_ == 404 || status_ == 410; }  // What it is for was deleted.
  bool may_have_arrived() const { return may_have_arrived_; }     // No response: the store may have it, or not.

 private:
  int status_;
  bool may_have_arrived_;
};

struct Delivery {
  Delivery() = default;
  Delivery(std::string delivery_path, std::string delivery_key, std::string delivery_body)
      : path(std::move(delivery_path)), key(std::move(delivery_key)), body(std::move(delivery_body)) {}

  std::string path;
  std::string key;
  std::string body;
};

class Stores {
 public:
  Stores(soak::EventLoop& loop, const StoreOptions& options);

  // Returns the body of the store's response, once it has stored. Throws StoreError.
  soak::Task<std::string> post(Delivery delivery);

  // "a b/c" as a part of a path.
  static std::string path_part(std::string_view text);

 private:
  std::string url_;
  soak::net::HttpClient client_;
};

}  // namespace pusher

#endif  // PUSHER_STORES_H_
