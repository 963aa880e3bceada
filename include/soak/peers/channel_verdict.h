// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_CHANNEL_VERDICT_H_
#define SOAK_PEERS_CHANNEL_VERDICT_H_

// Turns the ledger of a channel's fake into findings about the client, for the verdict of a soak.

#include <string_view>
#include <vector>

#include "soak/growth/verdict.h"
#include "soak/peers/channel_ledger.h"

namespace soak::peers {

// One finding for each kind of thing that no client should do, with its count and the first occurrences:
//   retry_after_honoured  a request came inside a Retry-After window
//   stored_twice          a message was stored twice
//   sent_again            a message that may have arrived was resent, without a nonce to make that safe
//   order_kept            a message was stored after a later one of its conversation
//   credential_followed   a credential was used after it was refused
//   spread                more than half of the conversations, at least four, resumed within 100 ms after a limit
std::vector<probe::Finding> judge(const ChannelLedger& ledger);

// True if a message with this text was stored in any conversation, among the last requests that the ledger keeps. For a
// ledger that uses whole_text_key().
bool has_message(const ChannelLedger& ledger, std::string_view text);

}  // namespace soak::peers

#endif  // SOAK_PEERS_CHANNEL_VERDICT_H_
