// SPDX-License-Identifier: Apache-2.0
#include "pusher/ledger.h"

#include <algorithm>
#include <utility>

namespace pusher {

using soak::Label;

Ledger::Ledger()
    : upload_drops_(soak::metrics::counter("pusher_private_cloud_upload_drops_total",
                                           "Chunks of the private cloud that no try could upload")) {
  for (std::size_t i = 0; i < kPlaces; ++i) {
    const Label queue = label_of(static_cast<Place>(i));
    PlaceMetrics of{soak::metrics::counter("pusher_queue_drops_total",
                                           "Items that a full queue or a session's budget dropped", {{"queue", queue}}),
                    soak::metrics::counter("pusher_queue_dropped_bytes_total", "Their bytes", {{"queue", queue}}),
                    {}};
    for (std::size_t reason = 0; reason < kDropReasons; ++reason) {
      of.by_reason.push_back(soak::metrics::counter(
          "pusher_drops_total", "Accepted items that were not stored, by where they waited and why",
          {{"queue", queue}, {"reason", label_of(static_cast<DropReason>(reason))}}));
    }
    metrics_.push_back(std::move(of));
  }
}

Tally Ledger::held() const {
  Tally sum;
  for (const Account& account : sinks_) {
    sum += account.held;
  }
  return sum;
}

bool Ledger::balanced() const {
  return std::all_of(sinks_.begin(), sinks_.end(), [](const Account& account) {
    return account.accepted == account.stored + account.dropped + account.held;
  });
}

void Ledger::accept(Sink sink, const Tally& what) {
  Account& account = sinks_[index(sink)];
  account.accepted += what;
  account.held += what;
}

void Ledger::store(Sink sink, const Tally& what) {
  Account& account = sinks_[index(sink)];
  account.stored += what;
  account.held -= what;
}

void Ledger::drop(Sink sink, Place place, DropReason reason, bool uncertain, const Tally& what) noexcept {
  Account& account = sinks_[index(sink)];
  account.dropped += what;
  account.held -= what;
  if (uncertain) {
    account.uncertain += what;
  }
  const Tally counted{std::max<std::uint64_t>(what.items, 1), what.bytes};
  drops_[index(place)][index(reason)] += counted;
  const PlaceMetrics& metrics = metrics_[index(place)];
  const auto items = static_cast<double>(counted.items);
  metrics.by_reason[index(reason)].increment(items);
  if (reason == DropReason::kFull || reason == DropReason::kBudget) {
    metrics.drops.increment(items);
    metrics.bytes.increment(static_cast<double>(what.bytes));
  }
  if (reason == DropReason::kFailed && sink == Sink::kPrivateCloud) {
    upload_drops_.increment(items);
  }
}

Entry::Entry(Ledger& ledger, Sink sink, Place place, Tally what)
    : ledger_(&ledger), sink_(sink), place_(place), left_(what) {
  ledger.accept(sink, what);
}

Entry::Entry(Entry&& other) noexcept
    : ledger_(std::exchange(other.ledger_, nullptr)),
      sink_(other.sink_),
      place_(other.place_),
      uncertain_(other.uncertain_),
      left_(std::exchange(other.left_, {})) {}

Entry& Entry::operator=(Entry&& other) noexcept {
  if (this != &other) {
    drop_rest();
    ledger_ = std::exchange(other.ledger_, nullptr);
    sink_ = other.sink_;
    place_ = other.place_;
    uncertain_ = other.uncertain_;
    left_ = std::exchange(other.left_, {});
  }
  return *this;
}

void Entry::absorb(Entry&& other) {
  if (ledger_ == nullptr) {
    *this = std::move(other);
    return;
  }
  left_ += std::exchange(other.left_, {});
  uncertain_ = uncertain_ || other.uncertain_;
  other.ledger_ = nullptr;
}

void Entry::store(std::uint64_t items) {
  if (ledger_ != nullptr) {
    ledger_->store(sink_, take(items));
  }
}

void Entry::drop(DropReason reason, std::uint64_t items) {
  if (ledger_ != nullptr && left_ != Tally{}) {
    ledger_->drop(sink_, place_, reason, uncertain_, take(items));
  }
}

Tally Entry::take(std::uint64_t items) {
  Tally taken = left_;
  if (items < left_.items) {
    taken = {items, left_.bytes / left_.items * items};
  }
  left_ -= taken;
  return taken;
}

void Entry::drop_rest() noexcept {
  if (ledger_ != nullptr && left_ != Tally{}) {
    ledger_->drop(sink_, place_, ledger_->reason_, uncertain_, std::exchange(left_, {}));
  }
}

}  // namespace pusher
