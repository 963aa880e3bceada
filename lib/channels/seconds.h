// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_SECONDS_H_
#define SOAK_LIB_CHANNELS_SECONDS_H_

// The delays that the providers name, all of them in seconds.

#include <chrono>
#include <optional>
#include <string_view>

#include "lib/json/reader.h"
#include "soak/net/http.h"

namespace soak::channels {

// Rounded up to a nanosecond; nothing for what is no number, not above 0, or more than a year: it cannot be obeyed.
std::optional<std::chrono::nanoseconds> to_wait(double seconds);

// A member that is a number of seconds, with a fraction or without; nothing where it is absent or anything else.
std::optional<std::chrono::nanoseconds> wait_member(const json::Value& object, std::string_view name);

// A number alone, such as "30" or "64.57".
std::optional<std::chrono::nanoseconds> parse_wait(std::string_view text);

// The field Retry-After; nothing where it is missing or no number. Its form with a date is used by none of the
// providers.
std::optional<std::chrono::nanoseconds> retry_after(const net::HttpResponse& response);

}  // namespace soak::channels

#endif  // SOAK_LIB_CHANNELS_SECONDS_H_
