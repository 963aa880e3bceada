// SPDX-License-Identifier: Apache-2.0
#include "soak/report/journal.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "lib/report/utf8.h"

namespace soak::report {
namespace {

using std::chrono::nanoseconds;

// Beside the values of the tracks: the counters' names and counts, the time, a text.
constexpr std::size_t kLineRoom = 16 * 1024;
constexpr std::size_t kValueRoom = 24;

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void field(Writer& json, const char* key, std::string_view text) {
  const std::string valid = valid_utf8(text);
  json.Key(key);
  json.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

double seconds(nanoseconds time) { return std::chrono::duration<double>(time).count(); }

std::string header_line(const Record& record, const probe::Budgets& budgets, const std::string& rss_not_judged) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.StartObject();
  field(json, "schema", "soak.journal");
  json.Key("version");
  json.Int(1);
  field(json, "name", record.name);
  field(json, "title", record.title);
  field(json, "cycle_noun", record.cycle_noun);
  field(json, "mode", record.mode);
  json.Key("started_s");
  json.Int64(std::chrono::system_clock::to_time_t(record.started));
  json.Key("asked_s");
  json.Double(seconds(record.asked));
  json.Key("seed");
  json.Uint64(record.seed);
  json.Key("sessions");
  json.Uint(record.sessions);
  field(json, "rerun", record.rerun);
  json.Key("rss_growth_bytes_max");
  json.Int64(budgets.rss_growth_bytes_max);
  json.Key("heap_per_cycle_bytes_max");
  json.Int64(budgets.heap_per_cycle_bytes_max);
  field(json, "rss_not_judged", rss_not_judged);
  json.Key("settings");
  json.StartArray();
  for (const Setting& setting : record.settings) {
    json.StartObject();
    field(json, "name", setting.name);
    field(json, "value", setting.value);
    field(json, "source", setting.source);
    json.EndObject();
  }
  json.EndArray();
  json.Key("series");
  json.StartArray();
  for (const probe::Track& track : record.measured.tracks) {
    json.StartObject();
    field(json, "name", track.name);
    field(json, "unit", track.unit == probe::Unit::kBytes ? "bytes" : "count");
    field(json, "unavailable", track.unavailable);
    field(json, "part_of", track.part_of);
    field(json, "stands_for", track.stands_for);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace

// A line in the making, in memory that is there. What does not fit makes it unfit.
class Journal::Line {
 public:
  Line(std::vector<char>& room, std::string_view type) : room_(room) {
    raw("{\"type\":");
    text(type);
  }

  void raw(std::string_view characters) {
    if (used_ + characters.size() > room_.size()) {
      fits_ = false;
      return;
    }
    std::copy(characters.begin(), characters.end(), room_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ += characters.size();
  }

  void number(std::int64_t value) {
    const fmt::format_int digits(value);
    raw({digits.data(), digits.size()});
  }

  void text(std::string_view text) {
    raw("\"");
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        raw("\\");
      }
      // A control character would have to be spelled in six; nobody's name has one.
      const char shown = static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
      raw({&shown, 1});
    }
    raw("\"");
  }

  void key(std::string_view name) {
    raw(",");
    text(name);
    raw(":");
  }

  // In seconds, to the microsecond.
  void stamp(nanoseconds at) {
    const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(at).count();
    key("at_s");
    number(whole / 1'000'000);
    raw(".");
    const fmt::format_int digits(1'000'000 + whole % 1'000'000);  // The 1 keeps the zeros.
    raw({digits.data() + 1, digits.size() - 1});
  }

  void cycle(std::uint64_t cycle) {
    key("cycle");
    number(static_cast<std::int64_t>(cycle));
  }

  // The value of each track that was taken at this time, or null.
  void held(nanoseconds at, const probe::Measurements& measured, probe::Series probe::Track::*series) {
    key("held");
    char before = '[';
    for (const probe::Track& track : measured.tracks) {
      raw({&before, 1});
      before = ',';
      if (const std::optional<probe::Point> last = (track.*series).last(); last && last->at == at) {
        number(last->value);
      } else {
        raw("null");
      }
    }
    raw(before == '[' ? "[]" : "]");
  }

  void counts(std::span<const probe::OperationCount> counts) {
    key("counts");
    raw("{");
    for (std::size_t i = 0; i < counts.size(); ++i) {
      raw(i == 0 ? "" : ",");
      text(counts[i].name);
      raw(":");
      number(static_cast<std::int64_t>(counts[i].count));
    }
    raw("}");
  }

  // The line as it is written; empty where it did not fit.
  std::string_view end() {
    raw("}\n");
    return fits_ ? std::string_view(room_.data(), used_) : std::string_view{};
  }

 private:
  std::vector<char>& room_;
  std::size_t used_ = 0;
  bool fits_ = true;
};

Journal::Journal(std::string path, const Record& record, const probe::Budgets& budgets,
                 const std::string& rss_not_judged)
    : path_(std::move(path)), room_(kLineRoom + kValueRoom * record.measured.tracks.size()) {
  const std::filesystem::path directory = std::filesystem::path(path_).parent_path();
  std::error_code ignored;  // What it means is said by open().
  if (!directory.empty()) {
    std::filesystem::create_directories(directory, ignored);
  }
  // Not truncated: another process may still write the old one.
  ::unlink(path_.c_str());
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  struct stat status {};
  const std::string header = header_line(record, budgets, rss_not_judged);
  if (fd_ < 0 || ::fstat(fd_, &status) != 0 ||
      ::write(fd_, header.data(), header.size()) != static_cast<ssize_t>(header.size())) {
    error_ = fmt::format("{}: {}", path_, std::strerror(errno));
  }
  inode_ = status.st_ino;
}

Journal::~Journal() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

void Journal::sample(nanoseconds at, std::uint64_t cycle, const probe::Measurements& measured,
                     std::span<const probe::OperationCount> counts) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "sample");
  line.stamp(at);
  line.cycle(cycle);
  line.held(at, measured, &probe::Track::timeline);
  line.counts(counts);
  write(line);
}

void Journal::rest(nanoseconds at, std::uint64_t cycle, const probe::Measurements& measured,
                   std::span<const probe::OperationCount> counts) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "rest");
  line.stamp(at);
  line.cycle(cycle);
  line.held(at, measured, &probe::Track::at_rest);
  line.counts(counts);
  if (measured.last_unsettled) {
    line.key("unsettled_by");
    line.text(measured.unsettled_by);
  }
  write(line);
}

void Journal::mark(nanoseconds at, std::string_view kind, std::string_view text) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "mark");
  line.stamp(at);
  line.key("kind");
  line.text(kind);
  line.key("text");
  line.text(text);
  write(line);
}

void Journal::failure(nanoseconds at, std::string_view text) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "failure");
  line.stamp(at);
  line.key("text");
  line.text(text);
  write(line);
}

void Journal::describe(std::string_view title, std::string_view cycle_noun) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "describe");
  line.key("title");
  line.text(title);
  line.key("cycle_noun");
  line.text(cycle_noun);
  write(line);
}

void Journal::end(nanoseconds at, std::uint64_t cycle) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "end");
  line.stamp(at);
  line.cycle(cycle);
  write(line);
}

void Journal::write(Line& line) {
  const std::string_view text = line.end();
  if (!error_.empty() || text.empty()) {
    return;
  }
  ssize_t written = 0;
  do {
    written = ::write(fd_, text.data(), text.size());
  } while (written < 0 && errno == EINTR);
  if (written != static_cast<ssize_t>(text.size())) {
    // A line cut short ends the journal: what follows would stand in its middle.
    error_ = fmt::format("{}: {}", path_, written < 0 ? std::strerror(errno) : "the disk is full");
  }
}

void Journal::remove() {
  const std::lock_guard lock(mutex_);
  struct stat status {};
  if (fd_ >= 0 && ::stat(path_.c_str(), &status) == 0 && status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

std::string Journal::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

}  // namespace soak::report
