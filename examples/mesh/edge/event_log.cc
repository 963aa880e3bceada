// SPDX-License-Identifier: Apache-2.0
#include "mesh/edge/event_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "mesh/json.h"
#include "mesh/json_lookup.h"
#include "soak/error.h"

namespace mesh {

namespace {

// Longer than what a worker can have handled between a line of its journal and the line here.
constexpr off_t kTailBytes = off_t{1} << 20;

// Steps of the system's clock must not spoil the order of the events: the wall clock at the start, and steady from
// there.
std::int64_t now_ms() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  static const auto wall = duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  static const auto steady = std::chrono::steady_clock::now();
  return (wall + duration_cast<milliseconds>(std::chrono::steady_clock::now() - steady)).count();
}

}  // namespace

EventLog::EventLog(const std::string& path, std::string edge) : edge_(std::move(edge)) {
  file_ = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file_ < 0) {
    throw soak::Error(soak::Errc::kSystem, fmt::format("{}: {}", path, std::system_category().message(errno)));
  }
  now_ms();
  read_tail();
}

EventLog::~EventLog() { close(file_); }

void EventLog::read_tail() {
  struct stat info {};
  if (fstat(file_, &info) != 0 || info.st_size == 0) {
    return;
  }
  const off_t from = std::max<off_t>(0, info.st_size - kTailBytes);
  std::string tail(static_cast<std::size_t>(info.st_size - from), '\0');
  const ssize_t got = pread(file_, tail.data(), tail.size(), from);
  tail.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  const std::size_t end = tail.rfind('\n');
  const std::size_t whole = end == std::string::npos ? 0 : end + 1;
  if (whole < tail.size() && (from == 0 || whole > 0)) {
    (void)!ftruncate(file_, from + static_cast<off_t>(whole));
  }
  std::size_t at = from == 0 ? 0 : std::min(tail.find('\n'), tail.size() - 1) + 1;
  while (at < whole) {
    const std::size_t line_end = tail.find('\n', at);
    const rapidjson::Document line = parse_json(std::string_view(tail).substr(at, line_end - at));
    at = line_end + 1;
    if (text_of(line, "event") == "message_handled") {
      handled_before_.emplace(text_of(line, "from"), text_of(line, "id"));
    }
  }
}

std::string EventLog::line(std::string_view event, const std::vector<EventField>& fields) const {
  JsonText object;
  object.integer("at", now_ms()).text("edge", edge_).text("event", event).integer("run", getpid());
  for (const EventField& field : fields) {
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      object.text(field.name, *text);
    } else if (const auto* number = std::get_if<std::uint64_t>(&field.value)) {
      object.integer(field.name, static_cast<std::int64_t>(*number));
    } else if (const auto* real = std::get_if<double>(&field.value)) {
      object.number(field.name, *real);
    } else {
      object.boolean(field.name, std::get<bool>(field.value));
    }
  }
  return object.object() + "\n";
}

bool EventLog::write(std::string_view line) {
  const ssize_t written = ::write(file_, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) {
    return true;
  }
  if (written > 0) {
    struct stat info {};
    if (fstat(file_, &info) == 0) {
      (void)!ftruncate(file_, info.st_size - written);
    }
  }
  return false;
}

}  // namespace mesh
