// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "soak/peers/openai_realtime_peer.h"

namespace soak::peers {

std::string to_string(const OpenAiRealtimeLedger& ledger) {
  return fmt::format(
      "sessions={} lost={} open={} refused={} auth_failures={} events={} audio_frames={} audio_bytes={} responses={} "
      "tool_calls={} tool_results={} errors={}",
      ledger.sessions_opened, ledger.sessions_lost, ledger.sessions_open, ledger.refused_handshakes,
      ledger.auth_failures, ledger.events_received, ledger.audio_frames_received, ledger.audio_bytes_received,
      ledger.responses_done, ledger.tool_calls_sent, ledger.tool_calls_answered, ledger.errors_sent);
}

}  // namespace soak::peers
