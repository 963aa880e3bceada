// SPDX-License-Identifier: Apache-2.0
#include "soak/peers/channel_faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "lib/text/format.h"
#include "soak/detail/enum_names.h"
#include "soak/error.h"

namespace soak::peers {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using Kind = ChannelFaultKind;

constexpr detail::EnumNames<Kind> kKindNames({{Kind::kNone, "none"},
                                              {Kind::kRateLimited, "rate_limited"},
                                              {Kind::kRateLimitedHeaderOnly, "rate_limited_header_only"},
                                              {Kind::kRateLimitedBodyOnly, "rate_limited_body_only"},
                                              {Kind::kRateLimitedUnsaid, "rate_limited_unsaid"},
                                              {Kind::kRateLimitedJunk, "rate_limited_junk"},
                                              {Kind::kRateLimitedLowerCase, "rate_limited_lower_case"},
                                              {Kind::kRateLimitedZero, "rate_limited_zero"},
                                              {Kind::kRateLimitedGlobal, "rate_limited_global"},
                                              {Kind::kRateLimitedShared, "rate_limited_shared"},
                                              {Kind::kRateLimitedHidden, "rate_limited_hidden"},
                                              {Kind::kEdgeBan, "edge_ban"},
                                              {Kind::kStoreThenReset, "store_then_reset"},
                                              {Kind::kStoreThenSlow, "store_then_slow"},
                                              {Kind::kStoreThenError, "store_then_error"},
                                              {Kind::kServerError, "server_error"},
                                              {Kind::kStoreThenUnavailable, "store_then_unavailable"},
                                              {Kind::kBadGateway, "bad_gateway"},
                                              {Kind::kStoreNothing, "store_nothing"},
                                              {Kind::kResetBeforeRead, "reset_before_read"},
                                              {Kind::kRefuse, "refuse"},
                                              {Kind::kPage, "page"},
                                              {Kind::kMigrate, "migrate"},
                                              {Kind::kBlock, "block"},
                                              {Kind::kRotate, "rotate"},
                                              {Kind::kWebhookToken, "webhook_token"},
                                              {Kind::kConflict, "conflict"},
                                              {Kind::kNeverAnswer, "never_answer"}});

// The ways of a 429 that a day goes through. Those that pause the whole account come last, so that a short day has the
// plain ones; the edge ban lasts for an hour, and is for scripts.
std::vector<Kind> rate_limits_of(ChannelProvider provider) {
  switch (provider) {
    case ChannelProvider::kTelegram:
      return {Kind::kRateLimited, Kind::kRateLimitedHeaderOnly, Kind::kRateLimitedBodyOnly, Kind::kRateLimited,
              Kind::kRateLimitedGlobal};
    case ChannelProvider::kSlack:
      return {Kind::kRateLimited,     Kind::kRateLimitedLowerCase, Kind::kRateLimitedUnsaid,
              Kind::kRateLimitedJunk, Kind::kRateLimitedZero,      Kind::kRateLimitedGlobal};
    case ChannelProvider::kSlackWebhook:
      return {Kind::kRateLimited, Kind::kRateLimitedLowerCase, Kind::kRateLimitedUnsaid, Kind::kRateLimitedZero};
    case ChannelProvider::kDiscordBot:
    case ChannelProvider::kDiscordWebhook:
      return {Kind::kRateLimited,         Kind::kRateLimitedHidden, Kind::kRateLimitedShared,
              Kind::kRateLimitedBodyOnly, Kind::kRateLimitedZero,   Kind::kRateLimitedGlobal};
  }
  return {Kind::kRateLimited};
}

// What passes by itself: first what does so at once, then what holds a client for ten minutes.
std::vector<ChannelFault> passing_of(ChannelProvider provider, bool with_long_ones) {
  using std::chrono::minutes;
  const ChannelFault not_found{.kind = Kind::kPage, .status = 404};
  const ChannelFault unauthorized{.kind = Kind::kPage, .status = 401};
  const ChannelFault blocked{.kind = Kind::kRefuse,
                             .status = 429,
                             .text =
                                 "You are being blocked from accessing our API temporarily due to exceeding our rate "
                                 "limits frequently."};
  const ChannelFault network_error{
      .kind = Kind::kRefuse, .status = 403, .code = 40333, .text = "internal network error"};
  const ChannelFault banned{.kind = Kind::kPage, .status = 403, .text = "error code: 1015"};
  std::vector<ChannelFault> faults;
  std::vector<ChannelFault> long_ones;
  switch (provider) {
    case ChannelProvider::kTelegram:
      faults = {{.kind = Kind::kRefuse, .status = 401, .text = "Unauthorized"},
                not_found,
                {.kind = Kind::kMigrate},
                {.kind = Kind::kRefuse, .status = 404, .text = "Not Found"},
                unauthorized};
      break;
    case ChannelProvider::kSlack:
      faults = {{.kind = Kind::kRefuse, .text = "invalid_auth"},
                not_found,
                {.kind = Kind::kRefuse, .text = "ratelimited"},
                unauthorized};
      break;
    case ChannelProvider::kSlackWebhook:
      faults = {not_found, unauthorized};
      break;
    case ChannelProvider::kDiscordBot:
      faults = {{.kind = Kind::kRefuse, .status = 401, .text = "401: Unauthorized"}, not_found};
      // Longer than Discord recognises a nonce.
      long_ones = {{.kind = Kind::kStoreThenUnavailable, .retry_after = minutes{10}}, blocked, network_error, banned};
      break;
    case ChannelProvider::kDiscordWebhook:
      faults = {{.kind = Kind::kRefuse, .status = 401, .code = 50027, .text = "Invalid Webhook Token"}, not_found};
      long_ones = {banned, blocked, network_error};
      break;
  }
  if (with_long_ones) {
    faults.insert(faults.end(), long_ones.begin(), long_ones.end());
  }
  return faults;
}

// Spreads `few` among `many`, so that neither stand together.
void spread(std::vector<ChannelFault>& faults, std::vector<ChannelFault> few, std::size_t from) {
  const std::size_t step = (faults.size() - from) / (few.size() + 1) + 1;
  std::size_t place = from + step;
  for (ChannelFault& fault : few) {
    place = std::min(place, faults.size());
    faults.insert(faults.begin() + static_cast<std::ptrdiff_t>(place), std::move(fault));
    place += step + 1;
  }
}

class Day {
 public:
  explicit Day(const DailyChannelFaults& options) : options_(options), random_(options.seed) {
    begin(0);
    while (next_ < due_.size() && due_[next_] < options_.from) {
      ++next_;
    }
  }

  ChannelFault operator()(const ChannelCall& call) {
    if (call.is_refresh) {
      return std::exchange(refresh_, {});
    }
    if (call.is_poll || fault_count() == 0) {
      return {};
    }
    const bool rested = !faulty_ || call.number > *faulty_ + 1;  // One send at least has been served since.
    if (next_ == faults_.size()) {
      begin(started_ + 1);
    }
    if (!rested || options_.from + call.since < due_[next_]) {
      return {};
    }
    faulty_ = call.number;
    const ChannelFault& fault = faults_[next_++];
    if (fault.kind == Kind::kRotate && options_.passing > 0) {
      refresh_.kind = draw(2) == 0 ? Kind::kServerError : Kind::kRateLimited;
    }
    return fault;
  }

 private:
  void begin(std::int64_t day) {
    started_ = day;
    next_ = 0;
    faults_.clear();
    due_.clear();
    const std::vector<Kind> ways = rate_limits_of(options_.provider);
    for (int i = 0; i < options_.rate_limits; ++i) {
      ChannelFault fault{.kind = ways[static_cast<std::size_t>(i) % ways.size()]};
      const auto longest = duration_cast<milliseconds>(std::min(options_.retry_after_max, part() / 4));
      fault.retry_after =
          milliseconds{1 + draw(static_cast<std::uint64_t>(std::max(longest.count(), milliseconds::rep{1})))};
      faults_.push_back(fault);
    }
    std::vector<ChannelFault> rare;
    for (int i = 0; i < options_.unknown_outcomes; ++i) {
      const Kind late = draw(2) == 0 ? Kind::kStoreThenSlow : Kind::kStoreThenError;
      rare.push_back({.kind = i % 2 == 0 ? Kind::kStoreThenReset : late, .lasts = options_.slow});
    }
    spread(faults_, std::move(rare), 0);
    const std::vector<ChannelFault> rotations(static_cast<std::size_t>(options_.rotations), {.kind = Kind::kRotate});
    spread(faults_, rotations, faults_.size() / 10);
    const std::vector<ChannelFault> ways_to_pass = passing_of(options_.provider, part() >= std::chrono::hours{1});
    std::vector<ChannelFault> passing;
    for (int i = 0; i < options_.passing; ++i) {
      passing.push_back(ways_to_pass[static_cast<std::size_t>(i) % ways_to_pass.size()]);
    }
    spread(faults_, std::move(passing), 0);
    for (std::size_t i = 0; i < faults_.size(); ++i) {
      const auto within = static_cast<std::int64_t>(draw(static_cast<std::uint64_t>(part().count() / 2)));
      due_.push_back(options_.day * day + part() * static_cast<std::int64_t>(i) + part() / 4 + nanoseconds{within});
    }
  }

  int fault_count() const {
    return options_.rate_limits + options_.unknown_outcomes + options_.rotations + options_.passing;
  }
  nanoseconds part() const { return options_.day / std::max(1, fault_count()); }
  std::uint64_t draw(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }

  DailyChannelFaults options_;
  std::mt19937_64 random_;
  std::int64_t started_ = 0;  // Which day, from 0.
  std::vector<ChannelFault> faults_;
  std::vector<nanoseconds> due_;
  std::size_t next_ = 0;
  std::optional<std::uint64_t> faulty_;  // The last send that suffered one.
  ChannelFault refresh_;                 // Of the next refresh.
};

}  // namespace

std::string_view to_string(ChannelFaultKind kind) { return kKindNames[kind]; }

std::uint64_t ChannelFaults::rate_limits_played() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kChannelFaultKinds; ++i) {
    if (is_rate_limit(static_cast<ChannelFaultKind>(i))) {
      sum += played_[i];
    }
  }
  return sum;
}

const ChannelFault& ChannelFaults::decide(Calls& calls, ChannelCall call) {
  if (calls.decided) {
    return *calls.decided;
  }
  call.number = calls.taken + 1;
  if (const auto scripted = calls.script.find(call.number); scripted != calls.script.end()) {
    calls.decided = std::move(scripted->second);
    calls.script.erase(scripted);
  } else {
    calls.decided = plan_ ? plan_(call) : ChannelFault();
  }
  return *calls.decided;
}

const ChannelFault& ChannelFaults::next(bool is_poll, nanoseconds since) {
  return decide(is_poll ? polls_ : sends_, {.is_poll = is_poll, .since = since});
}

ChannelFault ChannelFaults::take(bool is_poll, nanoseconds since) {
  ChannelFault fault = next(is_poll, since);
  Calls& calls = is_poll ? polls_ : sends_;
  calls.decided.reset();
  ++calls.taken;
  return fault;
}

ChannelFault ChannelFaults::take_refresh(nanoseconds since) {
  ChannelFault fault = decide(refreshes_, {.is_refresh = true, .since = since});
  refreshes_.decided.reset();
  ++refreshes_.taken;
  return fault;
}

ChannelFaults::Plan daily_channel_faults(const DailyChannelFaults& options) {
  const auto fail = [](const std::string& what) {
    throw Error(Errc::kInvalidArgument, "daily_channel_faults: " + what);
  };
  if (options.rate_limits < 0 || options.unknown_outcomes < 0 || options.rotations < 0 || options.passing < 0) {
    fail("rate_limits, unknown_outcomes, rotations and passing must be 0 or more");
  }
  if (options.interval <= nanoseconds::zero()) {
    fail("interval is not above 0");
  }
  if (options.from < nanoseconds::zero()) {
    fail("from is negative");
  }
  if (options.retry_after_max <= nanoseconds::zero()) {
    fail("retry_after_max is not above 0");
  }
  const std::int64_t faults =
      std::int64_t{options.rate_limits} + options.unknown_outcomes + options.rotations + options.passing;
  constexpr int kMessagesEach = 8;
  if (options.day < options.interval * kMessagesEach * std::max(faults, std::int64_t{1})) {
    fail(fmt::format("a day of {:g} s has {:g} messages at an interval of {:g} s; {} faults need {} of them",
                     text::seconds(options.day), text::seconds(options.day) / text::seconds(options.interval),
                     text::seconds(options.interval), faults, faults * kMessagesEach));
  }
  return [day = std::make_shared<Day>(options)](const ChannelCall& call) { return (*day)(call); };
}

}  // namespace soak::peers
