// SPDX-License-Identifier: Apache-2.0
#include "soak/report/summary.h"

#include <fmt/format.h>

#include <cstddef>

#include "lib/text/format.h"
#include "soak/detail/printable.h"

namespace soak::report {
namespace {

constexpr std::int64_t kKb = 1024;

std::string indented(const std::string& label, const std::string& words) {
  return fmt::format("  {:<11} {}\n", text::printable(label), text::printable(words));
}

}  // namespace

std::string outcome(const Record& record) {
  if (!record.verdict.passed()) {
    return "FAIL";
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
  if (const auto rss = probe::rss_growth(record.measured)) {
    line += fmt::format(" rss_start={}KB rss_peak={}KB rss_end={}KB growth={}KB", rss->start / kKb, rss->peak / kKb,
                        rss->end / kKb, (rss->end - rss->start) / kKb);
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
  for (const probe::Finding& finding : record.verdict.findings) {
    shown += "  " + text::printable(finding.text) + "\n";
    for (const probe::Evidence& evidence : finding.evidence) {
      shown += "  " + indented(evidence.label, evidence.text);
    }
  }
  return shown;
}

std::string remarks_text(const Record& record) {
  std::string shown;
  for (const std::string& remark : record.verdict.remarks) {
    shown += "  note: " + text::printable(remark) + "\n";
  }
  return shown;
}

}  // namespace soak::report
