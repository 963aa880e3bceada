// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_CHANNEL_FAULTS_H_
#define SOAK_PEERS_CHANNEL_FAULTS_H_

// Faults of the fakes of Telegram, Slack and Discord. A plan decides what happens to each send and to each poll.
//
// Only a request that the fake would otherwise store counts as a send. A request refused for its token, its body or a
// rate limit does not use up a fault. So the third fault hits the third good send, however often the client retried.
//
//   soak::peers::ChannelFaults faults;
//   faults.on_send(3, {.kind = soak::peers::ChannelFaultKind::kStoreThenReset});
//   soak::peers::TelegramPeer peer(loop, {.faults = &faults});
//
// or, for a soak, a day of faults drawn from a seed:
//
//   soak::peers::ChannelFaults faults(soak::peers::daily_channel_faults({.provider = ..., .seed = run.seed()}));

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "soak/detail/enum_names.h"

namespace soak::peers {

enum class ChannelFaultKind : std::uint8_t {
  kNone,

  // 429. Nothing is stored. Until `retry_after` has passed, further requests get the same reply, counting down.
  kRateLimited,            // As the provider documents it.
  kRateLimitedHeaderOnly,  // Only the header has the number.
  kRateLimitedBodyOnly,    // Only the body has it; for Telegram, only its text. Not for Slack.
  kRateLimitedUnsaid,      // No number anywhere.
  kRateLimitedJunk,        // The header is `text`, by default "abc"; no number in the body.
  kRateLimitedLowerCase,   // "retry-after".
  kRateLimitedZero,        // 0.
  kRateLimitedGlobal,      // For all conversations of the credential.
  kRateLimitedShared,      // Discord: scope "shared", with requests remaining.
  kRateLimitedHidden,      // Discord: a limit that its headers do not show.
  kEdgeBan,                // Discord: "error code: 1015", without the API's headers, for the whole address.

  // The client does not know whether the message was stored.
  kStoreThenReset,        // Stored; the connection is reset before the reply.
  kStoreThenSlow,         // Stored; the reply comes after `lasts`.
  kStoreThenError,        // Stored; 500. Slack: fatal_error.
  kServerError,           // Not stored; 500. Slack: internal_error.
  kStoreThenUnavailable,  // Stored; 503 with HTML and a Retry-After of `retry_after`, as from a proxy.
  kBadGateway,            // Not stored; 502 with HTML.
  kStoreNothing,          // Discord: success, but nothing is stored. No effect if the client waits for the message.

  // Not stored.
  kResetBeforeRead,  // The connection is reset before the body is read. A client that had sent all of it cannot tell.
  kRefuse,           // `status` and `text`, in the provider's form: a description, an error, a message with `code`.
  kPage,             // Of a proxy: `status`, with `text` as plain text, or with HTML if that is empty.
  kMigrate,          // Telegram: from now on the chat has a new id, which the 400 contains.
  kBlock,            // Telegram: 403 "bot was blocked by the user" for this chat, from now on.
  kRotate,           // The token, or the webhook, is replaced by a new one. Slack refuses the old one with `text`.
  kWebhookToken,     // Discord: 401 50027 for this webhook from now on, and a new one is valid.

  // A refresh of Slack's token takes kServerError (503), kRateLimited, kRefuse and kPage.

  // For Telegram's getUpdates, which takes kServerError and kBadGateway too.
  kConflict,     // 409, three seconds late.
  kNeverAnswer,  // No reply for `lasts`, then a reset.
};
inline constexpr std::size_t kChannelFaultKinds = detail::kEnumerators<ChannelFaultKind>;

// "store_then_reset": for reports and messages.
std::string_view to_string(ChannelFaultKind kind);
// True for the eleven kinds of 429.
constexpr bool is_rate_limit(ChannelFaultKind kind) {
  return kind >= ChannelFaultKind::kRateLimited && kind <= ChannelFaultKind::kEdgeBan;
}

// Give it a name before a co_await expression, in which g++ 12 would destroy it twice.
struct ChannelFault {
  ChannelFaultKind kind = ChannelFaultKind::kNone;
  std::chrono::nanoseconds retry_after = std::chrono::seconds{3};
  std::chrono::nanoseconds lasts = std::chrono::seconds{20};  // kStoreThenSlow, kNeverAnswer.
  int status = 400;                                           // kRefuse, kPage.
  int code = 0;                                               // Discord's kRefuse.
  std::string text = {};                                      // kRefuse, kPage, Slack's kRotate, kRateLimitedJunk.
};

struct ChannelCall {
  std::uint64_t number = 0;          // 1, 2, ...; sends, polls and refreshes are counted separately.
  bool is_poll = false;              // getUpdates.
  bool is_refresh = false;           // Slack's oauth.v2.access.
  std::chrono::nanoseconds since{};  // Since the peer was created.
};

// Used by one peer, on the thread of its loop. It must outlive the peer.
class ChannelFaults {
 public:
  using Plan = std::function<ChannelFault(const ChannelCall&)>;

  ChannelFaults() = default;
  // `plan` is called once for each call, in order, unless one of the functions below has a fault for that call.
  explicit ChannelFaults(Plan plan) : plan_(std::move(plan)) {}
  ChannelFaults(const ChannelFaults&) = delete;
  ChannelFaults& operator=(const ChannelFaults&) = delete;

  // Sets the fault of one send, one poll or one refresh; the first is number 1.
  void on_send(std::uint64_t number, ChannelFault fault) { sends_.script[number] = std::move(fault); }
  void on_poll(std::uint64_t number, ChannelFault fault) { polls_.script[number] = std::move(fault); }
  void on_refresh(std::uint64_t number, ChannelFault fault) { refreshes_.script[number] = std::move(fault); }

  // How often a fault took effect. A fault that the provider does not have is not counted: the reply is 500, and its
  // text says why.
  std::uint64_t played(ChannelFaultKind kind) const { return played_[static_cast<std::size_t>(kind)]; }
  std::uint64_t rate_limits_played() const;  // All kinds of 429.
  std::uint64_t sends() const { return sends_.taken; }
  std::uint64_t polls() const { return polls_.taken; }
  std::uint64_t refreshes() const { return refreshes_.taken; }

  // For the peers. next() returns the fault of the next call; take() also counts the call.
  const ChannelFault& next(bool is_poll, std::chrono::nanoseconds since);
  ChannelFault take(bool is_poll, std::chrono::nanoseconds since);
  ChannelFault take_refresh(std::chrono::nanoseconds since);
  void count(ChannelFaultKind kind) { ++played_[static_cast<std::size_t>(kind)]; }

 private:
  struct Calls {
    std::map<std::uint64_t, ChannelFault> script;
    std::optional<ChannelFault> decided;  // For the next call.
    std::uint64_t taken = 0;
  };

  const ChannelFault& decide(Calls& calls, ChannelCall call);

  Plan plan_;
  Calls sends_;
  Calls polls_;
  Calls refreshes_;
  std::array<std::uint64_t, kChannelFaultKinds> played_{};
};

enum class ChannelProvider : std::uint8_t { kTelegram, kSlack, kSlackWebhook, kDiscordBot, kDiscordWebhook };

struct DailyChannelFaults {
  ChannelProvider provider = ChannelProvider::kTelegram;
  std::uint64_t seed = 0;
  // The time between two messages, over all conversations. A day must have room for its faults: eight messages each.
  std::chrono::nanoseconds interval = std::chrono::seconds{30};
  std::chrono::nanoseconds day = std::chrono::hours{24};  // The length of a round of faults; then the next one begins.
  // The time of the first day at which the peer is created: faults due before it are left out. For a soak in parts.
  std::chrono::nanoseconds from{0};
  int rate_limits = 12;      // Cycles through all forms known from the provider.
  int unknown_outcomes = 2;  // kStoreThenReset, then kStoreThenSlow or kStoreThenError.
  int rotations = 1;         // Not within the first tenth of the day.
  // What passes by itself, and loses nothing: a valid credential refused once, a page of a proxy, a block of the edge,
  // a group that moves. Cycles through those known from the provider. Slack's refresh after a rotation fails once.
  // Those that hold a client for ten minutes come only in days in which each fault has an hour.
  int passing = 0;
  std::chrono::nanoseconds retry_after_max = std::chrono::seconds{30};
  std::chrono::nanoseconds slow = std::chrono::seconds{20};  // For kStoreThenSlow: longer than the client's timeout.
};

// Splits the day into as many equal parts as there are faults, and plays one fault in each, at an instant drawn from
// the seed: the first send after it gets the fault. Two sends in a row never do, so the plan never causes two 429s in a
// row. The same options give the same instants. Throws Error(Errc::kInvalidArgument) if the day is too short for its
// faults.
ChannelFaults::Plan daily_channel_faults(const DailyChannelFaults& options);

}  // namespace soak::peers

#endif  // SOAK_PEERS_CHANNEL_FAULTS_H_
