// SPDX-License-Identifier: Apache-2.0
#include "pusher/transcripts.h"

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "soak/gather.h"

namespace pusher {

Transcripts::Transcripts(SessionContext& session)
    : session_(session),
      queue_({.capacity = session.service.options.limits.transcript_queue,
              .when_full = soak::WhenFull::kDropOldest,
              .label = "transcript"},
             session.budget, [](const Item& item) { return item.body.size(); }) {}

void Transcripts::add(Transcript transcript, const std::string& conversation) {
  const UserSettings& user = session_.service.options.user;
  if (user.integrations == 0 && !user.transcript_webhook) {
    return;
  }
  Ledger& ledger = session_.service.ledger;
  const std::string& under = transcript.memory_id.empty() ? conversation : transcript.memory_id;
  Item item;
  item.key = session_.next_key();
  item.body = encode(Transcript{std::move(transcript.segments_json), transcript.segments, under}).substr(4);
  const std::size_t bytes = item.body.size();
  if (user.integrations > 0) {
    item.integrations =
        Entry(ledger, Sink::kIntegrations, Place::kTranscript, {user.integrations, user.integrations * bytes});
  }
  if (user.transcript_webhook) {
    item.webhook = Entry(ledger, Sink::kTranscriptWebhook, Place::kTranscript, {1, bytes});
  }
  push_dropping(ledger, queue_, std::move(item));
}

soak::Task<> Transcripts::run() {
  for (;;) {
    const bool ending = co_await session_.input_ended.wait_for(session_.service.options.limits.transcript_interval);
    while (std::optional<Item> item = queue_.try_pop()) {
      HeldBytes delivering(session_.budget);
      delivering.try_resize(item->body.size());
      co_await deliver(*item);
    }
    if (ending && queue_.closed()) {
      co_return;
    }
  }
}

soak::Task<> Transcripts::deliver(Item& item) {
  std::vector<soak::Task<>> sinks;
  sinks.push_back(to_integrations(item));
  sinks.push_back(to_webhook(item));
  soak::Task<std::vector<soak::GatherResult<void>>> both =
      soak::gather(std::move(sinks), {.label = "pusher_transcript"});
  co_await std::move(both);
}

soak::Task<> Transcripts::to_integrations(Item& item) {
  std::vector<soak::Task<>> calls;
  std::uint64_t refused = 0;
  for (std::size_t i = 0; i < item.integrations.left().items; ++i) {
    calls.push_back(to_integration(i, item, refused));
  }
  if (calls.empty()) {
    co_return;
  }
  item.integrations.set_uncertain(true);
  soak::Task<std::vector<soak::GatherResult<void>>> all = soak::gather(
      std::move(calls),
      {.label = "pusher_integrations", .max_concurrency = soak::kUnlimited, .limit = &session_.service.integrations});
  const std::vector<soak::GatherResult<void>> results = co_await std::move(all);
  std::uint64_t stored = 0;
  for (const soak::GatherResult<void>& result : results) {
    stored += result.ok() ? 1U : 0U;
  }
  item.integrations.store(stored);
  if (refused > 0) {
    item.integrations.set_uncertain(false);
    item.integrations.drop(DropReason::kFailed, refused);
    item.integrations.set_uncertain(true);
  }
  item.integrations.drop(DropReason::kFailed);
}

soak::Task<> Transcripts::to_integration(std::size_t number, const Item& item, std::uint64_t& refused) {
  Delivery delivery(fmt::format("/v1/integrations/{}", number), fmt::format("{}-{}", item.key, number), item.body);
  try {
    const std::string answer = co_await session_.service.stores.post(std::move(delivery));
  } catch (const StoreError& error) {
    refused += error.may_have_arrived() ? 0U : 1U;
    throw;
  }
}

soak::Task<> Transcripts::to_webhook(Item& item) {
  if (item.webhook.left().items == 0) {
    co_return;
  }
  item.webhook.set_uncertain(true);
  try {
    Delivery delivery("/v1/transcript-webhook/" + Stores::path_part(session_.uid), item.key, item.body);
    const std::string answer = co_await session_.service.stores.post(std::move(delivery));
    item.webhook.store();
  } catch (const StoreError& error) {
    item.webhook.set_uncertain(error.may_have_arrived());
    item.webhook.drop(DropReason::kFailed);
  }
}

}  // namespace pusher
