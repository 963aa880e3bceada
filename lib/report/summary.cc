// SPDX-License-Identifier: Apache-2.0
#include "soak/report/summary.h"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lib/text/format.h"
#include "soak/detail/printable.h"

namespace soak::report {
namespace {

constexpr std::int64_t kKb = 1024;

std::string indented(const std::string& label, const std::string& words) {
  return fmt::format("  {:<11} {}\n", text::printable(label), text::printable(words));
}

// What was asked for and came, and of all else what there was.
std::string answers_fields(const Answers& answers) {
  std::string fields = fmt::format(" answers_asked={} answers={}", answers.asked, answers.received);
  const auto add = [&fields](std::string_view name, std::uint64_t count) {
    if (count > 0) {
      fields += fmt::format(" {}={}", name, count);
    }
  };
  add("answers_failed", answers.failed);
  add("answers_lost", answers.lost);
  add("unanswered", answers.unanswered);
  add("errors", answers.errors);
  add("invalid_events", answers.invalid_events);
  return fields;
}

}  // namespace

bool is_short_of_its_bound(const Record& record) {
  return record.bound_asked && record.parts_left == 0 && record.verdict.is_inconclusive();
}

std::string outcome(const Record& record) {
  if (!record.verdict.passed()) {
    return "FAIL";
  }
  if (is_short_of_its_bound(record)) {
    return "INCONCLUSIVE";
  }
  return record.parts_left == 0
             ? "PASS"
             : fmt::format("PART {} of {}", record.parts.size(), record.parts.size() + record.parts_left);
}

std::string summary_line(const Record& record) {
  std::string line = fmt::format("[{}] {}:", record.title, outcome(record));
  for (const Figure& figure : record.figures) {
    line += fmt::format(" {}={}", figure.name, figure.value);
  }
  line += fmt::format(" elapsed={:.1f}s {}s={}", text::seconds(record.elapsed), record.cycle_noun, record.cycles);
  if (record.sessions > 1) {
    line += fmt::format(" sessions={}", record.sessions);
  }
  if (record.figures.empty()) {
    for (const Counter& counter : record.counters) {
      line += fmt::format(" {}={}", counter.name, counter.value);
    }
  }
  if (record.failed_cycles > 0) {
    line += fmt::format(" failed_{}s={}", record.cycle_noun, record.failed_cycles);
  }
  if (record.answers) {
    line += answers_fields(*record.answers);
  }
  if (record.open_time) {
    // Rounded down, for what is below its floor is not to look equal to it; but not for the error of a long sum.
    constexpr double kSumError = 1e-6;
    line += fmt::format(" open={:.4f}", std::floor((record.open_time->share() + kSumError) * 1e4) / 1e4);
  }
  if (const auto rss = probe::rss_growth(record.measured)) {
    line += fmt::format(" {0}_start={1}KB {0}_peak={2}KB {0}_end={3}KB growth={4}KB", rss->series, rss->start / kKb,
                        rss->peak / kKb, rss->end / kKb, (rss->end - rss->start) / kKb);
  }
  if (record.ended_early) {
    line += fmt::format(" ended_early={:.1f}s", text::seconds(*record.ended_early));
  }
  if (record.virtual_clock) {
    line += " clock=virtual";
  }
  if (record.mode == "smoke") {
    line += " mode=smoke";
  }
  return text::printable(line);
}

std::string finding_text(const Record& record, const probe::Finding& finding) {
  std::string shown = text::printable(fmt::format("{}: {}", record.name, finding.text)) + "\n";
  for (const probe::Evidence& evidence : finding.evidence) {
    shown += indented(evidence.label, evidence.text);
  }
  if (!record.rerun.empty()) {
    shown += indented("rerun", record.rerun);
  }
  shown.pop_back();
  return shown;
}

std::string findings_text(const Record& record) {
  std::string shown;
  for (const probe::Finding& finding :
       is_short_of_its_bound(record) ? record.verdict.inconclusive : record.verdict.findings) {
    shown += "  " + text::printable(finding.text) + "\n";
    for (const probe::Evidence& evidence : finding.evidence) {
      shown += "  " + indented(evidence.label, evidence.text);
    }
  }
  return shown;
}

std::string remarks_text(const Record& record) {
  std::string shown;
  if (!is_short_of_its_bound(record)) {
    for (const probe::Finding& open : record.verdict.inconclusive) {
      shown += (shown.empty() ? "  inconclusive: " : "; ") + text::printable(open.text);
    }
    shown += shown.empty() ? "" : "\n";
  }
  for (const std::string& remark : record.verdict.remarks) {
    shown += "  note: " + text::printable(remark) + "\n";
  }
  return shown;
}

}  // namespace soak::report
