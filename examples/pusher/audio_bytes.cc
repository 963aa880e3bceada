// SPDX-License-Identifier: Apache-2.0
#include "pusher/audio_bytes.h"

#include <chrono>
#include <optional>
#include <utility>

namespace pusher {

AudioBytes::AudioBytes(SessionContext& session)
    : session_(session),
      app_(Sink::kAudioApp, Place::kAudioAppBuffer, session),
      webhook_(Sink::kAudioWebhook, Place::kAudioWebhookBuffer, session),
      queue_({.capacity = session.service.options.limits.audio_bytes_queue,
              .when_full = soak::WhenFull::kDropOldest,
              .label = "audio_bytes"},
             session.budget, [](const Item& item) { return item.pcm.size(); }) {}

void AudioBytes::add(std::string_view pcm) {
  if (pcm.empty()) {
    return;
  }
  const UserSettings& user = session_.service.options.user;
  if (user.audio_app) {
    add_to(app_, pcm);
    if (app_.pcm.size() > audio_bytes(session_.service.options.limits.audio_app, session_.sample_rate)) {
      hand_on(app_, "/v1/audio-app/");
    }
  }
  if (user.audio_webhook > std::chrono::nanoseconds::zero()) {
    add_to(webhook_, pcm);
    if (webhook_.pcm.size() >= audio_bytes(user.audio_webhook, session_.sample_rate)) {
      hand_on(webhook_, "/v1/audio-webhook/");
    }
  }
}

void AudioBytes::add_to(Buffer& buffer, std::string_view pcm) {
  Entry entry(session_.service.ledger, buffer.sink, buffer.place, {0, pcm.size()});
  if (!buffer.bytes.try_resize(buffer.pcm.size() + pcm.size())) {
    entry.drop(DropReason::kBudget);
    return;
  }
  buffer.pcm.append(pcm);
  buffer.entry.absorb(std::move(entry));
}

void AudioBytes::hand_on(Buffer& buffer, const char* path) {
  Item item{std::move(buffer.entry), path, session_.next_key(), std::exchange(buffer.pcm, {})};
  buffer.bytes.try_resize(0);
  item.entry.move_to(Place::kAudioBytes);
  push_dropping(session_.service.ledger, queue_, std::move(item));
}

soak::Task<> AudioBytes::run() {
  for (;;) {
    std::optional<Item> item = co_await queue_.pop();
    if (!item) {
      co_return;
    }
    HeldBytes sending(session_.budget);
    sending.try_resize(item->pcm.size());
    co_await send(*item);
  }
}

soak::Task<> AudioBytes::send(Item& item) {
  item.entry.set_uncertain(true);
  try {
    Delivery delivery(item.path + Stores::path_part(session_.uid), item.key, std::move(item.pcm));
    const std::string answer = co_await session_.service.stores.post(std::move(delivery));
    item.entry.store();
  } catch (const StoreError& error) {
    item.entry.set_uncertain(error.may_have_arrived());
    item.entry.drop(DropReason::kFailed);
  }
}

}  // namespace pusher
