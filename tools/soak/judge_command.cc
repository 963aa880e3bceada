// SPDX-License-Identifier: Apache-2.0
// soak judge: the verdict on a series that anybody recorded, in a file or in a Prometheus.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands.h"
#include "csv.h"
#include "lib/net/url.h"
#include "lib/text/ascii.h"
#include "lib/text/format.h"
#include "lib/text/number.h"
#include "lib/text/singular.h"
#include "soak/detail/printable.h"
#include "soak/growth/verdict.h"
#include "soak/report/growth_text.h"
#include "tools/watch/prometheus_history.h"

namespace soak::tools {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kTime = "time_s";
constexpr std::string_view kBytes = "_bytes";
// Columns that say which process a row is about: another value is another process.
constexpr std::array<std::string_view, 4> kIdentities = {"pid", "start_time_s", "start_time_seconds",
                                                         "process_start_time_seconds"};
// What recorders write for a value that they do not have.
constexpr std::array<std::string_view, 6> kMissing = {"", "nan", "na", "n/a", "null", "none"};

struct JudgeArguments {
  std::string file;
  std::string prometheus;
  std::string query;
  std::string since;
  std::vector<std::string> operations;
  std::string leak_max;
  std::string memory_limit;
};

// An option that cannot be.
class UsageError : public Error {
 public:
  explicit UsageError(const std::string& what) : Error(Errc::kInvalidArgument, what) {}
};

// What a column of the file is: a series, a count of operations, or what tells one process from the next.
struct Column {
  std::string name;               // Without "_bytes".
  probe::Track* track = nullptr;  // One of these three.
  probe::Operation* operation = nullptr;
  bool identity = false;
  std::optional<double> last;  // Of an operation or an identity.
  double before = 0;           // Of an operation: what earlier processes had done.
};

// A recording as the verdict takes it.
struct Recording {
  probe::Measurements measured;
  std::uint64_t rows = 0;
  nanoseconds lasted{};
  std::string cycle = {};   // What the cycles of its points are: "request".
  std::string counts = {};  // Of the summary line: " requests=4711".
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
    const std::vector<std::string> names(csv_.fields().begin(), csv_.fields().end());
    for (const char separator : {';', '\t', '|'}) {
      if (names.size() == 1 && names.front().find(separator) != std::string::npos) {
        csv_.refuse(fmt::format("the fields are separated by {}: expected commas, as in time_s,rss_bytes,fds",
                                separator == '\t' ? std::string("tabs") : fmt::format("'{}'", separator)));
      }
    }
    for (const std::string& name : names) {
      refuse_space(name, "the header");
    }
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

  void refuse_space(std::string_view text, std::string_view where) const {
    if (!text.empty() && (text.front() == ' ' || text.back() == ' ')) {
      csv_.refuse(fmt::format("{} has a space in '{}': remove the spaces beside the commas", where, text));
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
    if (std::find(kIdentities.begin(), kIdentities.end(), header) != kIdentities.end()) {
      column.identity = true;
    } else if (!bytes && std::find(operations.begin(), operations.end(), header) != operations.end()) {
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
    const std::string_view text = csv_.fields()[index];
    const std::optional<double> value = text::parse_float(text);
    if (!value) {
      refuse_space(text, column_name(index));
      csv_.refuse(fmt::format("{} is '{}': expected a number", column_name(index), text));
    }
    return *value;
  }

  std::string column_name(std::size_t index) const {
    return index == 0 ? std::string(kTime) : columns_[index - 1].name;
  }

  bool is_missing(std::size_t index) const {
    const std::string_view text = csv_.fields()[index];
    return text.size() <= kMissingLengthMax &&
           std::any_of(kMissing.begin(), kMissing.end(),
                       [text](std::string_view missing) { return text::equal_ignoring_case(text, missing); });
  }

  void read_row() {
    const std::vector<std::string_view>& fields = csv_.fields();
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
    const std::optional<std::uint64_t> done = count_operations(at);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].track != nullptr && !is_missing(i + 1)) {
        const probe::Point point{at, done.value_or(0), whole(i + 1)};
        // With --ops, each row is a quiescent point, unless it lacks the number of operations.
        if (recording_.measured.operations.empty()) {
          columns_[i].track->timeline.add(point);
        } else if (done) {
          columns_[i].track->at_rest.add(point);
        }
      }
    }
    ++recording_.rows;
    recording_.measured.quiescent_points += done && !recording_.measured.operations.empty() ? 1u : 0u;
    recording_.lasted = at;
  }

  // Adds the operations of a row, and notes if it is about another process than the one before. Returns the number of
  // those that were named first in the file; empty if it is missing.
  std::optional<std::uint64_t> count_operations(nanoseconds at) {
    std::optional<std::uint64_t> first =
        recording_.measured.operations.empty() ? std::optional<std::uint64_t>(0) : std::nullopt;
    bool restarted = false;
    for (std::size_t i = columns_.size(); i > 0; --i) {
      Column& column = columns_[i - 1];
      if (column.track != nullptr || is_missing(i)) {
        continue;
      }
      const double value = column.identity ? number(i) : static_cast<double>(whole(i));
      if (column.identity) {
        restarted |= column.last && *column.last != value;
      } else {
        if (value < 0) {
          csv_.refuse(fmt::format("{} is {}; it counts operations: expected 0 or more", column_name(i), value));
        }
        if (column.last && value < *column.last) {
          restarted = true;
          column.before += *column.last;
        }
        first = static_cast<std::uint64_t>(column.before + value);
        column.operation->at_rest.add({at, *first, static_cast<std::int64_t>(*first)});
      }
      column.last = value;
    }
    if (restarted) {
      for (probe::Track& track : recording_.measured.tracks) {
        track.restarts.push_back(at);
      }
    }
    return first;
  }

  std::int64_t whole(std::size_t index) const {
    const double value = number(index);
    if (!(std::abs(value) < kValueMax)) {
      csv_.refuse(
          fmt::format("{} is '{}': expected less than {:g}", column_name(index), csv_.fields()[index], kValueMax));
    }
    return std::llround(value);
  }

  static constexpr double kSecondsMax = 9e9;  // What nanoseconds can hold.
  static constexpr double kValueMax = 9e18;
  static constexpr std::size_t kMissingLengthMax = 4;

  CsvReader& csv_;
  Recording recording_;
  std::vector<Column> columns_;
  std::optional<double> start_;
  double last_ = 0;
};

// A recording has no budgets but those that were asked for. `operations` are those that it counts.
probe::Budgets budgets_of(const JudgeArguments& arguments, const std::vector<std::string>& operations) {
  constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  probe::Budgets budgets{kAny, kAny};
  if (!arguments.leak_max.empty()) {
    budgets.leak_max = probe::parse_leak_max(arguments.leak_max);
    if (!budgets.leak_max) {
      throw UsageError(fmt::format("--leak-max: '{}': expected {}", arguments.leak_max, probe::kLeakMaxForm));
    }
    const auto counted = [&](const std::string& operation) {
      return text::singular(operation) == budgets.leak_max->per;
    };
    if (!budgets.leak_max->per_time() && std::none_of(operations.begin(), operations.end(), counted)) {
      throw UsageError(fmt::format("--leak-max {}: no --ops {} counts '{}'{}", arguments.leak_max,
                                   arguments.prometheus.empty() ? "column" : "query", budgets.leak_max->per,
                                   operations.empty() ? "; name the column with --ops"
                                                      : fmt::format("; they count {}", fmt::join(operations, ", "))));
    }
  }
  if (!arguments.memory_limit.empty()) {
    const std::optional<std::uint64_t> limit = text::parse_size(arguments.memory_limit);
    if (!limit || *limit == 0) {
      throw UsageError(
          fmt::format("--memory-limit: '{}': expected a size with a unit, such as 512MiB", arguments.memory_limit));
    }
    budgets.memory_limit_bytes = static_cast<std::int64_t>(*limit);
  }
  return budgets;
}

// What is said of one column. A finding that no trend explains is a count's.
std::string line_of(const probe::Trend& trend, const probe::Verdict& verdict) {
  if (trend.leak) {
    return "LEAK: " + report::trend_text(trend);
  }
  if (const probe::Finding* const finding = verdict.find(trend.series)) {
    std::string text = "LEAK: " + finding->text;
    for (const probe::Evidence& evidence : finding->evidence) {
      text += fmt::format("; {} {}", evidence.label, evidence.text);
    }
    return text;
  }
  for (const probe::Finding& open : verdict.inconclusive) {
    if (open.subject == trend.series) {
      return "inconclusive: " + report::trend_text(trend);
    }
  }
  return report::trend_text(trend);
}

Recording read_file(std::FILE* file, const JudgeArguments& arguments) {
  CsvReader csv(file);
  Recording recording = Recorder(csv, arguments.operations).read();
  // The first operation stands in every point, as a run's cycles do.
  std::vector<probe::Operation>& operations = recording.measured.operations;
  for (const probe::Operation& operation : operations) {
    recording.counts +=
        fmt::format(" {}={}", operation.name,
                    operation.at_rest.empty() ? 0 : operation.at_rest.last()->value - operation.at_rest.first()->value);
  }
  if (!operations.empty()) {
    recording.cycle = text::singular(operations.front().name);
    operations.erase(operations.begin());
  }
  return recording;
}

Recording read_prometheus(const JudgeArguments& arguments) {
  const std::optional<nanoseconds> since = text::parse_duration(arguments.since);
  if (!since || *since <= nanoseconds{0}) {
    throw UsageError(fmt::format("--since: '{}': expected a time, such as 90m, 24h or 7d", arguments.since));
  }
  if (arguments.operations.size() > 1) {
    throw UsageError("--ops: expected one query with --prometheus");
  }
  net::parse_http_url(arguments.prometheus);
  HistoryRequest request{arguments.prometheus, arguments.query, {}, *since};
  if (!arguments.operations.empty()) {
    request.ops_query = arguments.operations.front();
  }
  Recorded recorded = to_recorded(fetch_history(request));
  Recording recording{std::move(recorded.measured), recorded.rows, recorded.lasted};
  if (!recorded.operation.empty()) {
    recording.cycle = text::singular(recorded.operation);
    recording.counts = fmt::format(" {}={}", recorded.operation, recorded.operations);
  }
  return recording;
}

int judge(const Recording& recording, const std::string& name, const probe::Budgets& budgets) {
  probe::JudgeWords words;
  if (!recording.cycle.empty()) {
    words.cycle = recording.cycle;
  }
  const probe::Verdict verdict = probe::judge_growth(recording.measured, budgets, words);
  std::string lines;
  std::size_t leaks = 0;
  std::size_t unknown = 0;
  for (const probe::Trend& trend : verdict.trends) {
    const std::string line = line_of(trend, verdict);
    leaks += line.starts_with("LEAK") ? 1u : 0u;
    unknown += line.starts_with("inconclusive") ? 1u : 0u;
    lines += fmt::format("  {}: {}\n", text::printable(trend.series), text::printable(line));
  }
  for (const std::string& remark : verdict.remarks) {
    lines += fmt::format("  note: {}\n", text::printable(remark));
  }
  const bool inconclusive = leaks == 0 && unknown > 0;
  const char* const result = leaks > 0 ? "FAIL" : inconclusive ? "INCONCLUSIVE" : "PASS";
  fmt::print(
      "{}{}\n", lines,
      text::printable(fmt::format("[SOAK JUDGE / {}] {}: elapsed={:.1f}s rows={}{} series={} leaks={} inconclusive={}",
                                  name, result, text::seconds(recording.lasted), recording.rows, recording.counts,
                                  recording.measured.tracks.size(), leaks, unknown)));
  return leaks > 0 ? kFailed : inconclusive && budgets.leak_max ? kInconclusive : kPassed;
}

int judge_prometheus(const JudgeArguments& arguments) {
  try {
    std::vector<std::string> operations;
    for (const std::string& query : arguments.operations) {
      operations.push_back(operation_in(query));
    }
    const probe::Budgets budgets = budgets_of(arguments, operations);
    return judge(read_prometheus(arguments), net::url_without_secrets(arguments.prometheus), budgets);
  } catch (const Error& error) {
    fmt::print(stderr, "soak judge: {}\n", text::printable(error.what()));
    return kUsage;
  }
}

int run_judge(const JudgeArguments& arguments) {
  if (!arguments.prometheus.empty() && arguments.query.empty()) {
    fmt::print(stderr, "soak judge: --prometheus needs --query: what to judge of it\n");
    return kUsage;
  }
  if (arguments.prometheus.empty() == arguments.file.empty()) {
    fmt::print(stderr, "soak judge: expected one of: FILE, --prometheus URL\n");
    return kUsage;
  }
  if (!arguments.prometheus.empty()) {
    return judge_prometheus(arguments);
  }
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
    const probe::Budgets budgets = budgets_of(arguments, arguments.operations);
    return judge(read_file(standard_input ? stdin : opened.get(), arguments), name, budgets);
  } catch (const CsvError& error) {
    fmt::print(stderr, "soak judge: {}\n", text::printable(fmt::format("{}: {}", name, error.what())));
  } catch (const UsageError& error) {
    fmt::print(stderr, "soak judge: {}\n", text::printable(error.what()));
  }
  return kUsage;
}

}  // namespace

void add_judge_command(CommandLine& app) {
  CommandLine command = app.add_subcommand(
      "judge",
      "Judge a recorded series like a soak. Prints a verdict, and a line per column: whether it still grows at its "
      "end,\n"
      "how fast, with the 99% interval, and the smallest leak that would have been seen.\n\n"
      "FILE is comma-separated, with a header time_s,<name>_bytes,... Times are in seconds and do not go backwards.\n"
      "Columns that end in _bytes are in bytes, others are counts. Values are rounded to whole numbers. An empty "
      "value,\n"
      "NaN or null is a gap. With --ops, each row is a quiescent point, where usage should be back at its baseline, "
      "and\n"
      "growth is per operation. Without --ops, growth is per second. A row with another value in a column named pid "
      "or\n"
      "process_start_time_seconds, or with fewer operations than the row before, begins a new process.\n\n"
      "With --prometheus, judges what a Prometheus has recorded: every series of --query in the time --since, a line\n"
      "each. --ops is then a query that counts operations. A process that restarted (process_start_time_seconds) and\n"
      "gaps are taken into account.\n\n"
      "Exit status: 0 if there is no leak, 1 if there is one, 2 if the file or an option is unusable. A series that "
      "may\n"
      "be growing, or is too short to judge, is INCONCLUSIVE: status 0, and with --leak-max 3.");
  auto arguments = std::make_shared<JudgeArguments>();
  command.add_option("FILE", arguments->file, "The recording, or - for standard input");
  const CommandOption prometheus =
      command.add_option("--prometheus", arguments->prometheus, "Judge what this Prometheus has: http://127.0.0.1:9090")
          .value_name("URL");
  const CommandOption query =
      command
          .add_option("--query", arguments->query,
                      "What to judge of it, such as 'process_resident_memory_bytes{job=\"api\"}'")
          .value_name("QUERY")
          .needs(prometheus);
  arguments->since = "24h";
  command.add_option("--since", arguments->since, "How far to look back")
      .value_name("TIME")
      .show_default()
      .needs(query);
  command
      .add_option("--ops", arguments->operations,
                  "A column that counts operations since the start, such as requests; may be repeated. With "
                  "--prometheus, a query: 'sum(http_requests_total)'")
      .value_name("NAME");
  command
      .add_option("--leak-max", arguments->leak_max,
                  "What may leak, of every column in bytes: 10MiB/day, also per s, h or an operation, as 64B/request. "
                  "Less is no leak; if neither is shown, the verdict is INCONCLUSIVE and says how long to run")
      .value_name("SIZE/PER");
  command
      .add_option("--memory-limit", arguments->memory_limit,
                  "Say when a column in bytes that grows would reach this size: 512MiB")
      .value_name("SIZE");
  command.runs([arguments] { return run_judge(*arguments); });
}

}  // namespace soak::tools
