// SPDX-License-Identifier: Apache-2.0
#include "soak/channels/options.h"

#include <array>

#include "soak/option_table.h"
#include "soak/run_driver.h"

namespace soak::channels {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::array kOptions = {Option{.name = "message_interval",
                                        .kind = OptionKind::kTime,
                                        .default_value = "30s",
                                        .help = "the time between two messages to a conversation",
                                        .alias = {"SOAK_INTERVAL_SEC", "s"},
                                        .smoke_max = 500ms},
                                 Option{.name = "success_floor",
                                        .kind = OptionKind::kShare,
                                        .default_value = "0.99",
                                        .help = "the smallest share of messages that must succeed"},
                                 Option{.name = "rate_limit_ceiling",
                                        .kind = OptionKind::kShare,
                                        .default_value = "0.01",
                                        .help = "the largest share of messages that may be answered with status 429"},
                                 Option{.name = "http_timeout",
                                        .kind = OptionKind::kTime,
                                        .default_value = "15s",
                                        .help = "how long a request may take",
                                        .alias = {"SOAK_HTTP_TIMEOUT_SEC", "s"}}};
constexpr const Option& kMessageInterval = kOptions[0];
constexpr const Option& kSuccessFloor = kOptions[1];
constexpr const Option& kRateLimitCeiling = kOptions[2];
constexpr const Option& kHttpTimeout = kOptions[3];
[[gnu::init_priority(kOptionPriority)]] OptionTable g_options("channels", kOptions);

}  // namespace

nanoseconds message_interval(Run& run, std::optional<nanoseconds> in_code) {
  return RunDriver(run).setting(kMessageInterval, in_code);
}

double success_floor(Run& run, std::optional<double> in_code) { return RunDriver(run).setting(kSuccessFloor, in_code); }

double rate_limit_ceiling(Run& run, std::optional<double> in_code) {
  return RunDriver(run).setting(kRateLimitCeiling, in_code);
}

nanoseconds http_timeout(Run& run, std::optional<nanoseconds> in_code) {
  return RunDriver(run).setting(kHttpTimeout, in_code);
}

}  // namespace soak::channels
