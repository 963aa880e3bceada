// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/tool_calls.h"

#include <algorithm>
#include <cstddef>

#include "soak/net/websocket.h"

namespace soak::voice {
namespace {

// At a time. Nobody has so many functions to call; a provider that goes on calling is not followed.
constexpr std::size_t kCallsMax = 64;

}  // namespace

bool ToolCalls::take(const ToolCall& call) {
  if (calls_.size() >= kCallsMax || !calls_.emplace(call.id, Call{.name = call.name}).second) {
    return false;
  }
  ++counters_.tool_calls;
  if (sink_) {
    sink_(call);
  }
  return true;
}

void ToolCalls::cancel(std::string_view call_id) {
  const auto call = calls_.find(call_id);
  if (call == calls_.end()) {
    return;
  }
  calls_.erase(call);
  ++counters_.tool_calls_cancelled;
}

void ToolCalls::cancel_all() {
  counters_.tool_calls_cancelled += calls_.size();
  calls_.clear();
}

bool ToolCalls::awaited() const {
  return std::any_of(calls_.begin(), calls_.end(), [](const auto& call) { return call.second.awaited; });
}

void ToolCalls::stop_awaiting() {
  for (auto& [id, call] : calls_) {
    call.awaited = false;
  }
}

const std::string* ToolCalls::find(std::string_view call_id) const {
  const auto call = calls_.find(call_id);
  return call == calls_.end() || call->second.being_answered ? nullptr : &call->second.name;
}

Task<bool> ToolCalls::answer(std::string call_id, std::string message) {
  calls_.find(call_id)->second.being_answered = true;
  const ReconnectingConnection::Socket socket = connection_.socket();
  try {
    co_await socket->send_text(std::move(message));
    connection_.count_other();
  } catch (const net::ConnectionClosed&) {  // And with it the call, of which the connection tells.
    co_return false;
  }
  if (calls_.erase(call_id) == 0) {
    co_return false;
  }
  ++counters_.tool_results_sent;
  co_return true;
}

}  // namespace soak::voice
