// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_CHANNEL_LEDGER_H_
#define SOAK_PEERS_CHANNEL_LEDGER_H_

// What the fakes of Telegram, Slack and Discord received, and what their clients did wrong.
//
// A conversation is a chat, a channel, a thread or a webhook. Memory is bounded, whatever a client does, and nearly all
// of it is allocated at the start, so that a fake in the process of a soak does not look like a leak. The ledger keeps
// counters, the last requests, and the last message keys. By default it keeps the keys of a day of 22 conversations
// with one message each 30 s. It does not notice a message that is repeated after more than `keys_kept` other messages.

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

// Identifies a message within its conversation; with its place in the order, if the text has one.
struct MessageKey {
  std::uint64_t key = 0;
  std::optional<std::uint64_t> order = std::nullopt;
};

// The key is the whole text, the order the first number in it: 17 in "soak 17 of conversation 3".
MessageKey whole_text_key(std::string_view text);

struct ChannelLedgerOptions {
  std::function<MessageKey(std::string_view text)> key_of = &whole_text_key;
  // Whether the id that a client gives its message, Discord's nonce or Slack's client_msg_id, is its key in place of
  // that of the text. Two messages of one text are two then, if their ids differ.
  bool client_ids = false;
  std::size_t keys_kept = 65'536;        // At least this many, over all conversations; each takes 32 to 64 bytes.
  std::size_t conversations_max = 4096;  // Above it, the one that was silent for longest is forgotten and counted.
  std::size_t requests_kept = 128;       // The last ones, over all conversations.
  std::size_t messages_kept = 256;       // Likewise: those that a client can edit, delete and read.
  // A request that arrives this soon after a refusal was already under way and is not counted against the client,
  // unless it is on the same connection or repeats the refused message.
  std::chrono::nanoseconds in_flight = std::chrono::milliseconds{50};
  // How long a client must wait after a 429 without a wait time, or with 0.
  std::chrono::nanoseconds unsaid_wait = std::chrono::seconds{1};
};

enum class ChannelOutcome : std::uint8_t {
  kAnswered,  // Not a send: getMe, auth.test, an edit.
  kStored,
  kDeduplicated,  // By its nonce: the reply was the first message, and nothing was stored.
  kRefused,       // Its content was refused.
  kCredential,    // Its token was refused.
  kRateLimited,
  kFailed,  // 5xx, or an equivalent error inside a 200. `stored` has whether it was stored.
  kReset,   // The connection was reset. `stored` has whether it was stored.
};

struct ChannelRequest {
  Instant at;
  std::uint64_t connection = 0;
  std::string conversation;  // Empty if it was refused before that was read. Never a token or a webhook's secret.
  // What the provider counts the request for, where that is not the conversation: "webhook" for its threads, a method.
  std::string limit;
  std::uint32_t credential = 0;  // 1 for the first valid one, 2 after a rotation, ...; 0 for one that was never valid.
  std::uint64_t key = 0;         // For a send: from ChannelLedgerOptions::key_of.
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
  kCredentialRefused,  // A credential was used after it was refused, or was never valid.
  kSentAgain,          // A send with an unknown outcome was repeated, without a nonce that makes this safe.
  kWave,               // Many conversations resumed within 100 ms of each other after a shared limit.
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
  std::uint64_t messages_edited = 0;
  std::uint64_t messages_deleted = 0;
  std::uint64_t refused = 0;       // For their content.
  std::uint64_t rate_limited = 0;  // 429s.
  std::uint64_t failed = 0;
  std::uint64_t resets = 0;
  std::uint64_t rotations = 0;  // Credentials and webhooks.
  // Refusals that a rotation makes inevitable: the first one after it, those of requests under way at that time, and
  // one more before the new credential is used, with which a client confirms that it was no passing fault.
  std::uint64_t rotation_refusals = 0;
  std::uint64_t unknown_outcomes = 0;           // Sends whose client cannot know whether they were stored.
  std::uint64_t unknown_outcomes_resolved = 0;  // Those repeated with a nonce and enforce_nonce.
  std::uint64_t under_way_in_window = 0;        // Requests inside a window that were sent before the client knew of it.

  // What no client should do. `findings` has the first five of each kind.
  std::uint64_t stored_twice = 0;
  std::uint64_t out_of_order = 0;  // Stored after a message of a higher order.
  std::uint64_t inside_window = 0;
  std::uint64_t credential_failures = 0;
  std::uint64_t sent_again = 0;
  std::uint64_t longest_429_row = 0;  // In one conversation.
  std::uint64_t largest_wave = 0;     // Conversations that resumed within 100 ms of each other; 1 means no wave.

  std::uint64_t conversations = 0;  // All that were seen, including forgotten ones.
  // If a forgotten conversation resumes, its order, windows and limits start afresh.
  std::uint64_t conversations_forgotten = 0;

  // What clients asked for and did not get, by name; the log has each when it first comes. After 256 names of a kind
  // the rest is "(others)".
  std::map<std::string, std::uint64_t, std::less<>> not_played;  // Options that are accepted, and have no effect here.
  std::map<std::string, std::uint64_t, std::less<>> unknown;     // Methods that the fake does not know.

  std::vector<ChannelFinding> findings;
  std::vector<ChannelRequest> last_requests;  // The newest is last.
};

// Its totals, on one line: "requests=12 stored=10 deduplicated=0 ...".
std::string to_string(const ChannelLedger& ledger);

}  // namespace soak::peers

#endif  // SOAK_PEERS_CHANNEL_LEDGER_H_
