// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_VOICE_TOOL_CALLS_H_
#define SOAK_LIB_VOICE_TOOL_CALLS_H_

// The calls of the program's functions that are under way on a connection. Each ends once: its result is sent, or it is
// cancelled, by the provider or with its connection.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "lib/voice/reconnecting_connection.h"
#include "soak/task.h"
#include "soak/voice/client.h"

namespace soak::voice {

class ToolCalls {
 public:
  // `counters` and `connection` must outlive it. `sink` may be empty.
  ToolCalls(ClientCounters& counters, ReconnectingConnection& connection, ToolSink sink)
      : counters_(counters), connection_(connection), sink_(std::move(sink)) {}

  // Hands it out. False for what is invalid: one more than anybody has, or one whose id is under way already.
  bool take(const ToolCall& call);
  void cancel(std::string_view call_id);
  // The next connection knows nothing of them.
  void cancel_all();

  // Whether an answer waits for a result; not for those of which stop_awaiting() was told.
  bool awaited() const;
  void stop_awaiting();

  // The name of the function; null where the call is not under way, or its result is being sent.
  const std::string* find(std::string_view call_id) const;
  // Sends the result of a call that find() knows. False where the call was cancelled first.
  Task<bool> answer(std::string call_id, std::string message);

 private:
  struct Call {
    std::string name;
    bool awaited = true;
    bool being_answered = false;
  };

  ClientCounters& counters_;
  ReconnectingConnection& connection_;
  const ToolSink sink_;
  std::map<std::string, Call, std::less<>> calls_;  // By their ids.
};

}  // namespace soak::voice

#endif  // SOAK_LIB_VOICE_TOOL_CALLS_H_
