// SPDX-License-Identifier: Apache-2.0
#include "pusher/listen/pending.h"

#include <algorithm>
#include <utility>

namespace pusher::listen {

void PendingConversations::add(pusher::Finalize request, soak::Instant now) {
  if (Request* const known = find(request.conversation_id)) {
    known->finalize = std::move(request);
    known->due = now;
    known->sends = 0;
    return;
  }
  if (requests_.size() >= limits_.pending) {
    requests_.erase(std::min_element(requests_.begin(), requests_.end(),
                                     [](const Request& a, const Request& b) { return a.sent < b.sent; }));
  }
  Parcel parcel(flows_, Flow::kFinalisations, 1);
  requests_.push_back({std::move(parcel), std::move(request), now, now});
}

std::vector<pusher::Finalize> PendingConversations::take_due(soak::Instant now) {
  std::vector<pusher::Finalize> due;
  for (Request& request : requests_) {
    if (request.due > now) {
      continue;
    }
    if (request.sends > limits_.pending_retries) {
      request.sends = 0;
      request.due = now + limits_.pending_cooldown;
      continue;
    }
    ++request.sends;
    request.sent = now;
    request.due = now + limits_.pending_timeout;
    due.push_back(request.finalize);
  }
  return due;
}

void PendingConversations::rearm(soak::Instant now) {
  for (Request& request : requests_) {
    request.sends = 0;
    request.due = now;
  }
}

void PendingConversations::put_back(const std::string& conversation, soak::Instant now) {
  if (Request* const request = find(conversation)) {
    request->sends -= request->sends > 0 ? 1U : 0U;
    request->due = now;
  }
}

bool PendingConversations::answer(const pusher::Finalized& answer, soak::Instant now) {
  Request* const request = find(answer.conversation_id);
  if (request == nullptr || request->finalize.dispatch_generation != answer.dispatch_generation) {
    return false;
  }
  if (answer.success || answer.fenced || answer.terminal) {
    request->parcel.sent();
    requests_.remove_if([&](const Request& other) { return &other == request; });
    return true;
  }
  if (answer.error != "job_leased") {
    request->due = now;
  }
  return false;
}

bool PendingConversations::has(const std::string& conversation) const {
  return std::any_of(requests_.begin(), requests_.end(),
                     [&](const Request& request) { return request.finalize.conversation_id == conversation; });
}

PendingConversations::Request* PendingConversations::find(const std::string& conversation) {
  const auto found = std::find_if(requests_.begin(), requests_.end(), [&](const Request& request) {
    return request.finalize.conversation_id == conversation;
  });
  return found == requests_.end() ? nullptr : &*found;
}

}  // namespace pusher::listen
