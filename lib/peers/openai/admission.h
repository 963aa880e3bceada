// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_OPENAI_ADMISSION_H_
#define SOAK_LIB_PEERS_OPENAI_ADMISSION_H_

// Whether a handshake gets a session of the fake of OpenAI Realtime, and how it is sent away if not.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lib/peers/openai/json.h"
#include "lib/peers/openai/service.h"
#include "soak/net/websocket_server.h"
#include "soak/peers/openai_realtime_peer.h"

namespace soak::peers::openai {

struct Admission {
  std::string subprotocol;  // To answer with, where there is a 101.
  SessionConfig session;    // What it begins with: of a client secret, or with the model of the query.
  bool sideband = false;    // ?call_id=

  // Set: there is no session.
  std::optional<Refusal> refusal;
  bool key_to_blame = false;
  bool beta_to_blame = false;
  int status = 101;              // 101: an error event, then this close.
  std::uint16_t close_code = 0;  // The reason is "invalid_request_error" and the refusal's code.
};

// The same answer each time it is asked.
Admission admit(const Service& service, const net::HandshakeRequest& request);

// Why the key of a request's Authorization is not accepted; nothing if it is. `secrets_too`: also those that were made
// for clients.
std::optional<Refusal> refuse_key(const Service& service, std::string_view key, bool secrets_too);

net::HandshakeReply reply_to(const Admission& admission);
std::string close_reason(const Refusal& refusal);

}  // namespace soak::peers::openai

#endif  // SOAK_LIB_PEERS_OPENAI_ADMISSION_H_
