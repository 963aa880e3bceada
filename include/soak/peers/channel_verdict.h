// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_CHANNEL_VERDICT_H_
#define SOAK_PEERS_CHANNEL_VERDICT_H_

// What the ledger of a channel's fake says of the client, for the verdict of a soak.

#include <string_view>
#include <vector>

#include "soak/growth/verdict.h"
#include "soak/peers/channel_ledger.h"

namespace soak::peers {

// A finding for each kind of thing that no client should do, with how often and the first times it was done:
//   retry_after_honoured  requests came inside a Retry-After window
//   stored_twice          the same message was stored again
//   sent_again            what may have arrived came again, without a nonce that makes this safe
//   order_kept            a message was stored after a later one of its conversation
//   credential_followed   a credential was used after its refusal
//   spread                more than half of the conversations, and four at least, came back from a limit within 100 ms
std::vector<probe::Finding> judge(const ChannelLedger& ledger);

// Whether a message with this text was stored in any conversation, among the last requests that the ledger keeps: for a
// ledger whose keys are those of whole_text_key().
bool has_message(const ChannelLedger& ledger, std::string_view text);

}  // namespace soak::peers

#endif  // SOAK_PEERS_CHANNEL_VERDICT_H_
