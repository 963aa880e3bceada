// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "soak/peers/gemini_live_peer.h"

namespace soak::peers {

std::string to_string(const GeminiLiveLedger& ledger) {
  return fmt::format(
      "sessions={} resumed={} lost={} open={} refused={} auth_failures={} messages={} audio_frames={} audio_bytes={} "
      "turns={} interrupted={} tool_calls={} tool_results={} go_aways={} expired={} messages_refused={} "
      "last_refusal=\"{}\"",
      ledger.sessions_opened, ledger.sessions_resumed, ledger.sessions_lost, ledger.sessions_open,
      ledger.connections_refused, ledger.auth_failures, ledger.messages_received, ledger.audio_frames_received,
      ledger.audio_bytes_received, ledger.turns_completed, ledger.turns_interrupted, ledger.tool_calls_sent,
      ledger.tool_calls_answered, ledger.go_aways_sent, ledger.deadlines_expired, ledger.messages_refused,
      ledger.last_refusal);
}

}  // namespace soak::peers
