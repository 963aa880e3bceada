// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/gemini/sessions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <system_error>
#include <utility>

namespace soak::peers::gemini {
namespace {

constexpr std::size_t kKeySize = 21;  // Of Ids::next().
constexpr int kAgeBase = 36;

}  // namespace

std::shared_ptr<StoredSession> Sessions::begin(std::string model) {
  return std::make_shared<StoredSession>(std::move(model), loop_.now());
}

std::shared_ptr<StoredSession> Sessions::find(std::string_view handle) {
  forget_old();
  const auto found = by_key_.find(handle.substr(0, std::min(handle.size(), kKeySize)));
  if (found == by_key_.end()) {
    return nullptr;
  }
  const std::shared_ptr<StoredSession>& session = found->second;
  std::int64_t age = 0;  // Of the session, when the handle was given out.
  const std::string_view text = handle.substr(kKeySize);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), age, kAgeBase);
  if (error != std::errc() || end != text.data() + text.size() || age < 0) {
    return nullptr;
  }
  const Instant given_at = session->began + std::chrono::nanoseconds(age);
  const bool is_last = given_at == session->handle_at;
  const bool is_good = is_last || (given_at < session->handle_at && loop_.now() < given_at + options_.handle_validity);
  return is_good ? session : nullptr;
}

std::string Sessions::issue(const std::shared_ptr<StoredSession>& session, Ids& ids) {
  if (session->key.empty()) {
    session->key = ids.next({});
    by_key_.emplace(session->key, session);
  }
  session->handle_at = loop_.now();
  std::array<char, 20> age{};
  const std::int64_t ns = (session->handle_at - session->began).count();
  const char* const end = std::to_chars(age.data(), age.data() + age.size(), ns, kAgeBase).ptr;
  return session->key + std::string(age.data(), static_cast<std::size_t>(end - age.data()));
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
  if (session->key.empty()) {
    return;
  }
  session->ended_at = loop_.now();
  session->ended = ended_.insert(ended_.end(), session);
  forget_old();
}

void Sessions::forget(StoredSession& session) {
  by_key_.erase(session.key);
  session.key.clear();
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
