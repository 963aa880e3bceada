// SPDX-License-Identifier: Apache-2.0
#include "lib/drive/session_memory.h"

#include <algorithm>

#include "soak/probe/process.h"

namespace soak {
namespace {

constexpr std::size_t kFewest = 100;

}  // namespace

SessionMemory::SessionMemory(std::size_t sessions) : sessions_(probe::rss_is_distorted() ? 0 : sessions) {}

std::optional<SessionMemory::Seen> SessionMemory::see(std::size_t sessions) {
  const std::optional<std::int64_t> rss = probe::read_rss_bytes();
  return rss ? std::optional(Seen{sessions, *rss}) : std::nullopt;
}

void SessionMemory::look(std::size_t begun, bool all_open) {
  if (sessions_ < kFewest || all_) {
    return;
  }
  if (!half_ && begun >= sessions_ / 2 && begun < sessions_) {
    half_ = see(begun);
  }
  if (all_open && begun == sessions_) {
    all_ = see(begun);
  }
}

std::optional<std::int64_t> SessionMemory::bytes_each() const {
  if (!half_ || !all_) {
    return std::nullopt;
  }
  const auto opened = static_cast<std::int64_t>(all_->sessions - half_->sessions);
  return std::max<std::int64_t>((all_->rss_bytes - half_->rss_bytes) / opened, 0);
}

}  // namespace soak
