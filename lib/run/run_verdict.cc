// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iterator>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "lib/run/answers.h"
#include "lib/run/heap_growth.h"
#include "lib/run/open_time.h"
#include "lib/run/parts.h"
#include "lib/run/reload.h"
#include "lib/run/run_state.h"
#include "lib/text/format.h"
#include "soak/probe/process.h"
#include "soak/report/files.h"
#include "soak/report/json.h"
#include "soak/report/page.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr nanoseconds kProbeJudgedFrom = 30s;  // In less time the readings that are always taken are all there is.

void remark_on_probe(double share, Verdict& verdict) {
  if (share > probe::kShare) {
    verdict.remarks.push_back(fmt::format("the probe took {:.2f}% of a core, more than its share of {:.1f}%",
                                          share * 100, probe::kShare * 100));
  }
}

}  // namespace

// What failed while the process did not run, or as it caught up, is not the program's. Returns how many cycles.
std::uint64_t Run::State::excuse_stops(report::Record& result) const {
  const std::vector<Stop> seen = stops.all();
  if (seen.empty()) {
    return 0;
  }
  result.verdict.remarks.push_back(to_string(seen));
  for (const Stop& stop : seen) {
    result.marks.push_back({stop.from, "note", to_string({stop})});
  }
  std::stable_sort(result.marks.begin(), result.marks.end(),
                   [](const report::Mark& a, const report::Mark& b) { return a.at < b.at; });
  const auto thirds = failures_over_time->by_third(seen, EventsOverTime::Which::kWhileStopped);
  const std::uint64_t failed = std::accumulate(thirds.begin(), thirds.end(), std::uint64_t{0});
  if (failed > 0) {
    result.failed_cycles -= failed;
    result.verdict.inconclusive.push_back(
        {"failed_cycles",
         fmt::format("{} failed while this process did not run", text::format_plural(failed, cycle_noun.c_str())),
         {}});
  }
  return failed;
}

void Run::State::judge() {
  report::Record result = so_far();
  // A part that is over, or was interrupted, before the soak is: only what is certainly wrong by now is.
  const bool unfinished = checkpoint && lasted < settings.duration && !result.ended_early;
  std::optional<std::uint64_t> due = expected_cycles;
  if (checkpoint) {
    const std::uint64_t here = result.cycles - checkpoint->before().cycles;
    report::Part part{started, part_from, std::min(lasted, part_to), here, here, signal != 0};
    if (expected_cycles) {
      part.cycles_due = signal != 0 ? here : *expected_cycles;
      due = checkpoint->cycles_due_before() + part.cycles_due;
    }
    result.parts = checkpoint->before().parts;
    result.parts.push_back(part);
  }

  Verdict& verdict = result.verdict;
  const auto add = [&verdict](std::string subject, std::string text) -> Finding& {
    verdict.findings.push_back({std::move(subject), std::move(text), {}});
    return verdict.findings.back();
  };
  const std::string& noun = cycle_noun;
  if (crashed) {
    add("crash", "the run ended by an exception: " + *crashed);
  } else if (signal != 0 && context.group != nullptr) {
    verdict.remarks.push_back(fmt::format("ended by {} after {}{}", signal == SIGINT ? "SIGINT" : "SIGTERM",
                                          text::format_duration(lasted),
                                          is_endless() ? "" : " of " + text::format_duration(settings.duration)));
  } else if (signal != 0) {
    add("interrupted", fmt::format("interrupted by {} after {} of {}", signal == SIGINT ? "SIGINT" : "SIGTERM",
                                   text::format_duration(lasted), text::format_duration(settings.duration)));
  }
  if (!stragglers.empty()) {
    add("stragglers", fmt::format("{} never returned: {}", text::format_plural(stragglers.size(), "blocking call"),
                                  fmt::join(stragglers, "; ")));
  }
  const std::uint64_t failed_while_stopped = excuse_stops(result);
  const bool short_of_cycles = (result.cycles == 0 && !unfinished) ||
                               (due && (result.cycles + failed_while_stopped + 1 < *due || result.cycles > *due + 1));
  std::string cycles_text = fmt::format("{} finished", text::format_plural(result.cycles, noun.c_str()));
  if (due) {
    cycles_text += fmt::format(", {} +-1 were due", *due);
  }
  // Cycles that failed are why too few were finished, and a run that was cut short has its own finding.
  if (result.failed_cycles > failed_cycles_max) {
    Finding& finding =
        add("failed_cycles", fmt::format("{} failed, allowed {}",
                                         text::format_plural(result.failed_cycles, noun.c_str()), failed_cycles_max));
    for (const std::string& failure : failures) {
      finding.evidence.push_back({"at", failure});
    }
    if (short_of_cycles) {
      finding.evidence.push_back({"with", cycles_text});
    }
  } else if (short_of_cycles && verdict.passed() && !result.ended_early) {
    add("cycles", cycles_text);
  }

  if (journal) {
    look_at_journal(lasted);
    if (!journal_lost.empty()) {
      add("journal", journal_lost);
    }
  }
  verdict.findings.insert(verdict.findings.end(), findings.begin(), findings.end());

  if (result.cycles > 0 && (!unfinished || probe::rss_growth(result.measured))) {
    probe::JudgeWords words = judge_words();
    if (const auto growth = result.measured.find("sockets");
        growth != nullptr && growth->at_rest.added() >= 2 &&
        growth->at_rest.last()->value > growth->at_rest.first()->value) {
      words.socket_holders =
          context.group == nullptr ? probe::describe_sockets(3) : probe::describe_sockets(3, context.group->members());
    }
    if (const auto threads = result.measured.find("threads"); threads != nullptr && threads->at_rest.added() >= 2) {
      const std::int64_t more = threads->at_rest.last()->value - threads->at_rest.first()->value;
      const auto newest = static_cast<std::size_t>(std::max<std::int64_t>(more, 0));
      words.thread_holders = context.group == nullptr ? probe::describe_threads(newest)
                                                      : probe::describe_threads(newest, context.group->members());
    }
    const Verdict held = probe::judge(result.measured, budgets(), words);
    std::copy_if(held.findings.begin(), held.findings.end(), std::back_inserter(verdict.findings),
                 [unfinished](const Finding& finding) { return !unfinished || finding.subject != "settling"; });
    verdict.remarks.insert(verdict.remarks.end(), held.remarks.begin(), held.remarks.end());
    verdict.inconclusive.insert(verdict.inconclusive.end(), held.inconclusive.begin(), held.inconclusive.end());
    verdict.trends = held.trends;
    if (!result.ended_early) {
      judge_traffic(result.traffic, verdict);
    }
  }
  if (!result.ended_early && context.mode != Mode::kSmoke) {
    judge_open_time(result.open_time, settings.open_floor, settings.sessions, verdict);
    judge_answers(result.answers, answer_bounds, last_answer_error, verdict);
  }
  if (!virtual_clock) {
    if (context.group == nullptr) {
      creep.judge(noun, lasted, verdict);
    }
    explain_lateness(result.traffic, verdict);
    explain_answers(result.answers, verdict);
    if (session_rss_bytes) {
      verdict.remarks.push_back(
          fmt::format("one more session added {} to the RSS of this process", text::format_bytes(*session_rss_bytes)));
    }
  }
  early_stop->explain(verdict);
  if (reload_from) {
    explain_reload(result.measured, *reload_from, verdict);
  }
  if (heap_profile) {
    detail::explain_heap(heap_profile->growth(), noun, verdict);
  }
  if (!virtual_clock && lasted >= kProbeJudgedFrom) {
    remark_on_probe(std::chrono::duration<double>(result.measured.probe_cpu) / lasted, verdict);
  }
  verdict.remarks.insert(verdict.remarks.end(), remarks.begin(), remarks.end());
  record = std::move(result);
}

// An interrupt ends a part, not the soak; anything else that is wrong ends the soak.
void Run::State::end_part() {
  Verdict& verdict = record->verdict;
  const bool goes_on = std::all_of(verdict.findings.begin(), verdict.findings.end(),
                                   [](const Finding& finding) { return finding.subject == "interrupted"; });
  record->parts_left = goes_on ? checkpoint->parts_after(record->parts.back().to) : 0;
  if (record->parts_left > 0) {
    verdict.remarks.push_back(fmt::format("{} of {} done, in {}; run the same command again to continue",
                                          text::format_duration(record->parts.back().to),
                                          text::format_duration(settings.duration), checkpoint->path()));
  } else {
    verdict.remarks.push_back(
        fmt::format("the checkpoint {} is finished; delete it to start over", checkpoint->path()));
  }
  if (const std::string error = checkpoint->save(*record); !error.empty()) {
    verdict.findings.push_back({"checkpoint", "the checkpoint was not written: " + error, {}});
  }
}

void Run::State::write_report() {
  const std::string json = report::report_path(*record, settings.report_dir, ".json");
  const std::string html = report::report_path(*record, settings.report_dir, ".html");
  std::string error = report::write_file(json, report::to_json(*record));
  const bool json_written = error.empty();
  if (json_written) {
    error = report::write_file(html, report::to_html(*record));
  }
  if (error.empty()) {
    page = html;
    record->verdict.remarks.push_back("report in " + page);
    if (journal) {
      journal->remove();
    }
  } else {
    record->verdict.findings.push_back({"report", "the report was not written: " + error, {}});
    if (json_written) {
      report::write_file(json, report::to_json(*record));  // With this finding; without it, it stays as it is.
    }
  }
  report_lock.reset();
}

}  // namespace soak
