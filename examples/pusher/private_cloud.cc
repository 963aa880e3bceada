// SPDX-License-Identifier: Apache-2.0
#include "pusher/private_cloud.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace pusher {
namespace {

constexpr std::size_t kDeletedMax = 100;
constexpr std::size_t kChunksMax = 100'000;  // Of one conversation; the budget is what limits them.

}  // namespace

PrivateCloud::Pending::Pending(std::string id, SessionContext& session)
    : conversation(std::move(id)),
      since(session.service.loop.now()),
      chunks({.capacity = kChunksMax, .when_full = soak::WhenFull::kDropOldest, .label = "private_cloud_pending"},
             session.budget, [](const Chunk& chunk) { return chunk.pcm.size(); }) {}

PrivateCloud::PrivateCloud(SessionContext& session)
    : session_(session),
      buffer_bytes_(session.budget),
      queue_({.capacity = session.service.options.limits.cloud_queue,
              .when_full = soak::WhenFull::kDropOldest,
              .label = "private_cloud"},
             session.budget, [](const Chunk& chunk) { return chunk.pcm.size(); }) {}

void PrivateCloud::set_conversation(std::string id) {
  flush_buffer();
  conversation_ = std::move(id);
}

void PrivateCloud::add(std::string_view pcm) {
  if (pcm.empty()) {
    return;
  }
  Entry entry(session_.service.ledger, Sink::kPrivateCloud, Place::kPrivateCloudBuffer, {0, pcm.size()});
  if (conversation_.empty()) {
    entry.drop(DropReason::kNoConversation);
    return;
  }
  if (!buffer_bytes_.try_resize(buffer_.size() + pcm.size())) {
    entry.drop(DropReason::kBudget);
    return;
  }
  buffer_.append(pcm);
  buffered_.absorb(std::move(entry));
  if (buffer_.size() >= audio_bytes(session_.service.options.limits.cloud_chunk, session_.sample_rate)) {
    flush_buffer();
  }
}

void PrivateCloud::end_input() {
  flush_buffer();
  queue_.close();
}

void PrivateCloud::flush_buffer() {
  if (buffer_.empty()) {
    return;
  }
  Chunk chunk{std::move(buffered_), conversation_, session_.next_key(), std::exchange(buffer_, {})};
  buffer_bytes_.try_resize(0);
  chunk.entry.move_to(Place::kPrivateCloud);
  push_dropping(session_.service.ledger, queue_, std::move(chunk));
}

soak::Task<> PrivateCloud::run() {
  for (;;) {
    const bool ending = co_await session_.input_ended.wait_for(session_.service.options.limits.cloud_interval);
    collect();
    for (const std::unique_ptr<Pending>& pending : pending_) {
      if (ending || due(*pending)) {
        co_await flush(*pending);
      }
    }
    std::erase_if(pending_, [](const std::unique_ptr<Pending>& pending) { return pending->chunks.empty(); });
    if (queue_.closed() && queue_.empty() && pending_.empty()) {
      co_return;
    }
  }
}

void PrivateCloud::collect() {
  while (std::optional<Chunk> chunk = queue_.try_pop()) {
    if (deleted(chunk->conversation)) {
      chunk->entry.drop(DropReason::kDeleted);
      continue;
    }
    Pending& pending = pending_of(chunk->conversation);
    pending.fresh_bytes += chunk->pcm.size();
    chunk->entry.move_to(Place::kPrivateCloudPending);
    push_dropping(session_.service.ledger, pending.chunks, std::move(*chunk));
  }
}

PrivateCloud::Pending& PrivateCloud::pending_of(const std::string& conversation) {
  for (const std::unique_ptr<Pending>& pending : pending_) {
    if (pending->conversation == conversation) {
      return *pending;
    }
  }
  if (pending_.size() >= session_.service.options.limits.cloud_conversations) {
    const DropScope scope(session_.service.ledger, DropReason::kFull);
    pending_.pop_front();
  }
  pending_.push_back(std::make_unique<Pending>(conversation, session_));
  return *pending_.back();
}

bool PrivateCloud::due(const Pending& pending) const {
  const Limits& limits = session_.service.options.limits;
  return pending.fresh_bytes >= audio_bytes(limits.cloud_chunk, session_.sample_rate) ||
         session_.service.loop.now() - pending.since >= limits.cloud_batch_age;
}

// Each chunk is tried once.
soak::Task<> PrivateCloud::flush(Pending& pending) {
  pending.fresh_bytes = 0;
  for (std::size_t left = pending.chunks.size(); left > 0; --left) {
    std::optional<Chunk> chunk = pending.chunks.try_pop();
    if (!chunk) {
      break;
    }
    co_await upload(*chunk, pending);
  }
  pending.since = session_.service.loop.now();
}

soak::Task<> PrivateCloud::upload(Chunk& chunk, Pending& pending) {
  if (deleted(chunk.conversation)) {
    chunk.entry.drop(DropReason::kDeleted);
    co_return;
  }
  HeldBytes uploading(session_.budget);
  uploading.try_resize(chunk.pcm.size());  // It fits: the queue has just given these bytes back.
  const bool was_uncertain = chunk.entry.uncertain();
  // Until the store answers it may have the chunk, also if this task is destroyed meanwhile.
  chunk.entry.set_uncertain(true);
  try {
    Delivery delivery("/v1/private-cloud/" + Stores::path_part(chunk.conversation), chunk.key, chunk.pcm);
    const std::string answer = co_await session_.service.stores.post(std::move(delivery));
    chunk.entry.store();
    co_return;
  } catch (const StoreError& error) {
    chunk.entry.set_uncertain(was_uncertain || error.may_have_arrived());
    if (error.gone()) {
      deleted_.push_back(chunk.conversation);
      if (deleted_.size() > kDeletedMax) {
        deleted_.pop_front();
      }
      chunk.entry.drop(DropReason::kDeleted);
      co_return;
    }
  }
  if (++chunk.tries >= session_.service.options.limits.cloud_tries) {
    chunk.entry.drop(DropReason::kFailed);
    co_return;
  }
  uploading.try_resize(0);
  push_dropping(session_.service.ledger, pending.chunks, std::move(chunk));
}

bool PrivateCloud::deleted(const std::string& conversation) const {
  return std::find(deleted_.begin(), deleted_.end(), conversation) != deleted_.end();
}

}  // namespace pusher
