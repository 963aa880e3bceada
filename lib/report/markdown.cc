// SPDX-License-Identifier: Apache-2.0
#include "soak/report/markdown.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "lib/text/format.h"
#include "lib/text/utf8.h"
#include "soak/detail/printable.h"
#include "soak/report/summary.h"

namespace soak::report {
namespace {

using probe::Track;
using probe::Unit;

constexpr std::size_t kChartsMax = 4;       // In a run: one cause is one finding, and more of them are rarely read.
constexpr std::size_t kChartPoints = 60;    // Mermaid draws every point; these are enough for a shape.
constexpr std::size_t kCellBytesMax = 160;  // Of a finding in the table.
constexpr double kSmallestRange = 1e-3;     // Of an axis, in its unit.
constexpr std::size_t kTextBytesMax = 64 * 1024;  // Of all findings of a run.

std::size_t longest_run_of_backticks(std::string_view text) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

// In code, nothing is markup but a run of as many backticks as began it.
std::string code_span(std::string_view text) {
  const std::string shown = text::printable(text);
  if (shown.empty()) {
    return "";
  }
  const std::string ticks(longest_run_of_backticks(shown) + 1, '`');
  return ticks.size() == 1 ? fmt::format("`{}`", shown) : fmt::format("{0} {1} {0}", ticks, shown);
}

std::string code_block(std::string_view language, std::string_view lines) {
  const std::string ticks(std::max<std::size_t>(longest_run_of_backticks(lines) + 1, 3), '`');
  return fmt::format("{0}{1}\n{2}{3}{0}\n", ticks, language, lines, lines.ends_with('\n') ? "" : "\n");
}

std::string shortened(const std::string& text, std::size_t bytes_max) {
  return text.size() > bytes_max ? std::string(text::first_bytes(text, bytes_max)) + " ..." : text;
}

// A | ends a cell, also within code.
std::string cell(std::string_view text) {
  std::string result;
  for (const char c : shortened(text::printable(text), kCellBytesMax)) {
    result += c == '|' ? "\\|" : std::string(1, c);
  }
  return code_span(result);
}

// The value at equally distant times, each the newest one by then; without those before the first value.
std::vector<std::int64_t> at_equal_distances(const std::vector<probe::Point>& points) {
  std::vector<std::int64_t> values;
  const std::chrono::nanoseconds first = points.front().at;
  const std::chrono::nanoseconds length = points.back().at - first;
  const std::size_t count = std::min(points.size(), kChartPoints);
  std::size_t next = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::chrono::nanoseconds at =
        first + length * static_cast<std::int64_t>(i) / static_cast<std::int64_t>(std::max<std::size_t>(count - 1, 1));
    while (next + 1 < points.size() && points[next + 1].at <= at) {
      ++next;
    }
    values.push_back(i + 1 == count ? points.back().value : points[next].value);
  }
  return values;
}

std::string value_text(double value, Unit unit) {
  return unit == Unit::kBytes ? text::format_size(value) : fmt::format("{:.0f}", value);
}

std::string sparkline(const std::vector<std::int64_t>& values) {
  static constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double range = static_cast<double>(*high) - static_cast<double>(*low);
  std::string line;
  for (const std::int64_t value : values) {
    const double share = range > 0 ? (static_cast<double>(value) - static_cast<double>(*low)) / range : 0;
    line += kBlocks[static_cast<std::size_t>(std::lround(share * (kBlocks.size() - 1)))];
  }
  return line;
}

// Within quotes, Mermaid has no escape: what could end them or begin an entity is left out.
std::string in_quotes(std::string_view text) {
  std::string result;
  for (const char c : text::printable(text)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        byte >= 0x80 || std::isalnum(byte) != 0 || std::string_view(" ._/-+()").find(c) != std::string_view::npos;
    result += plain ? c : '_';
  }
  return result;
}

// Its own first colour hardly shows on white. This one does, and on black.
constexpr const char* kLineColour = "%%{init: {'themeVariables': {'xyChart': {'plotColorPalette': '#d9480f'}}}}%%\n";

// Mermaid reads no exponents.
std::string number(double value) {
  std::string text = fmt::format("{:.6f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) {
    text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

struct Scale {
  double divisor = 1;
  const char* name = "";
};

// Of an axis: the largest unit that leaves its largest number above 1.
template <std::size_t N>
Scale scale_for(double largest, const std::array<Scale, N>& ascending) {
  Scale chosen = ascending.front();
  for (const Scale& scale : ascending) {
    chosen = largest >= scale.divisor ? scale : chosen;
  }
  return chosen;
}

constexpr std::array<Scale, 3> kTimeScales = {{{1, "seconds"}, {60, "minutes"}, {3600, "hours"}}};
constexpr std::array<Scale, 4> kSizeScales = {
    {{1, "bytes"}, {1024, "KiB"}, {1024 * 1024, "MiB"}, {1024. * 1024 * 1024, "GiB"}}};
constexpr std::array<Scale, 1> kCountScales = {{{1, "count"}}};

std::string chart(const Track& track) {
  const std::vector<probe::Point> points = track.timeline.points();
  const std::vector<std::int64_t> values = at_equal_distances(points);
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  const auto low = static_cast<double>(*lowest);
  const auto high = static_cast<double>(*highest);
  std::string result = fmt::format("{}: {} {} {}, lowest {}, highest {}\n\n", code_span(track.name),
                                   value_text(static_cast<double>(values.front()), track.unit), sparkline(values),
                                   value_text(static_cast<double>(values.back()), track.unit),
                                   value_text(low, track.unit), value_text(high, track.unit));
  const double from = text::seconds(points.front().at);
  const double to = text::seconds(points.back().at);
  const Scale time = scale_for(to, kTimeScales);
  if (to - from < kSmallestRange * time.divisor) {
    return result;
  }
  const double largest = std::max(std::abs(low), std::abs(high));
  const Scale unit = track.unit == Unit::kBytes ? scale_for(largest, kSizeScales) : scale_for(largest, kCountScales);
  const double margin = high > low ? std::max((high - low) * 0.05, kSmallestRange * unit.divisor) : unit.divisor;
  std::string numbers;
  for (const std::int64_t value : values) {
    numbers += (numbers.empty() ? "" : ", ") + number(static_cast<double>(value) / unit.divisor);
  }
  const auto range = [](double least, double most, double divisor) {
    return fmt::format("{} --> {}", number(least / divisor), number(most / divisor));
  };
  const double bottom = low < 0 ? low - margin : std::max(low - margin, 0.0);
  return result +
         code_block("mermaid", fmt::format("{}"
                                           "xychart-beta\n"
                                           "  title \"{}\"\n"
                                           "  x-axis \"{}\" {}\n"
                                           "  y-axis \"{}\" {}\n"
                                           "  line [{}]\n",
                                           kLineColour, in_quotes(track.name), time.name, range(from, to, time.divisor),
                                           unit.name, range(bottom, high + margin, unit.divisor), numbers));
}

// The series of the findings, each once; RSS where none of them has a series of its own.
std::vector<const Track*> charted(const Record& record) {
  std::vector<const Track*> tracks;
  std::set<std::string> seen;
  const auto add = [&](const std::string& name) {
    const Track* track = record.measured.find(name);
    if (track != nullptr && !track->timeline.empty() && tracks.size() < kChartsMax && seen.insert(name).second) {
      tracks.push_back(track);
    }
  };
  for (const auto* findings : {&record.verdict.findings, &record.verdict.inconclusive}) {
    for (const probe::Finding& finding : *findings) {
      add(finding.subject);
    }
  }
  if (tracks.empty()) {
    add("rss");
  }
  return tracks;
}

std::string section(const Record& record, bool with_charts) {
  std::string result = fmt::format("### {} {}\n\n", outcome(record), code_span(record.name));
  result += code_block(
      "text", shortened(summary_line(record) + "\n" + findings_text(record) + remarks_text(record), kTextBytesMax));
  if (with_charts) {
    for (const Track* track : charted(record)) {
      result += "\n" + chart(*track);
    }
  }
  if (!record.rerun.empty()) {
    result += "\nRun it again:\n\n" + code_block("sh", text::printable(record.rerun));
  }
  return result + "\n";
}

// FAIL, INCONCLUSIVE, and the rest.
int rank(const Record& record) { return !record.verdict.passed() ? 0 : is_short_of_its_bound(record) ? 1 : 2; }

std::string table(const std::vector<const Record*>& records) {
  std::string result = "| verdict | soak | ran for | what |\n| --- | --- | --- | --- |\n";
  for (const Record* record : records) {
    if (result.size() > kMarkdownBytesMax / 2) {
      break;  // The last line says how many are missing.
    }
    const std::vector<probe::Finding>& findings =
        record->verdict.passed() ? record->verdict.inconclusive : record->verdict.findings;
    result += fmt::format("| {} | {} | {} | {}{} |\n", outcome(*record), cell(record->name),
                          text::format_duration(record->elapsed), findings.empty() ? "" : cell(findings[0].text),
                          findings.size() > 1 ? fmt::format(" and {} more", findings.size() - 1) : "");
  }
  return result + "\n";
}

}  // namespace

std::string to_markdown(std::span<const Record> records) {
  std::vector<const Record*> ordered;
  for (const Record& record : records) {
    ordered.push_back(&record);
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Record* left, const Record* right) { return rank(*left) < rank(*right); });
  std::string result = ordered.size() > 1 ? table(ordered) : "";
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    const bool is_clean = rank(*ordered[i]) == 2 && ordered[i]->verdict.inconclusive.empty();
    const std::string next = section(*ordered[i], !is_clean || ordered.size() == 1);
    if (result.size() + next.size() > kMarkdownBytesMax) {
      return result +
             fmt::format("{} more of {} runs do not fit into a job summary.\n", ordered.size() - i, ordered.size());
    }
    result += next;
  }
  return result;
}

}  // namespace soak::report
