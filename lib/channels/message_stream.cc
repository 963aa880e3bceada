// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/message_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <utility>

#include "lib/text/number.h"
#include "soak/channels/options.h"
#include "soak/error.h"
#include "soak/event.h"
#include "soak/run_driver.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds kLatest = 20s;  // How long after its end a cycle waits for what is under way.
constexpr std::size_t kEvidenceMax = 5;

// Messages that something is wrong with: how many, and the first of them.
struct Wrong {
  std::uint64_t count = 0;
  std::vector<probe::Evidence> first;

  void add(std::string label, std::string text) {
    ++count;
    if (first.size() < kEvidenceMax) {
      first.push_back({std::move(label), std::move(text)});
    }
  }
};

// The number of the first message that is due from `begin` on: where a soak runs in parts, another process had those
// before it.
std::uint64_t first_due_from(nanoseconds begin, nanoseconds interval) {
  return static_cast<std::uint64_t>((begin + interval - 1ns) / interval);
}

// What a channel met in all processes of the soak so far. What one of them leaves to the next are its figures.
struct Responses {
  std::uint64_t rate_limited = 0;
  std::uint64_t max_consecutive_429s = 0;
  std::uint64_t last_429s = 0;
  std::uint64_t unknown_outcomes = 0;
  std::uint64_t rotations = 0;
};

Responses responses_of(const RunDriver& driver, const ChannelCounters& here) {
  const auto before = [&driver](std::string_view figure) {
    return text::parse_number<std::uint64_t>(driver.figure_before(figure)).value_or(0);
  };
  const std::uint64_t row = before("last_429s");  // That the first responses here may have gone on with.
  Responses all;
  all.rate_limited = before("rate_limited") + here.rate_limited;
  all.max_consecutive_429s = std::max(
      {before("max_consecutive_429s"), here.max_consecutive_429s, here.first_429s > 0 ? row + here.first_429s : 0});
  all.last_429s = here.last_429s + (here.requests == here.first_429s ? row : 0);
  all.unknown_outcomes = before("unknown_outcomes") + here.uncertain + here.resolved;
  all.rotations = before("rotations") + here.rotations;
  return all;
}

}  // namespace

struct MessageStream::State {
  State(Run& the_run, EventLoop& loop, Channel& the_channel, MessageStreamOptions the_options)
      : run(the_run),
        channel(the_channel),
        options(std::move(the_options)),
        interval(message_interval(run, options.interval)),
        success_floor(channels::success_floor(run, options.success_floor)),
        rate_limit_ceiling(channels::rate_limit_ceiling(run, options.rate_limit_ceiling)),
        group(loop),
        next(first_due_from(run.elapsed(), interval)) {}

  Task<> send(std::string conversation, std::uint64_t number, nanoseconds due);
  void check_arrival(const std::string& conversation, const std::string& text, const Delivery& delivery);
  void judge_deliveries(std::uint64_t sent, std::uint64_t ok);
  void judge_responses(std::uint64_t sent, const Responses& all);
  void judge_exercise(const Responses& all, bool against_a_fake);
  void find(std::string subject, std::string text, std::vector<probe::Evidence> evidence = {}) {
    run.add_finding({std::move(subject), std::move(text), std::move(evidence)});
  }

  Run& run;
  Channel& channel;
  const MessageStreamOptions options;
  const nanoseconds interval;
  const double success_floor;
  const double rate_limit_ceiling;
  TaskGroup group;
  Event all_settled;
  std::uint64_t next;  // Number of the next message of each conversation.
  std::uint64_t under_way = 0;
  Wrong failed;
  Wrong lost;
  Wrong arrived_all_the_same;
};

MessageStream::MessageStream(Run& run, EventLoop& loop, Channel& channel, MessageStreamOptions options) {
  if (options.conversations.empty()) {
    throw Error(Errc::kInvalidArgument, "MessageStream: needs at least one conversation to send to");
  }
  for (const std::string& conversation : options.conversations) {
    channel.check_conversation(conversation);
  }
  state_ = std::make_unique<State>(run, loop, channel, std::move(options));
}

MessageStream::~MessageStream() { state_->group.end_in_place(); }

Task<> MessageStream::send_until_end_of(Cycle& cycle) {
  State& state = *state_;
  Run& run = state.run;
  RunDriver(run).describe(fmt::format("CHANNELS SOAK / {}", state.channel.provider()), "cycle");
  for (nanoseconds due = state.interval * state.next; due < cycle.ends_at(); due = state.interval * state.next) {
    co_await sleep_for(due - run.elapsed());
    ++state.next;
    for (const std::string& conversation : state.options.conversations) {
      run.due("sent", due);
      ++state.under_way;
      state.all_settled.reset();
      state.group.start({"message", state.next}, state.send(conversation, state.next, due), TaskKind::kFinite);
    }
  }
  co_await sleep_for(cycle.ends_at() - run.elapsed());
  if (state.under_way > 0) {
    const bool settled = co_await state.all_settled.wait_for(kLatest);
    if (!settled) {
      run.mark("note", fmt::format("{} messages wait for the provider's limit", state.under_way));
    }
  }
}

Task<> MessageStream::State::send(std::string conversation, std::uint64_t number, nanoseconds due) {
  const std::string text = fmt::format("{} {}", options.text, number);
  const Delivery delivery = co_await channel.send(conversation, text);
  run.met("sent", due);
  if (delivery.outcome == DeliveryOutcome::kDelivered) {
    run.count("ok");
  }
  if (delivery.outcome != DeliveryOutcome::kDelivered) {
    failed.add("message", fmt::format("\"{}\" {}: {}", text, to_string(delivery.outcome), delivery.why));
  }
  check_arrival(conversation, text, delivery);
  if (--under_way == 0) {
    all_settled.set();
  }
}

void MessageStream::State::check_arrival(const std::string& conversation, const std::string& text,
                                         const Delivery& delivery) {
  if (!options.has_arrived || delivery.outcome == DeliveryOutcome::kUncertain) {
    return;
  }
  const bool arrived = options.has_arrived(conversation, text);
  if (delivery.outcome == DeliveryOutcome::kDelivered && !arrived) {
    lost.add("message", fmt::format("the client reported \"{}\" as delivered, but it is not there", text));
  } else if (delivery.outcome == DeliveryOutcome::kFailed && arrived) {
    arrived_all_the_same.add("message", fmt::format("\"{}\": {}", text, delivery.why));
  }
}

void MessageStream::State::judge_deliveries(std::uint64_t sent, std::uint64_t ok) {
  const double rate = sent == 0 ? 0 : static_cast<double>(ok) / static_cast<double>(sent);
  if (sent == 0) {
    find("sent", "no message was sent");
  } else if (rate < success_floor) {
    find("success_rate", fmt::format("success_rate is {:.4f}, below the floor of {}", rate, success_floor),
         failed.first);
  }
  if (lost.count > 0) {
    find("lost", fmt::format("lost is {}, allowed 0", lost.count), lost.first);
  }
  if (arrived_all_the_same.count > 0) {
    find("arrived_all_the_same",
         fmt::format("{} messages that the client reported as failed have arrived", arrived_all_the_same.count),
         arrived_all_the_same.first);
  }
  if (under_way > 0) {
    find("unsettled", fmt::format("{} messages were still under way at the end", under_way));
  }
}

void MessageStream::State::judge_responses(std::uint64_t sent, const Responses& all) {
  const ChannelCounters& counters = channel.counters();
  const double share = sent == 0 ? 0 : static_cast<double>(all.rate_limited) / static_cast<double>(sent);
  if (counters.auth_failures > 0) {
    find("auth_failures", fmt::format("auth_failures is {}, allowed 0", counters.auth_failures), failed.first);
  }
  if (share > rate_limit_ceiling) {
    find("rate_limited", fmt::format("rate_limited is {} of {} messages, {:.2f}%, allowed {:.2f}%", all.rate_limited,
                                     sent, share * 100, rate_limit_ceiling * 100));
  }
  if (all.max_consecutive_429s > 1) {
    find("max_consecutive_429s", fmt::format("max_consecutive_429s is {}, allowed 1", all.max_consecutive_429s));
  }
  if (counters.early_requests > 0) {
    find("early_requests",
         fmt::format("{} requests were sent before the time that a Retry-After named", counters.early_requests));
  }
}

void MessageStream::State::judge_exercise(const Responses& all, bool against_a_fake) {
  const std::pair<std::uint64_t, const char*> properties[] = {
      {all.rate_limited, "that Retry-After is honoured: no 429 came"},
      {all.unknown_outcomes, "that what may have arrived is not sent twice: no outcome was unknown"},
      {all.rotations, "that a rotated credential is followed: none was rotated"}};
  for (const auto& [times, text] : properties) {
    if (times > 0) {
      continue;
    }
    if (against_a_fake) {
      find("not_exercised", fmt::format("not exercised: {}", text));
    } else {
      run.add_note(fmt::format("not exercised: {}", text));
    }
  }
}

void MessageStream::judge(bool against_a_fake) {
  State& state = *state_;
  RunDriver driver(state.run);
  const nanoseconds timeout = 1min + http_timeout(state.run);
  // What it cancels stays under way, which is a finding.
  [[maybe_unused]] const DrainResult drained =
      state.group.loop().run(drain(state.group, {.timeout = timeout, .label = "messages"}));
  const std::uint64_t sent = state.run.counted("sent");
  const std::uint64_t ok = state.run.counted("ok");
  const ChannelCounters& counters = state.channel.counters();
  const double rate = sent == 0 ? 0 : static_cast<double>(ok) / static_cast<double>(sent);
  const Responses all = responses_of(driver, counters);
  const Settings& settings = state.run.settings();
  const bool goes_on = !settings.checkpoint.empty() && state.run.elapsed() < settings.duration;  // In another process.
  std::vector<report::Figure> figures = {{"sent", std::to_string(sent)},
                                         {"ok", std::to_string(ok)},
                                         {"success_rate", fmt::format("{:.4f}", rate)},
                                         {"auth_failures", std::to_string(counters.auth_failures)},
                                         {"rate_limited", std::to_string(all.rate_limited)},
                                         {"max_consecutive_429s", std::to_string(all.max_consecutive_429s)},
                                         {"other_failures", std::to_string(sent - ok)}};
  if (goes_on) {
    figures.push_back({"last_429s", std::to_string(all.last_429s)});
    figures.push_back({"unknown_outcomes", std::to_string(all.unknown_outcomes)});
    figures.push_back({"rotations", std::to_string(all.rotations)});
  }
  driver.show_figures(std::move(figures));
  state.judge_deliveries(sent, ok);
  state.judge_responses(sent, all);
  if (!goes_on) {
    state.judge_exercise(all, against_a_fake);
  }
}

}  // namespace soak::channels
