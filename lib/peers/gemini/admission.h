// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_GEMINI_ADMISSION_H_
#define SOAK_LIB_PEERS_GEMINI_ADMISSION_H_

// Whether a handshake gets a connection to the fake of Gemini Live, and how it is sent away if not.

#include <string>
#include <string_view>

#include "lib/peers/gemini/service.h"
#include "soak/net/websocket_server.h"
#include "soak/peers/gemini_live_peer.h"

namespace soak::peers::gemini {

inline constexpr std::string_view kPath =
    "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

inline constexpr std::string_view kBadKeyText = "API key not valid. Please pass a valid API key.";

// {"error":{"code":..,"message":..,"status":..}}
std::string error_body(int status, std::string_view name, std::string_view message);

struct Admission {
  std::string token;          // The ephemeral token that it came with; empty: a key.
  bool key_to_blame = false;  // With status 101: its setup is answered by a close with kBadKeyText.
  int status = 101;
  std::string body;  // Of a status that is not 101.
};

// The same answer each time it is asked.
Admission admit(Service& service, const net::HandshakeRequest& request);

net::HandshakeReply reply_to(const Admission& admission);

}  // namespace soak::peers::gemini

#endif  // SOAK_LIB_PEERS_GEMINI_ADMISSION_H_
