// SPDX-License-Identifier: Apache-2.0
#include "mesh/harness/event_feed.h"

#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "mesh/json_lookup.h"

namespace mesh {

void EventFeed::poll() {
  const int file = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return;  // Not there yet.
  }
  std::string part(65536, '\0');
  for (;;) {
    const ssize_t got = pread(file, part.data(), part.size(), static_cast<off_t>(read_));
    const std::string_view text(part.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    const std::size_t whole = text.rfind('\n') + 1;  // 0 if there is no whole line.
    std::size_t at = 0;
    while (at < whole) {
      const std::size_t end = text.find('\n', at);
      take(text.substr(at, end - at));
      at = end + 1;
    }
    read_ += whole;
    if (whole == 0) {
      break;
    }
  }
  close(file);
}

void EventFeed::take(std::string_view line) {
  const rapidjson::Document event = parse_json(line);
  const std::string name = text_of(event, "event");
  if (name == "message_acknowledged") {
    ++signals_.mesh_messages_sent;
  } else if (name == "message_handled") {
    ++handled_;
    signals_.receipts_seen += text_of(event, "kind") == "receipt" ? 1U : 0U;
  } else if (name == "synced") {
    ++signals_.sync_calls;
    signals_.inbox_messages_seen += number_of(event, "messages");
    synced_by_ = static_cast<std::int64_t>(number_of(event, "run"));
  } else if (name == "llm_task_completed") {
    ++signals_.llm_tasks_completed;
  } else if (name == "error" || name == "message_refused" || name == "work_refused") {
    ++signals_.errors;
  } else if (name == "settled" || name == "unsettled" || name == "started") {
    settled_ = name == "settled";
  }
}

}  // namespace mesh
