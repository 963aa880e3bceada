// SPDX-License-Identifier: Apache-2.0
#include "tests/examples/pusher/store_peer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pusher::tests {
namespace {

class Counted {
 public:
  Counted(std::size_t& now, std::size_t& most) : now_(now) { most = std::max(most, ++now_); }
  ~Counted() { --now_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::size_t& now_;
};

std::string second_part(const std::string& path) {
  const std::size_t from = path.find('/', 1) + 1;
  return path.substr(from, path.find('/', from) - from);
}

}  // namespace

StorePeer::StorePeer(soak::EventLoop& loop)
    : loop_(loop), server_(loop, [this](soak::net::HttpServerRequest request) { return reply(std::move(request)); }) {}

soak::Task<soak::net::HttpReply> StorePeer::reply(soak::net::HttpServerRequest http) {
  Request request{loop_.now(), second_part(http.path), http.path, http.headers.get("Idempotency-Key"),
                  std::move(http.body)};
  if (record) {
    requests.push_back(request);
  }
  Kind& kind = kinds_[request.kind];
  const Counted counted(kind.under_way, kind.at_once_max);
  const StoreAnswer answer = script ? script(request) : StoreAnswer::kStore;
  switch (answer) {
    case StoreAnswer::kFail:
      co_return soak::net::HttpReply(503);
    case StoreAnswer::kGone:
      co_return soak::net::HttpReply(404);
    case StoreAnswer::kLeased:
      co_return soak::net::HttpReply(409);
    case StoreAnswer::kFenced:
      co_return soak::net::HttpReply(412);
    case StoreAnswer::kReset:
      co_return soak::net::HttpReply::reset();
    case StoreAnswer::kStoreAndHang:
      keep(kind, request);
      break;
    case StoreAnswer::kSlow:
      co_await soak::sleep_for(slow);
      break;
    case StoreAnswer::kHang:
    case StoreAnswer::kStore:
      break;
  }
  if (answer == StoreAnswer::kHang || answer == StoreAnswer::kStoreAndHang) {
    co_await released_.wait();
    co_return soak::net::HttpReply(503);
  }
  keep(kind, request);
  co_return soak::net::HttpReply(200, body ? body(request) : std::string());
}

void StorePeer::keep(Kind& kind, const Request& request) {
  if (kind.keys.insert(request.key).second) {
    kind.kept += {1, request.body.size()};
  } else {
    ++kind.repeated;
  }
}

void StorePeer::release_hung() {
  released_.set();
  released_.reset();
}

void StorePeer::forget_keys() {
  for (auto& [name, kind] : kinds_) {
    kind.keys.clear();
  }
}

std::vector<StorePeer::Request> StorePeer::of(const std::string& kind) const {
  std::vector<Request> found;
  std::copy_if(requests.begin(), requests.end(), std::back_inserter(found),
               [&](const Request& request) { return request.kind == kind; });
  return found;
}

Tally StorePeer::kept(const std::string& kind) const {
  const auto found = kinds_.find(kind);
  return found == kinds_.end() ? Tally{} : found->second.kept;
}

std::uint64_t StorePeer::repeated(const std::string& kind) const {
  const auto found = kinds_.find(kind);
  return found == kinds_.end() ? 0 : found->second.repeated;
}

std::size_t StorePeer::at_once_max(const std::string& kind) const {
  const auto found = kinds_.find(kind);
  return found == kinds_.end() ? 0 : found->second.at_once_max;
}

std::string kind_of(Sink sink) {
  std::string kind = label_of(sink).text();
  std::replace(kind.begin(), kind.end(), '_', '-');
  return kind;
}

void LedgerTotals::add(const Ledger& ledger) {
  for (std::size_t i = 0; i < kSinks; ++i) {
    const auto sink = static_cast<Sink>(i);
    sums_[i].accepted += ledger.accepted(sink);
    sums_[i].stored += ledger.stored(sink);
    sums_[i].dropped += ledger.dropped(sink);
    sums_[i].uncertain += ledger.uncertain(sink);
    sums_[i].held += ledger.held(sink);
  }
}

std::vector<std::string> disagreements(const Ledger& ledger, const StorePeer& stores) {
  LedgerTotals one;
  one.add(ledger);
  return disagreements(one, stores);
}

std::vector<std::string> disagreements(const LedgerTotals& ledgers, const StorePeer& stores) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < kSinks; ++i) {
    const auto sink = static_cast<Sink>(i);
    const std::string name = label_of(sink).text();
    const auto& [accepted, stored, dropped, uncertain, held] = ledgers.sums_[i];
    if (accepted != stored + dropped + held) {
      lines.push_back(fmt::format("{}: accepted {} bytes, but stored {}, dropped {} and holds {}", name, accepted.bytes,
                                  stored.bytes, dropped.bytes, held.bytes));
    }
    if (held != Tally{}) {
      lines.push_back(fmt::format("{}: still holds {} bytes of {} accepted", name, held.bytes, accepted.bytes));
    }
    const Tally kept = stores.kept(kind_of(sink));
    const Tally most = stored + uncertain;
    const bool audio = sink == Sink::kPrivateCloud || sink == Sink::kAudioApp || sink == Sink::kAudioWebhook;
    const bool by_bytes = sink != Sink::kSpeakerSamples;  // Whose bytes in the store are JSON.
    if ((by_bytes && (kept.bytes < stored.bytes || kept.bytes > most.bytes)) ||
        (!audio && (kept.items < stored.items || kept.items > most.items))) {
      lines.push_back(fmt::format("{}: the store has {} items, {} bytes; expected {} to {} items, {} to {} bytes", name,
                                  kept.items, kept.bytes, stored.items, most.items, stored.bytes, most.bytes));
    }
  }
  return lines;
}

}  // namespace pusher::tests
