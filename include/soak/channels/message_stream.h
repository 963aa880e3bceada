// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_MESSAGE_STREAM_H_
#define SOAK_CHANNELS_MESSAGE_STREAM_H_

// Sends a message to a channel every so often, for a day, and says at its end whether all went as it should.
//
//   soak::AsyncRun run({.duration = 24h, .reconnect_every = 15min});
//   soak::peers::SlackPeer peer(run.loop());
//   soak::channels::SlackChannel channel(run.loop(), {.url = peer.url(), .token = "xoxb-any"});
//   soak::channels::MessageStream messages(run, run.loop(), channel, {.conversations = {"C0123456789"}});
//   run.drive([&](soak::Cycle& cycle) { return messages.send_until_end_of(cycle); });
//   messages.judge();
//   EXPECT_SOAK(run);
//
// A cycle is a stretch of time, after which nothing should be held that was not held before. The channel and what it
// knows of the provider's limits go on through all of them: a client that was made anew would forget to wait.

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
  // One at least. Each has a message every interval, all of them at the same instants.
  std::vector<std::string> conversations = {};
  std::string text = "soak";  // Before the message's number: "soak 17".

  // What soak/channels/options.h says of each; the flags and variables there beat these.
  std::optional<std::chrono::nanoseconds> interval = std::nullopt;
  std::optional<double> success_floor = std::nullopt;
  std::optional<double> rate_limit_ceiling = std::nullopt;

  // Whether the other end has the message. Asked for each one that is settled: what is said to be delivered and is not
  // there is lost. Null where nobody can say.
  std::function<bool(const std::string& conversation, const std::string& text)> has_arrived = {};
};

class MessageStream {
 public:
  // `run`, `loop`, which is the run's, and `channel` must outlive it. Before the run's first cycle. Throws
  // Error(Errc::kInvalidArgument) where there is no conversation.
  MessageStream(Run& run, EventLoop& loop, Channel& channel, MessageStreamOptions options);
  // Ends what is under way where it stands.
  ~MessageStream();
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  // Sends the messages that are due before the cycle ends: one each --soak_message_interval, the n-th at n times it,
  // however long the others took. Ends with the cycle, once they are settled; what takes longer than 20 s after its
  // end, because the provider asked to wait, goes on beside the next one. Sets the run's title to
  // "CHANNELS SOAK / <provider>" unless it has one. A message that is due counts as the run's "sent" once it is
  // settled, and is judged against those due; one that is delivered as "ok".
  [[nodiscard]] Task<> send_until_end_of(Cycle& cycle);

  // After drive(), once: waits for what is under way, a minute and an HTTP timeout at most, then tells the run what to
  // say in its summary line, and what is wrong:
  //   success_rate          ok / sent is below --soak_success_floor
  //   auth_failures         there were some
  //   rate_limited          429s / sent is above --soak_rate_limit_ceiling
  //   max_consecutive_429s  more than one in a row, over all conversations
  //   early_requests        inside a Retry-After window, by the client's own count
  //   lost                  delivered, says the client, and not there
  //   arrived_all_the_same  failed, says the client, and there
  //   unsettled             still under way
  // That no 429, unknown outcome or rotation was met is a remark, and a finding where the soak is `against_a_fake` that
  // was to play them all. A soak in several processes is judged as one: what was met in the parts before counts too,
  // and that something was not is said by the last.
  void judge(bool against_a_fake = false);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_MESSAGE_STREAM_H_
