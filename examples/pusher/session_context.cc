// SPDX-License-Identifier: Apache-2.0
#include "pusher/session_context.h"

#include <fmt/format.h>

namespace pusher {

SessionContext::SessionContext(const Service& of, std::uint64_t session_number, std::string user, std::uint32_t rate)
    : service(of),
      number(session_number),
      uid(std::move(user)),
      sample_rate(rate),
      budget(of.options.limits.session_bytes_max),
      key_prefix_(of.loop.random()()) {}

std::string SessionContext::next_key() { return fmt::format("{:016x}-{}", key_prefix_, ++keys_); }

HeldBytes::HeldBytes(soak::ByteBudget& budget)
    : budget_(&budget),
      share_({.capacity = 1, .when_full = soak::WhenFull::kDropOldest, .label = "pusher_held"}, budget,
             [](const std::size_t& bytes) { return bytes; }) {}

bool HeldBytes::try_resize(std::size_t bytes) {
  const std::size_t before = share_.try_pop().value_or(0);
  const bool fits = bytes <= before || budget_->bytes() + bytes <= budget_->bytes_max();
  if (const std::size_t now = fits ? bytes : before; now > 0) {
    [[maybe_unused]] const bool taken = share_.try_push(std::size_t{now});
  }
  return fits;
}

}  // namespace pusher
