// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_EXAMPLES_PUSHER_STORE_PEER_H_
#define TESTS_EXAMPLES_PUSHER_STORE_PEER_H_

// The stores behind the pusher, as an HTTP peer that the test controls. It keeps every delivery once, by its
// Idempotency-Key, and misbehaves as its script says.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "pusher/ledger.h"
#include "soak/event.h"
#include "soak/event_loop.h"
#include "soak/net/http_server.h"
#include "soak/task.h"

namespace pusher::tests {

enum class StoreAnswer {
  kStore,         // 200
  kSlow,          // The same, after `slow`.
  kFail,          // 503, and nothing is kept.
  kGone,          // 404
  kLeased,        // 409
  kFenced,        // 412
  kHang,          // Nothing is kept, and no answer comes.
  kStoreAndHang,  // Kept, and no answer comes.
  kReset,         // Nothing is kept, and the connection is reset.
};

class StorePeer {
 public:
  struct Request {
    soak::Instant at;
    std::string kind;  // "private-cloud": the second part of its path.
    std::string path;
    std::string key;
    std::string body;
  };
  using Script = std::function<StoreAnswer(const Request&)>;

  explicit StorePeer(soak::EventLoop& loop);

  std::string url() const { return server_.url(); }

  Script script;  // Null: stores everything.
  // The body of the answer to a request that was stored; null for an empty one.
  std::function<std::string(const Request&)> body;
  std::chrono::nanoseconds slow = std::chrono::seconds{10};
  bool record = true;  // Keeps `requests`; without it only the counts.
  std::vector<Request> requests;

  // Ends what hangs, without storing it: as a store does that sees that its client has left.
  void release_hung();

  // Forgets which deliveries it has, so that a long soak does not keep them all. Call it when none is under way.
  void forget_keys();

  std::vector<Request> of(const std::string& kind) const;
  Tally kept(const std::string& kind) const;
  std::uint64_t repeated(const std::string& kind) const;   // Deliveries that it had already.
  std::size_t at_once_max(const std::string& kind) const;  // The most requests of that kind under way together.
  std::size_t under_way() const { return server_.requests_under_way(); }

 private:
  struct Kind {
    Tally kept;
    std::set<std::string> keys;
    std::uint64_t repeated = 0;
    std::size_t under_way = 0;
    std::size_t at_once_max = 0;
  };

  soak::Task<soak::net::HttpReply> reply(soak::net::HttpServerRequest http);
  void keep(Kind& kind, const Request& request);

  soak::EventLoop& loop_;
  std::map<std::string, Kind> kinds_;
  soak::Event released_;
  soak::net::HttpServer server_;
};

// The kind of request by which a sink's deliveries come.
std::string kind_of(Sink sink);

// The sums of ledgers: of several instances that wrote to the same stores, also of those that are no more.
class LedgerTotals {
 public:
  void add(const Ledger& ledger);
  const Tally& accepted(Sink sink) const { return sums_[static_cast<std::size_t>(sink)].accepted; }

 private:
  friend std::vector<std::string> disagreements(const LedgerTotals& ledgers, const StorePeer& stores);

  struct Sums {
    Tally accepted;
    Tally stored;
    Tally dropped;
    Tally uncertain;
    Tally held;
  };
  std::array<Sums, kSinks> sums_{};
};

// What ledgers at rest and their stores disagree about, one line each: accepted = stored + dropped, nothing is held,
// and each store has at least what was stored and at most that and the uncertain drops. Audio is compared by bytes, the
// rest by items as well.
std::vector<std::string> disagreements(const LedgerTotals& ledgers, const StorePeer& stores);
std::vector<std::string> disagreements(const Ledger& ledger, const StorePeer& stores);

}  // namespace pusher::tests

#endif  // TESTS_EXAMPLES_PUSHER_STORE_PEER_H_
