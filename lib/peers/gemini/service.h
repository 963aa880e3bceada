// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_SERVICE_H_
#define SOAK_LIB_PEERS_GEMINI_SERVICE_H_

// The state that all connections of one Gemini Live fake share.

#include <cstdint>
#include <string>
#include <utility>

#include "lib/peers/gemini/auth_tokens.h"
#include "lib/peers/gemini/sessions.h"
#include "lib/peers/ids.h"
#include "lib/peers/json_parser.h"
#include "lib/peers/notices.h"
#include "soak/event_loop.h"
#include "soak/peers/gemini_live_peer.h"

namespace soak::peers::gemini {

struct Service {
  Service(EventLoop& own_loop, GeminiLivePeerOptions own_options)
      : loop(own_loop),
        options(std::move(own_options)),
        ids(options.seed ? *options.seed : static_cast<std::uint64_t>(loop.random()())),
        sessions(loop, options),
        notices(loop, "gemini_live_peer", ledger.not_played, ledger.unknown) {}

  EventLoop& loop;
  GeminiLivePeerOptions options;
  GeminiLiveLedger ledger;
  Ids ids;
  Sessions sessions;
  AuthTokens auth_tokens;
  Notices notices;
  JsonParser parser;  // Scratch, like `audio`: a session must be done with both before its next co_await.
  std::string audio;
};

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_SERVICE_H_
