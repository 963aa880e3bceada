// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_SOAK_PUSHER_GHOSTS_H_
#define TESTS_SOAK_PUSHER_GHOSTS_H_

// Names the ghosts of a service: sessions whose connection has ended, and which stay.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "soak/event_loop.h"
#include "soak/run.h"

namespace pusher::tests {

struct GhostCount {
  std::int64_t gauge = 0;
  std::int64_t sockets = 0;
  std::vector<std::uint64_t> sessions;  // Whose connection has ended.
  std::optional<std::int64_t> bytes;    // That the process holds more than before the first of them.
};

// The tasks of that session, by their names: "private_cloud-3".
inline std::vector<soak::TaskReport> tasks_of_session(const soak::EventLoop& loop, std::uint64_t session) {
  const std::string ending = fmt::format("-{}", session);
  std::vector<soak::TaskReport> found = loop.tasks();
  std::erase_if(found, [&](const soak::TaskReport& task) {
    const std::string_view name = task.name;
    const bool owner = name.starts_with("session-");  // It waits for the others.
    return owner || !name.ends_with(ending);
  });
  return found;
}

// One paragraph: gauge and sockets, which task of which session waits for what since when, and the bytes of a ghost.
// nullopt if the gauge is what the sockets are.
inline std::optional<soak::Finding> find_ghosts(const GhostCount& count, const soak::EventLoop& loop) {
  if (count.gauge <= count.sockets) {
    return std::nullopt;
  }
  const std::int64_t ghosts = count.gauge - count.sockets;
  std::string text =
      fmt::format("gauge {}, sockets {}: {} {}", count.gauge, count.sockets, ghosts, ghosts == 1 ? "ghost" : "ghosts");
  if (!count.sessions.empty()) {
    const std::uint64_t first = count.sessions.front();
    for (const soak::TaskReport& task : tasks_of_session(loop, first)) {
      text += fmt::format("; of session {}, {}", first, to_string(task));
    }
    if (count.sessions.size() > 1) {
      text += fmt::format("; {} more sessions whose client has left", count.sessions.size() - 1);
    }
  }
  if (count.bytes) {
    text +=
        fmt::format("; {:.1f} MiB a ghost", static_cast<double>(*count.bytes) / static_cast<double>(ghosts) / 1048576);
  }
  return soak::Finding{"ghosts", std::move(text), {}};
}

}  // namespace pusher::tests

#endif  // TESTS_SOAK_PUSHER_GHOSTS_H_
