// SPDX-License-Identifier: Apache-2.0
#include "lib/channels/edge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lib/channels/seconds.h"

namespace soak::channels {
namespace {

// Each would be the answer to any other request, too: unauthorized, forbidden, not found, proxy authentication, request
// timeout, misdirected, too early, too many requests, unavailable for legal reasons.
constexpr std::array kTurnsAway{401, 403, 404, 407, 408, 421, 425, 429, 451};

}  // namespace

Answer edge_answer(const net::HttpResponse& response) {
  Answer answer(Meaning::kUnknown, fmt::format("{} {}", response.status, kNotTheProviders));
  answer.from_edge = true;
  answer.rate_limited = response.status == 429;
  if (std::find(kTurnsAway.begin(), kTurnsAway.end(), response.status) != kTurnsAway.end()) {
    answer.meaning = Meaning::kWait;
    answer.reach = Reach::kAll;
    answer.wait = retry_after(response);
  } else if (response.status >= 400 && response.status < 500) {
    answer.meaning = Meaning::kRejected;
  }
  return answer;
}

}  // namespace soak::channels
