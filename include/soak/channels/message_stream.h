// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_MESSAGE_STREAM_H_
#define SOAK_CHANNELS_MESSAGE_STREAM_H_

// Sends a message to a channel at intervals, for a day, and at the end judges whether everything went as it should.
//
//   soak::AsyncRun run({.duration = 24h, .reconnect_every = 15min});
//   soak::peers::SlackPeer peer(run.loop());
//   soak::channels::SlackChannel channel(run.loop(), {.url = peer.url(), .token = "xoxb-any"});
//   soak::channels::MessageStream messages(run, run.loop(), channel, {.conversations = {"C0123456789"}});
//   run.drive([&](soak::Cycle& cycle) { return messages.send_until_end_of(cycle); });
//   messages.judge();
//   EXPECT_SOAK(run);
//
// A cycle is a stretch of time, after which the process should hold what it held before. The channel lives through all
// of them, because a new client would forget the provider's limits.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "soak/channels/channel.h"
#include "soak/event_loop.h"
#include "soak/run.h"
#include "soak/task.h"

namespace soak::channels {

struct MessageStreamOptions {
  // At least one. Each gets a message every interval, all at the same times.
  std::vector<std::string> conversations = {};
  std::string text = "soak";  // Before the message's number: "soak 17".

  // See soak/channels/options.h, whose flags and variables beat these.
  std::optional<std::chrono::nanoseconds> interval = std::nullopt;
  std::optional<double> success_floor = std::nullopt;
  std::optional<double> rate_limit_ceiling = std::nullopt;

  // Returns whether the other end has the message. Called for each settled message: one that was reported as delivered
  // but is not there is lost. Null if that cannot be checked.
  std::function<bool(const std::string& conversation, const std::string& text)> has_arrived = {};
};

class MessageStream {
 public:
  // `run`, its `loop` and `channel` must outlive this object. Build it before the run's first cycle. Throws
  // Error(Errc::kInvalidArgument) if there is no conversation, or one that the channel cannot send to.
  MessageStream(Run& run, EventLoop& loop, Channel& channel, MessageStreamOptions options);
  // Destroys sends in progress where they stand.
  ~MessageStream();
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  // Sends the messages that are due before the cycle ends: one per --soak_message_interval, the n-th at n times that,
  // however long the others took. Returns at the end of the cycle, once they are settled. A message that is not settled
  // 20 s after the end, because the provider asked to wait, continues beside the next cycle. Sets the run's title to
  // "CHANNELS SOAK / <provider>" unless it has one. A message counts in the run's "sent" once it is settled, judged
  // against the messages due, and in "ok" if it was delivered.
  [[nodiscard]] Task<> send_until_end_of(Cycle& cycle);

  // Call it once, after drive(). Waits for sends in progress, at most a minute plus an HTTP timeout. Then it sets the
  // figures of the summary line and adds these findings:
  //   success_rate          ok / sent is below --soak_success_floor
  //   auth_failures         there was at least one
  //   rate_limited          429s / sent is above --soak_rate_limit_ceiling
  //   max_consecutive_429s  more than one in a row, over all conversations
  //   early_requests        inside a Retry-After window, by the client's own count
  //   lost                  reported as delivered by the client, but not there
  //   arrived_all_the_same  reported as failed by the client, but there
  //   unsettled             still in progress
  // If no 429, unknown outcome or rotation occurred, that is a remark. With `against_a_fake`, which should simulate all
  // of them, it is a finding. A soak in several processes is judged as one: earlier parts count too, and only the last
  // part reports what is missing.
  void judge(bool against_a_fake = false);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_MESSAGE_STREAM_H_
