// SPDX-License-Identifier: Apache-2.0
#include "soak/report/read_journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/json/reader.h"
#include "lib/report/json_fields.h"
#include "lib/report/totals.h"
#include "lib/text/format.h"
#include "soak/growth/verdict.h"

namespace soak::report {
namespace {

using std::chrono::nanoseconds;

constexpr std::string_view kBeginning = "{\"schema\":\"soak.journal\"";
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kFailuresKept = 5;

class Reader {
 public:
  void header(const JsonValue& line) {
    if (const std::uint64_t version = line["version"].count(); version != kVersion) {
      line["version"].refuse(fmt::format("{}", kVersion));
    }
    record_.name = line["name"].text();
    if (line.has("file")) {
      record_.file = line["file"].text();
      record_.line = static_cast<std::uint32_t>(line["line"].count());
    }
    record_.title = line["title"].text();
    record_.cycle_noun = line["cycle_noun"].text();
    record_.mode = read_mode(line["mode"]);
    record_.started += std::chrono::seconds(line["started_s"].whole());
    record_.asked = line["asked_s"].seconds();
    record_.seed = line["seed"].count();
    if (line.has("sessions")) {
      record_.sessions = static_cast<std::uint32_t>(line["sessions"].count());
    }
    record_.rerun = line["rerun"].text();
    budgets_.rss_growth_bytes_max = line["rss_growth_bytes_max"].whole();
    budgets_.heap_per_cycle_bytes_max = line["heap_per_cycle_bytes_max"].whole();
    if (line.has("leak_max_bytes")) {
      budgets_.leak_max = probe::LeakMax{line["leak_max_bytes"].number(), line["leak_max_per"].text()};
      record_.bound_asked = true;
    }
    if (line.has("memory_limit_bytes")) {
      budgets_.memory_limit_bytes = line["memory_limit_bytes"].whole();
    }
    budgets_.counts_exact = line.has("counts_exact") && line["counts_exact"].boolean();
    rss_not_judged_ = line["rss_not_judged"].text();
    per_cycle_ = line.has("per_cycle") && line["per_cycle"].boolean();
    line["settings"].for_each([this](const JsonValue& setting) {
      record_.settings.push_back({setting["name"].text(), setting["value"].text(), setting["source"].text()});
    });
    line["series"].for_each([this](const JsonValue& series) {
      probe::Track track;
      track.name = series["name"].text();
      track.unit = read_unit(series["unit"]);
      track.unavailable = series["unavailable"].text();
      track.part_of = series["part_of"].text();
      track.stands_for = series["stands_for"].text();
      record_.measured.tracks.push_back(std::move(track));
    });
  }

  // A type that is not known is of a later version, which may add to this one.
  void line(const JsonValue& line) {
    const std::string type = line["type"].text();
    if (type == "describe") {
      record_.title = line["title"].text();
      record_.cycle_noun = line["cycle_noun"].text();
      return;
    }
    const nanoseconds at = line["at_s"].seconds();
    record_.elapsed = std::max(record_.elapsed, at);
    if (type == "sample") {
      sample(line, at);
    } else if (type == "rest") {
      rest(line, at);
    } else if (type == "restart") {
      restart(line, at);
    } else if (type == "totals") {
      totals(line, at);
    } else if (type == "mark") {
      record_.marks.push_back({at, line["kind"].text(), line["text"].text()});
    } else if (type == "failure") {
      ++record_.failed_cycles;
      if (record_.failures.size() < kFailuresKept) {
        record_.failures.push_back(fmt::format("{} {}", text::format_clock(at), line["text"].text()));
      }
    } else if (type == "end") {
      record_.cycles = std::max(record_.cycles, line["cycle"].count());
      ended_ = true;
    }
  }

  void torn(std::size_t number) {
    remarks_.push_back(fmt::format("line {} of the journal is truncated and was skipped", number));
  }

  Record finish(const std::string& name) {
    record_.killed = true;
    record_.memory_limit_bytes = budgets_.memory_limit_bytes;
    probe::Verdict& verdict = record_.verdict;
    verdict.findings.push_back(
        {"killed",
         ended_
             ? fmt::format("killed: the run ended at {}, but its reports were never written",
                           text::format_clock(record_.elapsed))
             : fmt::format("killed: the run never ended; the last line is at {}{}", text::format_clock(record_.elapsed),
                           record_.asked.count() > 0 ? " of " + text::format_clock(record_.asked) : ""),
         {}});
    if (record_.cycles > 0) {
      probe::JudgeWords words;
      words.cycle = record_.cycle_noun;
      words.rss_not_judged = rss_not_judged_;
      words.per_cycle = per_cycle_;
      probe::Verdict held = probe::judge(record_.measured, budgets_, words);
      std::move(held.findings.begin(), held.findings.end(), std::back_inserter(verdict.findings));
      verdict.remarks = std::move(held.remarks);
      verdict.trends = std::move(held.trends);
    }
    verdict.remarks.push_back(
        fmt::format("rebuilt from the journal {}: the number of {}s, traffic, open time and answers were not judged",
                    name, record_.cycle_noun));
    if (totals_at_ && *totals_at_ < record_.elapsed) {
      verdict.remarks.push_back(fmt::format("traffic, open time, answers and figures are as of {}, the rest of {}",
                                            text::format_clock(*totals_at_), text::format_clock(record_.elapsed)));
    }
    std::move(remarks_.begin(), remarks_.end(), std::back_inserter(verdict.remarks));
    return std::move(record_);
  }

 private:
  void sample(const JsonValue& line, nanoseconds at) {
    const std::uint64_t cycle = line["cycle"].count();
    record_.cycles = std::max(record_.cycles, cycle);
    held(line, [&](probe::Track& track, std::int64_t value) { track.timeline.add({at, cycle, value}); });
    count(line);
  }

  // As Probe::rest() does it.
  void rest(const JsonValue& line, nanoseconds at) {
    const std::uint64_t cycle = line["cycle"].count();
    probe::Measurements& measured = record_.measured;
    record_.cycles = std::max(record_.cycles, cycle);
    if (measured.candidates && !line.has("candidate")) {
      forget_candidates();
    }
    measured.candidates = line.has("candidate");
    held(line, [&](probe::Track& track, std::int64_t value) {
      track.timeline.add({at, cycle, value});
      track.at_rest.add({at, cycle, value});
    });
    count(line);
    for (std::size_t i = 0; i < record_.counters.size(); ++i) {
      if (i == measured.operations.size()) {
        // Nothing of it was counted at the quiescent points before.
        measured.operations.push_back({record_.counters[i].name, rests_.zeroed()});
      }
      measured.operations[i].at_rest.add({at, cycle, static_cast<std::int64_t>(record_.counters[i].value)});
    }
    rests_.add({at, cycle, 0});
    measured.last_unsettled = line.has("unsettled_by");
    if (measured.last_unsettled) {
      ++measured.unsettled_points;
      measured.baseline_unsettled |= measured.quiescent_points == 0;
      measured.unsettled_by = line["unsettled_by"].text();
    }
    ++measured.quiescent_points;
  }

  void totals(const JsonValue& line, nanoseconds at) {
    totals_at_ = at;
    read_totals(line, record_);
    if (line.has("session_rss_bytes")) {
      record_.session_rss_bytes = line["session_rss_bytes"].whole();
    }
    if (line.has("ended_early_s")) {
      record_.ended_early = line["ended_early_s"].seconds();
    }
    record_.marks_dropped = line["marks_dropped"].count();
    record_.measured.probe_cpu = line["probe_cpu_s"].seconds();
  }

  void restart(const JsonValue& line, nanoseconds at) {
    record_.measured.restarts.push_back({at, line["text"].text()});
    line["series"].for_each([&](const JsonValue& name) {
      for (probe::Track& track : record_.measured.tracks) {
        if (track.name == name.text()) {
          track.restart(at);
        }
      }
    });
  }

  void forget_candidates() {
    record_.measured.quiescent_points = 0;
    for (probe::Track& track : record_.measured.tracks) {
      track.at_rest.clear();
    }
    for (probe::Operation& operation : record_.measured.operations) {
      operation.at_rest.clear();
    }
    rests_.clear();
  }

  template <typename Each>
  void held(const JsonValue& line, Each each) {
    std::vector<probe::Track>& tracks = record_.measured.tracks;
    const JsonValue values = line["held"];
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      if (const JsonValue value = values.element(i, tracks.size()); !value.is_null()) {
        each(tracks[i], value.whole());
      }
    }
  }

  void count(const JsonValue& line) {
    line["counts"].for_each_field([this](const std::string& name, const JsonValue& value) {
      const auto same = [&name](const Counter& counter) { return counter.name == name; };
      auto found = std::find_if(record_.counters.begin(), record_.counters.end(), same);
      if (found == record_.counters.end()) {
        found = record_.counters.insert(found, {name, 0});
      }
      found->value = value.count();
    });
  }

  Record record_;
  probe::Budgets budgets_;
  std::string rss_not_judged_;
  bool per_cycle_ = false;
  probe::Series rests_;
  std::optional<nanoseconds> totals_at_;  // The last ones.
  bool ended_ = false;
  std::vector<std::string> remarks_;
};

}  // namespace

bool is_journal(std::string_view text) { return text.substr(0, kBeginning.size()) == kBeginning; }

Record read_journal(std::string_view text, const std::string& name) {
  if (!is_journal(text)) {
    throw ReadError(Errc::kInvalidArgument,
                    fmt::format("{}:1: not a journal: the first line is not a soak.journal header", name));
  }
  Reader reader;
  json::Reader lines;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t size = text.find('\n');
    const bool whole = size != std::string_view::npos;
    const std::string_view line = text.substr(0, size);
    text.remove_prefix(whole ? size + 1 : text.size());
    std::string written(line);  // Of which reading makes use.
    const json::Value* const read = lines.read(written);
    const std::string place = fmt::format("{}:{}", name, number);
    if (!whole || read == nullptr) {
      if (number == 1) {
        throw ReadError(Errc::kInvalidArgument,
                        fmt::format("{}: the header is truncated, so nothing is known of the run", place));
      }
      if (!text.empty()) {
        throw ReadError(Errc::kInvalidArgument,
                        fmt::format("{}:{}: not JSON: {}", place, lines.failure().at + 1, lines.failure().what));
      }
      reader.torn(number);
      break;
    }
    const JsonValue value(*read, place, "");
    number == 1 ? reader.header(value) : reader.line(value);
  }
  return reader.finish(name);
}

}  // namespace soak::report
