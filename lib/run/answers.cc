// SPDX-License-Identifier: Apache-2.0
#include "lib/run/answers.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/text/format.h"

namespace soak {
namespace {

using report::Answers;
using std::chrono::nanoseconds;

double ms(nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

std::uint64_t judged(const Answers& answers) {
  return answers.received + answers.failed + answers.lost + answers.unanswered;
}

// "40 failed, 2 were lost with their connection"
std::string what_became_of_the_others(const Answers& answers) {
  std::vector<std::string> parts;
  const auto add = [&parts](std::uint64_t count, std::string_view what) {
    if (count > 0) {
      parts.push_back(fmt::format("{} {}", count, what));
    }
  };
  add(answers.failed, "failed");
  add(answers.lost, "lost with their connection");
  add(answers.unanswered, "never came");
  return fmt::format("{}", fmt::join(parts, ", "));
}

void judge_time(std::string_view subject, std::string_view what, nanoseconds time,
                const std::optional<nanoseconds>& bound, probe::Verdict& verdict) {
  if (bound && time > *bound) {
    verdict.findings.push_back(
        {std::string(subject), fmt::format("{} was {:.1f} ms, allowed {:g} ms", what, ms(time), ms(*bound)), {}});
  }
}

}  // namespace

void judge_answers(const std::optional<Answers>& answers, const AnswerBounds& bounds, const std::string& last_error,
                   probe::Verdict& verdict) {
  if (!answers) {
    return;
  }
  if (answers->asked == 0) {
    if (answers->turns > 0) {
      verdict.remarks.push_back(
          fmt::format("answers were not judged: {} ended, and the client reported none that it asked for",
                      text::format_plural(answers->turns, "turn")));
    }
    return;
  }
  const std::uint64_t of = judged(*answers);
  const double share = of > 0 ? static_cast<double>(answers->received) / static_cast<double>(of) : 1;
  if (of == 0) {
    verdict.remarks.push_back(fmt::format(
        "answers were not judged: all {} asked for were cut off, by the end of their session or by the user",
        answers->asked));
  } else if (answers->received == 0 || share < bounds.floor) {
    probe::Finding finding{"answers", {}, {{"others", what_became_of_the_others(*answers)}}};
    if (answers->received == 0) {
      finding.text = fmt::format("no answer was received: {} asked for", of);
    } else {
      finding.text = fmt::format("{} of {} answers were received ({:.1f}%), expected at least {:g}%", answers->received,
                                 of, std::floor(share * 1000) / 10, bounds.floor * 100);
    }
    if (!last_error.empty()) {
      finding.evidence.push_back({"last error", last_error});
    }
    verdict.findings.push_back(std::move(finding));
  }
  constexpr std::string_view kFirstAudio = "first_audio";
  const report::Lateness& first = answers->first_audio;
  judge_time(kFirstAudio, "the median from the end of speech to the first audio", first.percentile(0.5),
             bounds.first_audio_p50_max, verdict);
  judge_time(kFirstAudio, "the 99th percentile from the end of speech to the first audio", first.percentile(0.99),
             bounds.first_audio_p99_max, verdict);
  judge_time("audio_gap", "the longest gap within an answer's audio", answers->gaps.max(), bounds.audio_gap_max,
             verdict);
}

void explain_answers(const std::optional<Answers>& answers, probe::Verdict& verdict) {
  if (!answers || answers->first_audio.count() == 0) {
    return;
  }
  verdict.remarks.push_back(
      fmt::format("from the end of speech to the first audio: p50 {:.1f} ms, p99 {:.1f} ms; longest gap within an "
                  "answer: p99 {:.1f} ms, max {:.1f} ms",
                  ms(answers->first_audio.percentile(0.5)), ms(answers->first_audio.percentile(0.99)),
                  ms(answers->gaps.percentile(0.99)), ms(answers->gaps.max())));
}

}  // namespace soak
