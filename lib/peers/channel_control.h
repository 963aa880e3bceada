// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_CHANNEL_CONTROL_H_
#define SOAK_LIB_PEERS_CHANNEL_CONTROL_H_

// The one path of a channel's fake that is no provider's: by it a test in any language posts a user's message.
//
//   POST /_soak/messages {"conversation": "42", "text": "hello", "from": "7"}
//   200 {"id": "1"}

#include <functional>
#include <string>
#include <string_view>

#include "lib/peers/json_parser.h"
#include "soak/net/http.h"
#include "soak/net/http_server.h"

namespace soak::peers {

inline constexpr std::string_view kControlPath = "/_soak/messages";

struct IncomingMessage {
  std::string conversation;  // A chat, a channel, a thread.
  std::string text;
  std::string from;  // The user's id; empty for one that the fake chooses.
};

// `post` adds the message and returns its id, or "" if there is no such conversation. What is wrong with the request is
// a 400 that says so.
net::HttpResponse answer_control(JsonParser& parser, const net::HttpServerRequest& request,
                                 const std::function<std::string(const IncomingMessage&)>& post);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_CHANNEL_CONTROL_H_
