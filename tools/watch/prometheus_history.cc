// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/prometheus_history.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "lib/json/reader.h"
#include "lib/text/ascii.h"
#include "lib/text/format.h"
#include "lib/text/number.h"
#include "lib/text/percent.h"
#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/http_client.h"

namespace soak::tools {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::string_view kName = "__name__";
constexpr std::string_view kTotal = "_total";
constexpr std::string_view kBytes = "_bytes";
constexpr double kValueMax = 9e18;
constexpr int kSteps = 5000;               // Prometheus gives at most 11,000 points for a series.
constexpr nanoseconds kStepMin = 1s;       // Of a query whose samples' times are known,
constexpr nanoseconds kStepUnknown = 15s;  // and of an expression, which has a value at every step.

std::string label_of(const Labels& labels, std::string_view name) {
  for (const auto& [label, value] : labels) {
    if (label == name) {
      return value;
    }
  }
  return {};
}

Labels without_name(Labels labels) {
  std::erase_if(labels, [](const auto& label) { return label.first == kName; });
  std::sort(labels.begin(), labels.end());
  return labels;
}

const RangeSeries* find_by_labels(const std::vector<RangeSeries>& all, const Labels& labels) {
  const Labels wanted = without_name(labels);
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&wanted](const RangeSeries& one) { return without_name(one.labels) == wanted; });
  return found == all.end() ? nullptr : &*found;
}

// Of the same instance of the same job.
const RangeSeries* find_by_instance(const std::vector<RangeSeries>& all, const Labels& labels) {
  const std::string instance = label_of(labels, "instance");
  const auto found = std::find_if(all.begin(), all.end(), [&](const RangeSeries& one) {
    return !instance.empty() && label_of(one.labels, "instance") == instance &&
           label_of(one.labels, "job") == label_of(labels, "job");
  });
  return found == all.end() ? nullptr : &*found;
}

// The names of metrics and functions in a query, without what is in braces and brackets.
std::vector<std::string_view> identifiers_in(std::string_view query) {
  std::vector<std::string_view> identifiers;
  int depth = 0;
  for (std::size_t at = 0; at < query.size();) {
    const char c = query[at];
    depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
    std::size_t end = at;
    while (end < query.size() && (text::is_letter_or_digit(query[end]) || query[end] == '_' || query[end] == ':')) {
      ++end;
    }
    if (end > at && depth == 0) {
      identifiers.push_back(query.substr(at, end - at));
    }
    at = std::max(end, at + 1);
  }
  return identifiers;
}

bool is_bytes(const RangeSeries& series, std::string_view query) {
  const std::string name = label_of(series.labels, kName);
  const std::vector<std::string_view> in_query = identifiers_in(query);
  return name.empty() ? std::any_of(in_query.begin(), in_query.end(),
                                    [](std::string_view identifier) { return identifier.ends_with(kBytes); })
                      : name.ends_with(kBytes);
}

// process_resident_memory_bytes{instance="127.0.0.1:8080",job="api"}
std::string display_of(const RangeSeries& series, const std::string& query) {
  std::string name = label_of(series.labels, kName);
  if (name.ends_with(kBytes)) {
    name.resize(name.size() - kBytes.size());
  }
  std::string labels;
  for (const auto& [label, value] : without_name(series.labels)) {
    labels += fmt::format("{}{}=\"{}\"", labels.empty() ? "" : ",", label, value);
  }
  return labels.empty() ? (name.empty() ? query : name) : fmt::format("{}{{{}}}", name, labels);
}

std::optional<double> value_at(const RangeSeries& series, double time) {
  const auto found = std::lower_bound(series.points.begin(), series.points.end(), time,
                                      [](const auto& point, double wanted) { return point.first < wanted; });
  return found != series.points.end() && found->first == time ? std::optional(found->second) : std::nullopt;
}

// How many operations there were, at each step from the first on; with the falls of a counter that was reset made up
// for, and their times.
struct Progress {
  std::map<double, std::uint64_t> done;
  std::vector<double> resets;
};

Progress progress_of(const RangeSeries& ops) {
  Progress progress;
  double before = 0;
  std::optional<double> last;
  for (const auto& [time, value] : ops.points) {
    if (!std::isfinite(value) || value < 0) {
      continue;
    }
    if (last && value < *last) {
      before += *last;
      progress.resets.push_back(time);
    }
    last = value;
    progress.done[time] = static_cast<std::uint64_t>(std::min(before + value, kValueMax));
  }
  return progress;
}

const RangeSeries& ops_for(const RangeSeries& series, const History& history) {
  if (history.ops.size() == 1) {
    return history.ops.front();
  }
  const RangeSeries* const found = find_by_instance(history.ops, series.labels);
  if (found == nullptr) {
    throw Error(
        Errc::kInvalidArgument,
        fmt::format("--ops {}: has {} series, and none with the instance and job of {}: expected one series, as "
                    "of sum(...), or one for each instance",
                    history.ops_query, history.ops.size(), display_of(series, history.query)));
  }
  return *found;
}

}  // namespace

std::vector<RangeSeries> parse_range(std::string body) {
  const json::Document answer(std::move(body), {.values_max = std::size_t{1} << 26});
  if (!answer.is_object()) {
    throw Error(Errc::kProtocol, "the answer is not JSON: expected a Prometheus, with its API below the given URL");
  }
  if (const std::string_view error = json::text_member(answer.value(), "error"); !error.empty()) {
    throw Error(Errc::kProtocol, fmt::format("Prometheus refused the query: {}", error));
  }
  const json::Value* const data = json::member(answer.value(), "data");
  const json::Value* const result = data == nullptr ? nullptr : json::member(*data, "result");
  if (result == nullptr || !result->IsArray() || json::text_member(*data, "resultType") != "matrix") {
    throw Error(Errc::kProtocol, "the answer is not a matrix: expected a query that gives series");
  }
  std::vector<RangeSeries> all;
  for (const json::Value& row : result->GetArray()) {
    RangeSeries series;
    if (const json::Value* const metric = json::member(row, "metric"); metric != nullptr && metric->IsObject()) {
      for (const auto& label : metric->GetObject()) {
        series.labels.emplace_back(json::view(label.name), label.value.IsString() ? json::view(label.value) : "");
      }
    }
    const json::Value* const values = json::member(row, "values");
    if (values == nullptr || !values->IsArray()) {
      throw Error(Errc::kProtocol, "a series of the answer has no values: native histograms cannot be judged");
    }
    for (const json::Value& point : values->GetArray()) {
      if (!point.IsArray() || point.Size() != 2 || !point[0].IsNumber() || !point[1].IsString()) {
        throw Error(Errc::kProtocol, "a point of the answer is not [time, \"value\"]");
      }
      const std::optional<double> value = text::parse_float(json::view(point[1]));
      series.points.emplace_back(point[0].GetDouble(), value.value_or(std::numeric_limits<double>::quiet_NaN()));
    }
    all.push_back(std::move(series));
  }
  return all;
}

std::string operation_in(std::string_view query) {
  for (const std::string_view identifier : identifiers_in(query)) {
    if (identifier.size() > kTotal.size() && identifier.ends_with(kTotal)) {
      return std::string(identifier.substr(0, identifier.size() - kTotal.size()));
    }
  }
  return "operations";
}

Recorded to_recorded(const History& history) {
  std::optional<double> start;
  for (const RangeSeries& series : history.values) {
    if (!series.points.empty()) {
      start = std::min(start.value_or(series.points.front().first), series.points.front().first);
    }
  }
  if (!start) {
    throw Error(Errc::kInvalidArgument, fmt::format("--query {}: no series in that time", history.query));
  }
  if (history.with_ops && history.ops.empty()) {
    throw Error(Errc::kInvalidArgument, fmt::format("--ops {}: no series in that time", history.ops_query));
  }
  Recorded recorded;
  recorded.operation = history.with_ops ? operation_in(history.ops_query) : "";
  for (const RangeSeries& series : history.values) {
    probe::Track track;
    track.name = display_of(series, history.query);
    track.unit = is_bytes(series, history.query) ? probe::Unit::kBytes : probe::Unit::kCount;
    const RangeSeries* const scraped = find_by_labels(history.scraped, series.labels);
    const RangeSeries* const starts = find_by_instance(history.starts, series.labels);
    const Progress progress = history.with_ops ? progress_of(ops_for(series, history)) : Progress{};
    std::optional<double> last_scrape;
    std::optional<double> last_start;
    std::uint64_t rows = 0;
    auto reset = progress.resets.begin();
    for (const auto& [time, value] : series.points) {
      const std::optional<double> scrape = scraped == nullptr ? std::nullopt : value_at(*scraped, time);
      if (!(std::abs(value) < kValueMax) || (scrape && last_scrape && *scrape <= *last_scrape)) {
        continue;  // No value, or the one before again.
      }
      last_scrape = scrape;
      const nanoseconds at = text::from_seconds(std::max(scrape.value_or(time) - *start, 0.0));
      const std::optional<double> began = starts == nullptr ? std::nullopt : value_at(*starts, time);
      bool restarted = began && last_start && *began != *last_start;
      last_start = began ? began : last_start;
      for (; reset != progress.resets.end() && *reset <= time; ++reset) {
        restarted |= starts == nullptr;  // Without a time of the start, a counter that fell is all that is known.
      }
      if (restarted) {
        track.restart(at);
      }
      if (!history.with_ops) {
        track.timeline.add({at, 0, std::llround(value)});
      } else if (const auto done = progress.done.find(time); done != progress.done.end()) {
        track.at_rest.add({at, done->second, std::llround(value)});
      } else {
        continue;
      }
      ++rows;
      recorded.lasted = std::max(recorded.lasted, at);
    }
    if (!progress.done.empty()) {
      recorded.operations =
          std::max(recorded.operations, progress.done.rbegin()->second - progress.done.begin()->second);
    }
    recorded.rows = std::max(recorded.rows, rows);
    recorded.measured.tracks.push_back(std::move(track));
  }
  recorded.measured.quiescent_points = history.with_ops ? recorded.rows : 0;
  return recorded;
}

namespace {

class Asker {
 public:
  Asker(EventLoop& loop, const HistoryRequest& request, double end)
      : client_(loop, client_options()), request_(request), end_(end) {}

  Task<std::vector<RangeSeries>> ask(std::string query, nanoseconds step) {
    std::string base = request_.url;
    while (base.ends_with('/')) {
      base.pop_back();
    }
    net::HttpRequest request("GET", fmt::format("{}/api/v1/query_range?query={}&start={:.3f}&end={:.3f}&step={:.3f}",
                                                base, text::percent_encode(query), end_ - text::seconds(request_.since),
                                                end_, text::seconds(step)));
    Task<net::HttpResponse> sending = client_.send(std::move(request));
    net::HttpResponse response = co_await std::move(sending);
    const bool is_json = response.headers.get("Content-Type").find("json") != std::string::npos;
    if (response.status != 200 && !is_json) {
      throw Error(Errc::kProtocol,
                  fmt::format("status {}: expected a Prometheus, with its API below {}", response.status, base));
    }
    co_return parse_range(std::move(response.body));
  }

 private:
  static net::HttpClientOptions client_options() {
    net::HttpClientOptions options;
    options.timeout = 2min;
    options.response_bytes_max = std::size_t{1} << 30;
    return options;
  }

  net::HttpClient client_;
  const HistoryRequest& request_;
  const double end_;
};

// A query that is a selector knows when its samples were scraped; an expression is computed at every step.
bool knows_scrapes(const std::vector<RangeSeries>& scraped) {
  return std::any_of(scraped.begin(), scraped.end(), [](const RangeSeries& series) {
    return std::any_of(series.points.begin(), series.points.end(),
                       [](const auto& point) { return std::abs(point.first - point.second) > 1e-3; });
  });
}

Task<> fetch(EventLoop& loop, const HistoryRequest& request, History& history) {
  const double end = std::chrono::duration<double>(loop.wall_now().time_since_epoch()).count();
  Asker asker(loop, request, end);
  const nanoseconds fine = std::max(kStepMin, request.since / kSteps);
  nanoseconds step = fine;
  try {
    Task<std::vector<RangeSeries>> asking = asker.ask(fmt::format("timestamp({})", request.query), fine);
    history.scraped = co_await std::move(asking);
  } catch (const net::HttpError&) {
    throw;
  } catch (const Error&) {  // Of several metrics with the same labels there is no timestamp().
  }
  if (!knows_scrapes(history.scraped)) {
    history.scraped.clear();
    step = std::max(fine, kStepUnknown);
  }
  Task<std::vector<RangeSeries>> values = asker.ask(request.query, step);
  history.values = co_await std::move(values);
  try {
    std::string starts_query = fmt::format("process_start_time_seconds and on(job, instance) ({})", request.query);
    Task<std::vector<RangeSeries>> starts = asker.ask(std::move(starts_query), step);
    history.starts = co_await std::move(starts);
  } catch (const net::HttpError&) {
    throw;
  } catch (const Error&) {  // It is an expression that cannot be matched.
  }
  if (!request.ops_query.empty()) {
    history.with_ops = true;
    Task<std::vector<RangeSeries>> ops = asker.ask(request.ops_query, step);
    history.ops = co_await std::move(ops);
  }
}

}  // namespace

History fetch_history(const HistoryRequest& request) {
  UvLoop loop;
  History history;
  history.query = request.query;
  history.ops_query = request.ops_query;
  loop.run(fetch(loop, request, history));
  return history;
}

}  // namespace soak::tools
