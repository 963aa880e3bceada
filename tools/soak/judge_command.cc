// SPDX-License-Identifier: Apache-2.0
// soak judge: the verdict on a series that anybody recorded.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.h"
#include "csv.h"
#include "lib/text/format.h"
#include "lib/text/number.h"
#include "lib/text/singular.h"
#include "soak/detail/printable.h"
#include "soak/growth/trends.h"
#include "soak/report/growth_text.h"

namespace soak::tools {
namespace {

using std::chrono::nanoseconds;

constexpr const char* kTime = "time_s";
constexpr std::string_view kBytes = "_bytes";

struct JudgeArguments {
  std::string file;
  std::vector<std::string> operations;
};

// What a column of the file is: a series, or a count of operations.
struct Column {
  std::string name;               // Without "_bytes".
  probe::Track* track = nullptr;  // One of these two.
  probe::Operation* operation = nullptr;
};

// A recording as the verdict takes it.
struct Recording {
  probe::Measurements measured;
  std::uint64_t rows = 0;
  nanoseconds lasted{};
};

class Recorder {
 public:
  Recorder(CsvReader& csv, const std::vector<std::string>& operations) : csv_(csv) { read_header(operations); }

  Recording read() {
    while (csv_.next()) {
      read_row();
    }
    if (recording_.rows == 0) {
      csv_.refuse("no rows below the header");
    }
    return std::move(recording_);
  }

 private:
  void read_header(const std::vector<std::string>& operations) {
    if (!csv_.next()) {
      throw CsvError("is empty: expected a header such as time_s,rss_bytes,fds");
    }
    const std::vector<std::string>& names = csv_.fields();
    if (names.front() != kTime) {
      csv_.refuse(fmt::format("the first column of the header is '{}': expected {}, as in time_s,rss_bytes,fds",
                              names.front(), kTime));
    }
    probe::Measurements& measured = recording_.measured;
    measured.tracks.reserve(names.size());
    measured.operations.reserve(names.size());
    for (std::size_t i = 1; i < names.size(); ++i) {
      add_column(names[i], operations);
    }
    for (const std::string& operation : operations) {
      if (find(operation) == nullptr || find(operation)->operation == nullptr) {
        csv_.refuse(fmt::format("--ops {}: no such column; the columns are {}", operation,
                                fmt::join(names.begin() + 1, names.end(), ", ")));
      }
    }
    if (measured.tracks.empty()) {
      csv_.refuse("no column to judge apart from the time" +
                  std::string(operations.empty() ? "" : " and the operations"));
    }
  }

  const Column* find(const std::string& name) const {
    for (const Column& column : columns_) {
      if (column.name == name) {
        return &column;
      }
    }
    return nullptr;
  }

  void add_column(const std::string& header, const std::vector<std::string>& operations) {
    Column column;
    const bool bytes =
        header.size() > kBytes.size() && header.compare(header.size() - kBytes.size(), kBytes.size(), kBytes) == 0;
    column.name = bytes ? header.substr(0, header.size() - kBytes.size()) : header;
    if (header.empty()) {
      csv_.refuse(fmt::format("column {} has no name", columns_.size() + 2));
    }
    if (header == kTime || find(column.name) != nullptr) {
      csv_.refuse(fmt::format("the column '{}' appears twice", header));
    }
    if (!bytes && std::find(operations.begin(), operations.end(), header) != operations.end()) {
      recording_.measured.operations.push_back({column.name, probe::Series{}});
      column.operation = &recording_.measured.operations.back();
    } else {
      recording_.measured.tracks.emplace_back();
      column.track = &recording_.measured.tracks.back();
      column.track->name = column.name;
      column.track->unit = bytes ? probe::Unit::kBytes : probe::Unit::kCount;
    }
    columns_.push_back(std::move(column));
  }

  double number(std::size_t index) const {
    const std::string& text = csv_.fields()[index];
    const std::optional<double> value = text::parse_float(text);
    if (!value) {
      csv_.refuse(fmt::format("{} is '{}': expected a number", column_name(index), text));
    }
    return *value;
  }

  std::string column_name(std::size_t index) const { return index == 0 ? kTime : columns_[index - 1].name; }

  void read_row() {
    const std::vector<std::string>& fields = csv_.fields();
    if (fields.size() != columns_.size() + 1) {
      csv_.refuse(
          fmt::format("{}, but the header has {}", text::format_plural(fields.size(), "field"), columns_.size() + 1));
    }
    const double seconds = number(0);
    if (!(std::abs(seconds) < kSecondsMax)) {
      csv_.refuse(fmt::format("{} is '{}': expected at most {:.0f} seconds", kTime, fields[0], kSecondsMax));
    }
    if (!start_) {
      start_ = seconds;
    } else if (seconds < last_) {
      csv_.refuse(fmt::format("{} goes back from {} to {}", kTime, last_, seconds));
    }
    last_ = seconds;
    const nanoseconds at(std::llround((seconds - *start_) * 1e9));
    std::uint64_t done = 0;  // Of the operation that was named first in the file.
    for (std::size_t i = columns_.size(); i > 0; --i) {
      if (columns_[i - 1].operation != nullptr) {
        done = count(i);
      }
    }
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      add({at, done, whole(i + 1)}, columns_[i]);
    }
    ++recording_.rows;
    recording_.measured.quiescent_points += recording_.measured.operations.empty() ? 0u : 1u;
    recording_.lasted = at;
  }

  // With --ops, rows are quiescent points.
  void add(const probe::Point& point, const Column& column) {
    if (column.operation != nullptr) {
      column.operation->at_rest.add(point);
      return;
    }
    column.track->timeline.add(point);
    if (!recording_.measured.operations.empty()) {
      column.track->at_rest.add(point);
    }
  }

  std::int64_t whole(std::size_t index) const {
    const double value = number(index);
    if (!(std::abs(value) < kValueMax)) {
      csv_.refuse(
          fmt::format("{} is '{}': expected less than {:g}", column_name(index), csv_.fields()[index], kValueMax));
    }
    return std::llround(value);
  }

  std::uint64_t count(std::size_t index) const {
    const std::int64_t value = whole(index);
    const auto last = columns_[index - 1].operation->at_rest.last();
    if (value < 0 || (last && value < last->value)) {
      csv_.refuse(fmt::format("{} is {}; it counts operations: expected {} or more", column_name(index), value,
                              last ? last->value : 0));
    }
    return static_cast<std::uint64_t>(value);
  }

  static constexpr double kSecondsMax = 9e9;  // What nanoseconds can hold.
  static constexpr double kValueMax = 9e18;

  CsvReader& csv_;
  Recording recording_;
  std::vector<Column> columns_;
  std::optional<double> start_;
  double last_ = 0;
};

// Against the operations where rows are quiescent points, and otherwise against time. Trends alone decide: a recording
// has no budgets. The first operation stands in every point, as a run's cycles do; `others` are the rest.
probe::Trend trend_of(const probe::Track& track, const std::string& operation, const probe::Measurements& others) {
  return operation.empty() ? probe::slope_of(track) : probe::residue_of(track, others, text::singular(operation));
}

int judge_file(std::FILE* file, const std::string& name, const JudgeArguments& arguments) {
  CsvReader csv(file);
  Recording recording = Recorder(csv, arguments.operations).read();
  probe::Measurements others;
  std::string first;
  if (std::vector<probe::Operation>& all = recording.measured.operations; !all.empty()) {
    first = all.front().name;
    others.operations.assign(all.begin() + 1, all.end());
  }
  std::string lines;
  std::size_t leaks = 0;
  std::size_t unknown = 0;
  for (const probe::Track& track : recording.measured.tracks) {
    const probe::Trend trend = trend_of(track, first, others);
    leaks += trend.leak ? 1u : 0u;
    unknown += trend.not_judged.empty() ? 0u : 1u;
    lines += fmt::format("  {}: {}{}\n", text::printable(track.name), trend.leak ? "LEAK: " : "",
                         text::printable(report::trend_text(trend)));
  }
  const char* verdict = leaks > 0 ? "FAIL" : unknown > 0 ? "INCONCLUSIVE" : "PASS";
  std::string operations;
  for (const probe::Operation& operation : recording.measured.operations) {
    operations +=
        fmt::format(" {}={}", operation.name, operation.at_rest.last()->value - operation.at_rest.first()->value);
  }
  fmt::print(
      "{}{}\n", lines,
      text::printable(fmt::format("[SOAK JUDGE / {}] {}: elapsed={:.1f}s rows={}{} series={} leaks={} inconclusive={}",
                                  name, verdict, text::seconds(recording.lasted), recording.rows, operations,
                                  recording.measured.tracks.size(), leaks, unknown)));
  return leaks > 0 ? kFailed : kPassed;
}

int run_judge(const JudgeArguments& arguments) {
  const bool standard_input = arguments.file == "-";
  const std::string name = standard_input ? "stdin" : arguments.file;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> opened(nullptr, &std::fclose);
  if (!standard_input) {
    opened.reset(std::fopen(arguments.file.c_str(), "r"));
    if (opened == nullptr) {
      fmt::print(stderr, "soak judge: {}\n", text::printable(fmt::format("{}: {}", name, std::strerror(errno))));
      return kUsage;
    }
  }
  try {
    return judge_file(standard_input ? stdin : opened.get(), name, arguments);
  } catch (const CsvError& error) {
    fmt::print(stderr, "soak judge: {}\n", text::printable(fmt::format("{}: {}", name, error.what())));
    return kUsage;
  }
}

}  // namespace

Command add_judge_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "judge",
      "Judge a recorded series like a soak. Prints a verdict, and a line per column with its growth, its 99%\n"
      "interval and the smallest leak that would have been seen.\n\n"
      "FILE is comma-separated, with a header time_s,<name>_bytes,... Times are in seconds and do not go backwards.\n"
      "Columns that end in _bytes are in bytes, others are counts. Values are rounded to whole numbers. With --ops,\n"
      "each row is a quiescent point, where usage should be back at its baseline, and growth is per operation.\n"
      "Without --ops, growth is per second.\n\n"
      "Exit status: 0 if there is no leak, 1 if there is one, 2 if the file is unusable. A series that is too short\n"
      "to judge gives status 0 and INCONCLUSIVE, never PASS.");
  auto arguments = std::make_shared<JudgeArguments>();
  command->add_option("FILE", arguments->file, "The recording, or - for standard input")->required();
  command
      ->add_option("--ops", arguments->operations,
                   "A column that counts operations since the start, such as requests; may be repeated")
      ->type_name("NAME");
  return [arguments] { return run_judge(*arguments); };
}

}  // namespace soak::tools
