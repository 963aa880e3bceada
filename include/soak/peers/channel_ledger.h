// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_CHANNEL_LEDGER_H_
#define SOAK_PEERS_CHANNEL_LEDGER_H_

// What the fakes of Telegram, Slack and Discord saw, and what they found in it.
//
// A conversation is a chat, a channel or a webhook. Memory is bounded, whatever a client does, and nearly all of it is
// taken at once, so that a fake in the process of a soak does not look like a leak: counters, the last requests, and
// the last keys of all conversations. The defaults know the messages of a day of 22 conversations at one each 30 s; of
// one that is repeated later than `keys_kept` other messages nothing is seen.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/detail/clock.h"
#include "soak/detail/enum_names.h"

namespace soak::peers {

// What makes a message that one and no other within its conversation, and its place in the order if it tells.
struct MessageKey {
  std::uint64_t key = 0;
  std::optional<std::uint64_t> order = std::nullopt;
};

// The whole text, and the first number in it: 17 of "soak 17 of conversation 3".
MessageKey whole_text_key(std::string_view text);

struct ChannelLedgerOptions {
  std::function<MessageKey(std::string_view text)> key_of = &whole_text_key;
  std::size_t keys_kept = 65'536;        // At least, of all conversations together; each takes 32 to 64 bytes.
  std::size_t conversations_max = 4096;  // Above it the one that was silent for longest is forgotten, and counted.
  std::size_t requests_kept = 128;       // The last of them, all conversations together.
  // A request that comes so soon after a refusal was under way when the client learnt of it, unless it is on the same
  // connection, or is what was refused.
  std::chrono::nanoseconds in_flight = std::chrono::milliseconds{50};
  // What a client has to wait at least after a 429 that does not say how long, or says 0.
  std::chrono::nanoseconds unsaid_wait = std::chrono::seconds{1};
};

enum class ChannelOutcome : std::uint8_t {
  kAnswered,  // No send: getMe, auth.test.
  kStored,
  kDeduplicated,  // By its nonce: the first message was answered, and none was stored.
  kRefused,       // For what it asked for.
  kCredential,    // For its token.
  kRateLimited,
  kFailed,  // 5xx, or what says the same in 200. Stored or not: see `stored`.
  kReset,   // The connection was reset. Likewise.
};

struct ChannelRequest {
  Instant at;
  std::uint64_t connection = 0;
  std::string conversation;      // Empty where it did not come so far. Never a token, or a webhook's secret.
  std::uint32_t credential = 0;  // 1 for the first valid one, 2 after a rotation, ...; 0 for one that never was.
  std::uint64_t key = 0;         // Of a send, whole_text_key() or the option's.
  std::string nonce;
  ChannelOutcome outcome = ChannelOutcome::kAnswered;
  bool stored = false;
  int status = 0;  // 0: reset.
  std::chrono::nanoseconds retry_after{0};
};

enum class ChannelFindingKind : std::uint8_t {
  kStoredTwice,
  kOutOfOrder,
  kInsideWindow,       // A request inside a Retry-After window.
  kCredentialRefused,  // A credential was used that had been refused before, or never was one.
  kSentAgain,          // A send whose outcome was unknown came again, without a nonce that makes this safe.
  kWave,               // Conversations that came back within 100 ms after a shared limit.
};
inline constexpr std::size_t kChannelFindingKinds = detail::kEnumerators<ChannelFindingKind>;

std::string_view to_string(ChannelFindingKind kind);

struct ChannelFinding {
  ChannelFindingKind kind;
  std::string text;  // "conversation 42: 12:04:31 429 with Retry-After 30, next request 4.1 s later"
};

struct ChannelLedger {
  std::uint64_t requests = 0;
  std::map<int, std::uint64_t> answers_by_status;  // 0: reset.
  std::uint64_t polls = 0;

  std::uint64_t messages_stored = 0;
  std::uint64_t messages_deduplicated = 0;
  std::uint64_t refused = 0;       // For what they asked for.
  std::uint64_t rate_limited = 0;  // 429s.
  std::uint64_t failed = 0;
  std::uint64_t resets = 0;
  std::uint64_t rotations = 0;  // Credentials and webhooks.
  // Refusals that a rotation makes inevitable: the first one after it, and what was under way then.
  std::uint64_t rotation_refusals = 0;
  std::uint64_t unknown_outcomes = 0;           // Sends of which a client cannot know whether they were stored.
  std::uint64_t unknown_outcomes_resolved = 0;  // That came again with a nonce and enforce_nonce.
  std::uint64_t under_way_in_window = 0;        // Requests that came inside a window, but too soon to know of it.

  // What no client should do; the first five of each kind are among the findings.
  std::uint64_t stored_twice = 0;
  std::uint64_t out_of_order = 0;  // Stored after one of a higher order.
  std::uint64_t inside_window = 0;
  std::uint64_t credential_failures = 0;
  std::uint64_t sent_again = 0;
  std::uint64_t longest_429_row = 0;  // In one conversation.
  std::uint64_t largest_wave = 0;     // Conversations that came back within 100 ms of each other; 1 is none.

  std::uint64_t conversations = 0;  // Seen, forgotten ones included.
  // Of these order, windows and limits begin anew.
  std::uint64_t conversations_forgotten = 0;

  std::vector<ChannelFinding> findings;
  std::vector<ChannelRequest> last_requests;  // The latest at the end.
};

// Its totals, on one line: "requests=12 stored=10 deduplicated=0 ...".
std::string to_string(const ChannelLedger& ledger);

}  // namespace soak::peers

#endif  // SOAK_PEERS_CHANNEL_LEDGER_H_
