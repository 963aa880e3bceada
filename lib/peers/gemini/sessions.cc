// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/gemini/sessions.h"

#include <utility>

namespace soak::peers::gemini {

std::shared_ptr<StoredSession> Sessions::begin(std::string model) {
  return std::make_shared<StoredSession>(std::move(model), loop_.now());
}

std::shared_ptr<StoredSession> Sessions::find(std::string_view handle) {
  forget_old();
  const auto found = by_handle_.find(handle);
  return found == by_handle_.end() ? nullptr : found->second;
}

void Sessions::issue(const std::shared_ptr<StoredSession>& session, std::string handle) {
  if (!session->previous_handle.empty()) {
    by_handle_.erase(session->previous_handle);
  }
  session->previous_handle = std::exchange(session->handle, std::move(handle));
  by_handle_.emplace(session->handle, session);
}

void Sessions::connected(StoredSession& session, const net::WebSocket& connection) {
  session.connection = &connection;
  if (session.ended) {
    ended_.erase(*session.ended);
  }
  session.ended.reset();
}

void Sessions::disconnected(const std::shared_ptr<StoredSession>& session, const net::WebSocket& connection) {
  if (session->connection != &connection) {
    return;
  }
  session->connection = nullptr;
  if (session->handle.empty()) {
    return;
  }
  session->ended_at = loop_.now();
  session->ended = ended_.insert(ended_.end(), session);
  forget_old();
}

void Sessions::forget(StoredSession& session) {
  by_handle_.erase(session.handle);
  by_handle_.erase(session.previous_handle);
  session.handle.clear();
  session.previous_handle.clear();
  if (const auto place = std::exchange(session.ended, std::nullopt)) {
    ended_.erase(*place);
  }
}

void Sessions::forget_old() {
  while (!ended_.empty() && (ended_.size() > options_.ended_sessions_max ||
                             ended_.front()->ended_at + options_.handle_validity <= loop_.now())) {
    const std::shared_ptr<StoredSession> oldest = ended_.front();
    forget(*oldest);
  }
}

}  // namespace soak::peers::gemini
