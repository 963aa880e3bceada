// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_CHANNEL_BOOK_H_
#define SOAK_LIB_PEERS_CHANNEL_BOOK_H_

// Keeps the ledger of a channel's fake: what each conversation may not do at the moment, and what it should not have
// done.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "lib/peers/token_bucket.h"
#include "soak/event_loop.h"
#include "soak/peers/channel_ledger.h"

namespace soak::peers {

// The last keys, in two generations: the older one goes when the younger one is full. So at least `kept` of them are
// known, and twice as many at most. All memory is taken, and touched, at once: a fake that grew with its messages would
// be the leak that a soak finds.
class RecentKeys {
 public:
  explicit RecentKeys(std::size_t kept);

  // False if it is there already.
  bool add(std::uint64_t key);

 private:
  // An open-addressed table, at most half full; 0 is an empty slot.
  using Table = std::vector<std::uint64_t>;
  static bool contains(const Table& table, std::uint64_t key);
  // Where `key` is, or would be.
  static std::size_t slot_of(const Table& table, std::uint64_t key);

  std::size_t kept_;
  std::size_t size_ = 0;  // Of the younger.
  Table younger_;
  Table older_;
};

enum class Scope : std::uint8_t { kConversation, kCredential, kAddress };

// The time that a 429 asks to wait.
struct RetryWindow {
  bool open(Instant now) const { return now < until; }

  Instant from{};
  Instant until{};
  std::string said;              // "12:04:31 429 with Retry-After 30"
  std::uint64_t connection = 0;  // Of the request that was refused.
  std::uint64_t key = 0;         // Likewise.
};

// What the provider limits as one: a conversation, a webhook with its threads, a method.
struct LimitState {
  Instant last_at{};
  RetryWindow window;
  bool limited = false;   // It was refused by a 429, and has not come back since.
  std::uint64_t row = 0;  // Of 429s.

  // What the provider counts; each uses its own.
  TokenBucket pace;
  TokenBucket per_minute;
  CountedWindow bucket;
  CountedWindow hidden;
};

struct ConversationState {
  Instant last_at{};
  std::optional<std::uint64_t> highest;
  std::deque<std::uint64_t> unknown;  // Keys of which the client cannot know whether they were stored.

  bool blocked = false;
  std::string migrated_to;

  struct Nonce {
    std::string nonce;
    std::string message;
    Instant at;
  };
  std::deque<Nonce> nonces;
};

class ChannelBook {
 public:
  ChannelBook(EventLoop& loop, ChannelLedgerOptions options)
      : loop_(loop), options_(std::move(options)), keys_(options_.keys_kept) {
    ledger_.last_requests.reserve(options_.requests_kept);
  }

  const ChannelLedger& ledger() const { return ledger_; }
  ChannelLedger& ledger() { return ledger_; }
  const ChannelLedgerOptions& options() const { return options_; }

  // Valid until the next conversation is asked for.
  ConversationState& conversation(const std::string& id);
  // Of the request's `limit`, or else of its conversation. Valid until the next limit is asked for.
  LimitState& limit(const ChannelRequest& request);

  struct Refused {
    Scope scope;
    std::chrono::nanoseconds remaining;
  };
  // A request has come, with its conversation if that is known. Not empty: it came inside a window, and is to be
  // answered 429 with what remains of it.
  std::optional<Refused> arrive(ChannelRequest& request);

  // A fresh 429; `said` is what stands after "429 with".
  void open_window(Scope scope, const ChannelRequest& request, std::chrono::nanoseconds length, std::string_view said);

  // The message of a send that nothing but a fault can stop now. `safe`: its nonce lets the provider find the first
  // one.
  void came(const ChannelRequest& request, bool safe);
  void store(ChannelRequest& request, const MessageKey& key);
  // The client will not know what became of it.
  void lose(const ChannelRequest& request);

  void rotated();
  // `outdated`: it was valid before the last rotation.
  void refuse_credential(const ChannelRequest& request, bool outdated);

  // What the request was answered; the last word on it.
  void answer(const ChannelRequest& request);

  std::string wall_time() const;  // "12:04:31", of the loop's wall clock.

 private:
  void find(ChannelFindingKind kind, std::string text);
  bool was_under_way(const ChannelRequest& request, const RetryWindow& window) const;
  void look_at_return(LimitState& limit, bool after_shared);

  EventLoop& loop_;
  ChannelLedgerOptions options_;
  ChannelLedger ledger_;
  RecentKeys keys_;
  std::unordered_map<std::string, ConversationState> conversations_;
  std::unordered_map<std::string, LimitState> limits_;
  RetryWindow credential_window_;
  RetryWindow address_window_;
  std::deque<Instant> returns_;   // Of conversations that had been limited, the last 100 ms.
  std::size_t wave_finding_ = 0;  // Its place among the findings, plus one.
  std::array<std::size_t, kChannelFindingKinds> found_{};
  std::optional<Instant> rotated_at_;
  std::string rotated_wall_;
  std::optional<Instant> first_refusal_;  // Since then.
  bool confirmed_ = false;                // Once more: a client may doubt a refusal.
  bool followed_ = false;                 // The new credential has been used.
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_CHANNEL_BOOK_H_
