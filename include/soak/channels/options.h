// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_CHANNELS_OPTIONS_H_
#define SOAK_CHANNELS_OPTIONS_H_

// The options of a channel soak. You need them to create a channel, or to drive one without a MessageStream.
//
// Each function returns the value for `run`: from the flag or the variable of that name, or else `in_code`, or else the
// default. Once a call has given `in_code`, later calls may leave it out. Call them before the run's first cycle. They
// throw Error(Errc::kInvalidArgument) for an `in_code` that is out of range.

#include <chrono>
#include <optional>

#include "soak/run.h"

namespace soak::channels {

// --soak_message_interval: the time between two messages to a conversation; 30 s. Shorten it to send more in less time.
// The channel still keeps to the provider's limits, so below them messages only queue.
std::chrono::nanoseconds message_interval(Run& run, std::optional<std::chrono::nanoseconds> in_code = std::nullopt);

// --soak_success_floor: the smallest share of messages that must succeed, from 0 to 1; 0.99. Lower it for a service
// that is known to lose more.
double success_floor(Run& run, std::optional<double> in_code = std::nullopt);

// --soak_rate_limit_ceiling: the largest share of messages that may be answered with status 429, from 0 to 1; 0.01.
// Raise it if other programs share the account.
double rate_limit_ceiling(Run& run, std::optional<double> in_code = std::nullopt);

// --soak_http_timeout: how long a request may take, from connecting to the last byte; 15 s. Raise it for a slow
// network. Give it to the channel, as DeliveryOptions::http_timeout.
std::chrono::nanoseconds http_timeout(Run& run, std::optional<std::chrono::nanoseconds> in_code = std::nullopt);

}  // namespace soak::channels

#endif  // SOAK_CHANNELS_OPTIONS_H_
