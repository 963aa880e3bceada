// SPDX-License-Identifier: Apache-2.0
#include "pusher/speaker_samples.h"

#include <cstddef>
#include <string>
#include <utility>

namespace pusher {
namespace {

std::size_t bytes_of(const SpeakerSample& sample) {
  std::size_t bytes = sample.person_id.size() + sample.conversation_id.size();
  for (const std::string& id : sample.segment_ids) {
    bytes += id.size() + sizeof(id);
  }
  return bytes;
}

}  // namespace

SpeakerSamples::SpeakerSamples(SessionContext& session)
    : session_(session),
      queue_({.capacity = session.service.options.limits.speaker_queue,
              .when_full = soak::WhenFull::kDropOldest,
              .label = "speaker_sample"},
             session.budget, [](const Item& item) { return bytes_of(item.sample); }) {}

void SpeakerSamples::add(SpeakerSample sample) {
  if (!sample.complete()) {
    return;
  }
  Item item{Entry(session_.service.ledger, Sink::kSpeakerSamples, Place::kSpeakerSample, {1, bytes_of(sample)}),
            std::move(sample), session_.next_key(), session_.service.loop.now()};
  push_dropping(session_.service.ledger, queue_, std::move(item));
}

soak::Task<> SpeakerSamples::run() {
  const Limits& limits = session_.service.options.limits;
  HeldBytes held(session_.budget);
  for (;;) {
    const bool ending = co_await session_.input_ended.wait_for(limits.speaker_interval);
    for (;;) {
      if (!oldest_) {
        oldest_ = queue_.try_pop();
      }
      if (!oldest_) {
        break;
      }
      held.try_resize(bytes_of(oldest_->sample));
      if (!ending && session_.service.loop.now() - oldest_->since < limits.speaker_age) {
        break;
      }
      co_await store(*oldest_);
      oldest_.reset();
      held.try_resize(0);
    }
    if (ending && queue_.closed()) {
      co_return;
    }
  }
}

soak::Task<> SpeakerSamples::store(Item& item) {
  item.entry.set_uncertain(true);
  try {
    Delivery delivery("/v1/speaker-samples/" + Stores::path_part(item.sample.person_id), item.key,
                      encode(item.sample).substr(4));
    const std::string answer = co_await session_.service.stores.post(std::move(delivery));
    item.entry.store();
  } catch (const StoreError& error) {
    item.entry.set_uncertain(error.may_have_arrived());
    item.entry.drop(DropReason::kFailed);
  }
}

}  // namespace pusher
