// SPDX-License-Identifier: Apache-2.0
#include "soak/report/journal.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "lib/json/writer.h"
#include "lib/report/totals.h"
#include "lib/text/format.h"
#include "soak/detail/secrets.h"

namespace soak::report {
namespace {

using std::chrono::nanoseconds;

// Beside the values of the tracks: the counters' names and counts, the time, a text.
constexpr std::size_t kLineRoom = 16 * 1024;
constexpr std::size_t kValueRoom = 24;

std::string header_line(const Record& record, const probe::Budgets& budgets, const std::string& rss_not_judged,
                        bool per_cycle) {
  json::Writer json;
  json.set_filter(text::without_secrets);
  json.object().key("schema").text("soak.journal").key("version").integer(1);
  json.key("name").text(record.name);
  if (!record.file.empty()) {
    json.key("file").text(record.file).key("line").integer(record.line);
  }
  json.key("title").text(record.title).key("cycle_noun").text(record.cycle_noun);
  json.key("mode").text(record.mode);
  json.key("started_s").integer(std::chrono::system_clock::to_time_t(record.started));
  json.key("asked_s").number(text::seconds(record.asked)).key("seed").integer(record.seed);
  json.key("sessions").integer(record.sessions).key("rerun").text(record.rerun);
  json.key("rss_growth_bytes_max").integer(budgets.rss_growth_bytes_max);
  json.key("heap_per_cycle_bytes_max").integer(budgets.heap_per_cycle_bytes_max);
  if (budgets.leak_max) {
    json.key("leak_max_bytes").number(budgets.leak_max->bytes).key("leak_max_per").text(budgets.leak_max->per);
  }
  if (budgets.memory_limit_bytes) {
    json.key("memory_limit_bytes").integer(*budgets.memory_limit_bytes);
  }
  json.key("counts_exact").boolean(budgets.counts_exact);
  json.key("rss_not_judged").text(rss_not_judged).key("per_cycle").boolean(per_cycle);
  json.key("settings").array();
  for (const Setting& setting : record.settings) {
    json.object().key("name").text(setting.name).key("value").text(setting.value);
    json.key("source").text(setting.source).end_object();
  }
  json.end_array().key("series").array();
  for (const probe::Track& track : record.measured.tracks) {
    json.object().key("name").text(track.name);
    json.key("unit").text(track.unit == probe::Unit::kBytes ? "bytes" : "count");
    json.key("unavailable").text(track.unavailable).key("part_of").text(track.part_of);
    json.key("stands_for").text(track.stands_for).end_object();
  }
  return json.end_array().end_object().take() + "\n";
}

// Returns the error, 0 where all of it was written.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

// A line in the making, in memory that is there already: it allocates only where that is too small.
class Journal::Line {
 public:
  Line(std::string& room, std::string_view type) : room_(room), json_(std::move(room)) {
    json_.set_filter(text::without_secrets);
    json_.object().key("type").text(type);
  }
  ~Line() { room_ = json_.take(); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  json::Writer& key(std::string_view name) { return json_.key(name); }

  // In seconds, to the microsecond.
  void stamp(nanoseconds at) {
    const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(at).count();
    std::array<char, 32> digits;
    const auto end =
        fmt::format_to_n(digits.data(), digits.size(), "{}.{:06}", whole / 1'000'000, whole % 1'000'000).out;
    key("at_s").raw({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }

  void cycle(std::uint64_t cycle) { key("cycle").integer(cycle); }

  // The value of each track that was taken at this time, or null.
  void held(nanoseconds at, const probe::Measurements& measured, probe::Series probe::Track::*series) {
    key("held").array();
    for (const probe::Track& track : measured.tracks) {
      if (const std::optional<probe::Point> last = (track.*series).last(); last && last->at == at) {
        json_.integer(last->value);
      } else {
        json_.null();
      }
    }
    json_.end_array();
  }

  // The names of the series that begin a segment at this time.
  void restarted(nanoseconds at, const probe::Measurements& measured) {
    key("series").array();
    for (const probe::Track& track : measured.tracks) {
      if (std::find(track.restarts.begin(), track.restarts.end(), at) != track.restarts.end()) {
        json_.text(track.name);
      }
    }
    json_.end_array();
  }

  void counts(std::span<const probe::OperationCount> counts) {
    key("counts").object();
    for (const probe::OperationCount& operation : counts) {
      key(operation.name).integer(operation.count);
    }
    json_.end_object();
  }

  void totals(const Record& record) {
    write_totals(json_, record);
    if (record.session_rss_bytes) {
      key("session_rss_bytes").integer(*record.session_rss_bytes);
    }
    if (record.ended_early) {
      key("ended_early_s").number(text::seconds(*record.ended_early));
    }
    key("marks_dropped").integer(record.marks_dropped);
    key("probe_cpu_s").number(text::seconds(record.measured.probe_cpu));
  }

  // The line as it is written; it lives as long as this.
  std::string_view end() {
    json_.end_object().end_line();
    return json_.str();
  }

 private:
  std::string& room_;
  json::Writer json_;
};

Journal::Journal(std::string path, const Record& record, const probe::Budgets& budgets,
                 const std::string& rss_not_judged, bool per_cycle)
    : path_(std::move(path)) {
  room_.reserve(kLineRoom + kValueRoom * record.measured.tracks.size());
  restarts_ = record.measured.restarts.size();
  const std::filesystem::path directory = std::filesystem::path(path_).parent_path();
  std::error_code ignored;  // What it means is said by open().
  if (!directory.empty()) {
    std::filesystem::create_directories(directory, ignored);
  }
  // Not truncated: another process may still write the old one.
  ::unlink(path_.c_str());
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  struct stat status {};
  const std::string header = header_line(record, budgets, rss_not_judged, per_cycle);
  int error = fd_ < 0 || ::fstat(fd_, &status) != 0 ? errno : 0;
  if (error == 0) {
    error = write_all(fd_, header);
  }
  if (error != 0) {
    error_ = fmt::format("{}: {}", path_, std::strerror(error));
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
  restarts(measured);
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
  restarts(measured);
  Line line(room_, "rest");
  line.stamp(at);
  line.cycle(cycle);
  line.held(at, measured, &probe::Track::at_rest);
  line.counts(counts);
  if (measured.candidates) {
    line.key("candidate").boolean(true);
  }
  if (measured.last_unsettled) {
    line.key("unsettled_by").text(measured.unsettled_by);
  }
  write(line);
}

void Journal::totals(nanoseconds at, const Record& so_far) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "totals");
  line.stamp(at);
  line.totals(so_far);
  write(line);
}

void Journal::mark(nanoseconds at, std::string_view kind, std::string_view text) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "mark");
  line.stamp(at);
  line.key("kind").text(kind);
  line.key("text").text(text);
  write(line);
}

void Journal::failure(nanoseconds at, std::string_view text) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "failure");
  line.stamp(at);
  line.key("text").text(text);
  write(line);
}

void Journal::describe(std::string_view title, std::string_view cycle_noun) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "describe");
  line.key("title").text(title);
  line.key("cycle_noun").text(cycle_noun);
  write(line);
}

void Journal::end(nanoseconds at, std::uint64_t cycle) {
  const std::lock_guard lock(mutex_);
  Line line(room_, "end");
  line.stamp(at);
  line.cycle(cycle);
  write(line);
}

void Journal::restarts(const probe::Measurements& measured) {
  for (; restarts_ < measured.restarts.size(); ++restarts_) {
    const probe::Restart& restart = measured.restarts[restarts_];
    Line line(room_, "restart");
    line.stamp(restart.at);
    line.key("text").text(restart.text);
    line.restarted(restart.at, measured);
    write(line);
  }
}

void Journal::write(Line& line) {
  const std::string_view text = line.end();
  if (!error_.empty()) {
    return;
  }
  if (const int error = write_all(fd_, text); error != 0) {
    // A line cut short ends the journal: what follows would stand in its middle.
    error_ = fmt::format("{}: {}", path_, std::strerror(error));
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
