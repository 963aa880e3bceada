// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_PEERS_CHANNEL_FAULTS_H_
#define SOAK_PEERS_CHANNEL_FAULTS_H_

// What is to go wrong at the fakes of Telegram, Slack and Discord: a plan decides for each send, and for each poll.
//
// A send is a request that the fake would have stored: whoever is refused for its token, its body or a rate limit takes
// no fault with it. So the third fault meets the third good send, however often a client had to come again.
//
//   soak::peers::ChannelFaults faults;
//   faults.on_send(3, {.kind = soak::peers::ChannelFaultKind::kStoreThenReset});
//   soak::peers::TelegramPeer peer(loop, {.faults = &faults});
//
// or, for a soak, a day of them that the seed decides:
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

  // 429. Nothing is stored, and until `retry_after` has passed the same is answered, counting down.
  kRateLimited,            // As the provider documents it.
  kRateLimitedHeaderOnly,  // The header alone has the number.
  kRateLimitedBodyOnly,    // The body alone has it: of Telegram in its text alone. Not Slack.
  kRateLimitedUnsaid,      // No number anywhere.
  kRateLimitedJunk,        // The header is `text`, "abc" unless given; no number in the body.
  kRateLimitedLowerCase,   // "retry-after".
  kRateLimitedZero,        // 0.
  kRateLimitedGlobal,      // Not this conversation alone, but all of the credential's.
  kRateLimitedShared,      // Discord: scope "shared", with requests remaining.
  kRateLimitedHidden,      // Discord: no bucket that its headers tell of.
  kEdgeBan,                // Discord: "error code: 1015", without headers of the API, for the whole address.

  // Whether it was stored is not known to the client.
  kStoreThenReset,  // Stored; the connection is reset before the reply.
  kStoreThenSlow,   // Stored; the reply comes after `lasts`.
  kStoreThenError,  // Stored; 500. Slack says fatal_error.
  kServerError,     // Not stored; 500. Slack says internal_error.
  kBadGateway,      // Not stored; 502 with HTML.
  kStoreNothing,    // Discord: success, but nothing is stored. Where the client waits for the message, none of it.

  // Not stored.
  kResetBeforeRead,  // The connection is reset before the body has been read. Who had sent all of it cannot tell.
  kRefuse,           // `status` and `text`, in the provider's form: a description, an error, a message with `code`.
  kMigrate,          // Telegram: the chat has a new id from now on, which the 400 tells.
  kBlock,            // Telegram: 403 "bot was blocked by the user" for this chat, from now on.
  kRotate,           // The token, or the webhook, is not valid any more, and a new one is. Slack says `text`.
  kWebhookToken,     // Discord: 401 50027 for this webhook from now on, and a new one is valid.

  // Of Telegram's getUpdates, which takes kServerError and kBadGateway, too.
  kConflict,     // 409, three seconds late.
  kNeverAnswer,  // No answer for `lasts`, then a reset.
};
inline constexpr std::size_t kChannelFaultKinds = detail::kEnumerators<ChannelFaultKind>;

// "store_then_reset": for reports and messages.
std::string_view to_string(ChannelFaultKind kind);
// One of the eleven ways of a 429.
constexpr bool is_rate_limit(ChannelFaultKind kind) {
  return kind >= ChannelFaultKind::kRateLimited && kind <= ChannelFaultKind::kEdgeBan;
}

// To be named in a plain expression: in a co_await expression g++ 12 would destroy it twice.
struct ChannelFault {
  ChannelFaultKind kind = ChannelFaultKind::kNone;
  std::chrono::nanoseconds retry_after = std::chrono::seconds{3};
  std::chrono::nanoseconds lasts = std::chrono::seconds{20};  // kStoreThenSlow, kNeverAnswer.
  int status = 400;                                           // kRefuse.
  int code = 0;                                               // kRefuse of Discord.
  std::string text = {};                                      // kRefuse, kRotate of Slack, kRateLimitedJunk.
};

struct ChannelCall {
  std::uint64_t number = 0;          // 1, 2, ... among the sends, or among the polls.
  bool is_poll = false;              // getUpdates.
  std::chrono::nanoseconds since{};  // Since the peer was built.
};

// Belongs to one peer, its loop and its thread, and must outlive the peer.
class ChannelFaults {
 public:
  using Plan = std::function<ChannelFault(const ChannelCall&)>;

  ChannelFaults() = default;
  // `plan` is called once for each call, in their order, unless on_send() or on_poll() has a fault for it.
  explicit ChannelFaults(Plan plan) : plan_(std::move(plan)) {}
  ChannelFaults(const ChannelFaults&) = delete;
  ChannelFaults& operator=(const ChannelFaults&) = delete;

  // Of the send, or the poll, number 1, 2, ...
  void on_send(std::uint64_t number, ChannelFault fault) { sends_.script[number] = std::move(fault); }
  void on_poll(std::uint64_t number, ChannelFault fault) { polls_.script[number] = std::move(fault); }

  // How often a fault had its effect. What a plan asks for at a provider that has no such fault does not: the request
  // is answered 500, and says so.
  std::uint64_t played(ChannelFaultKind kind) const { return played_[static_cast<std::size_t>(kind)]; }
  std::uint64_t rate_limits_played() const;  // Of all kinds of 429.
  std::uint64_t sends() const { return sends_.taken; }
  std::uint64_t polls() const { return polls_.taken; }

  // For the peers. What the next call will suffer, and the same taken.
  const ChannelFault& next(bool is_poll, std::chrono::nanoseconds since);
  ChannelFault take(bool is_poll, std::chrono::nanoseconds since);
  void count(ChannelFaultKind kind) { ++played_[static_cast<std::size_t>(kind)]; }

 private:
  struct Calls {
    std::map<std::uint64_t, ChannelFault> script;
    std::optional<ChannelFault> decided;  // Of the next call.
    std::uint64_t taken = 0;
  };

  Plan plan_;
  Calls sends_;
  Calls polls_;
  std::array<std::uint64_t, kChannelFaultKinds> played_{};
};

enum class ChannelProvider : std::uint8_t { kTelegram, kSlack, kSlackWebhook, kDiscordBot, kDiscordWebhook };

struct DailyChannelFaults {
  ChannelProvider provider = ChannelProvider::kTelegram;
  std::uint64_t seed = 0;
  // Between two messages of all conversations together. A day must have room for its faults: eight messages for each.
  std::chrono::nanoseconds interval = std::chrono::seconds{30};
  std::chrono::nanoseconds day = std::chrono::hours{24};  // How long one round of them takes; then comes another one.
  // When in the first day the peer is built: what was due before is not played. For a soak in several processes.
  std::chrono::nanoseconds from{0};
  int rate_limits = 12;      // In all the ways that the provider is known for, one after the other.
  int unknown_outcomes = 2;  // kStoreThenReset, then kStoreThenSlow or kStoreThenError.
  int rotations = 1;         // Not within the first tenth of the day.
  std::chrono::nanoseconds retry_after_max = std::chrono::seconds{30};
  std::chrono::nanoseconds slow = std::chrono::seconds{20};  // Of kStoreThenSlow: longer than the client's timeout.
};

// One fault in each of as many equal parts of the day, at an instant that the seed decides; the first send from then on
// suffers it. Two sends in a row never do: so no two 429s in a row are of the plan's making. The same options give the
// same instants. Throws Error(Errc::kInvalidArgument) for a day too short for its faults, and names both.
ChannelFaults::Plan daily_channel_faults(const DailyChannelFaults& options);

}  // namespace soak::peers

#endif  // SOAK_PEERS_CHANNEL_FAULTS_H_
