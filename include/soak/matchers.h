// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_MATCHERS_H_
#define SOAK_MATCHERS_H_

// GoogleMock matchers for the results of soak's calls. A failure shows what the value holds:
//
//   const DrainResult drained = loop.run(drain(sessions, {.timeout = 10s}));
//   EXPECT_THAT(drained, DrainedClean());
//
//   Value of: drained
//   Expected: drained clean
//     Actual: {completed 3, cancelled 2, forced 1, failed 0} (of type soak::DrainResult), which cancelled 2 tasks and
//   forced 1
//
// You can negate each with Not(), and use it inside AllOf(), ElementsAre() and the like. Header-only: it is compiled
// against your program's own GoogleTest.

#include <gmock/gmock.h>

#include <concepts>
#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "soak/gather.h"
#include "soak/run.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak {

// How GoogleTest prints them.
inline void PrintTo(const DrainResult& result, std::ostream* out) {
  *out << "{completed " << result.completed << ", cancelled " << result.cancelled << ", forced " << result.forced
       << ", failed " << result.failed << "}";
}

inline void PrintTo(const SupervisorExit& exit, std::ostream* out) { *out << to_string(exit.reason); }

template <typename T>
void PrintTo(const GatherResult<T>& result, std::ostream* out) {
  *out << to_string(result.outcome());
}

// A Run that is printed may not have ended, so it may not have a verdict yet.
template <std::derived_from<Run> T>
void PrintTo(const T& /*run*/, std::ostream* out) {
  *out << "a run";
}

namespace probe {

inline void PrintTo(const Verdict& verdict, std::ostream* out) { *out << (verdict.passed() ? "PASS" : "FAIL"); }

}  // namespace probe

namespace detail {

// "which cancelled 2 tasks, forced 1 and left 1 blocking call running: session-3 awaits event at pusher.cc:41 since
// ..."
inline void explain(const DrainResult& result, std::ostream& out) {
  std::vector<std::string> parts;
  std::size_t counted = 0;
  const auto tasks = [&](std::size_t count) {
    const std::string noun = counted++ == 0 ? (count == 1 ? " task" : " tasks") : "";
    return std::to_string(count) + noun;
  };
  if (result.cancelled > 0) {
    parts.push_back("cancelled " + tasks(result.cancelled));
  }
  if (result.forced > 0) {
    parts.push_back("forced " + tasks(result.forced));
  }
  if (result.failed > 0) {
    parts.push_back("saw " + tasks(result.failed) + " fail");
  }
  if (const std::size_t calls = result.unresponsive.size(); calls > 0) {
    parts.push_back("left " + std::to_string(calls) +
                    (calls == 1 ? " blocking call running" : " blocking calls running"));
  }
  if (parts.empty()) {
    parts.push_back("completed " + tasks(result.completed));
  }
  out << "which ";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    out << (i == 0 ? "" : (i + 1 == parts.size() ? " and " : ", ")) << parts[i];
  }
  const char* separator = ": ";
  for (const TaskReport& report : result.unresponsive) {
    out << separator << to_string(report);
    separator = "; ";
  }
}

// "which came from session-3: connection reset"
inline void explain(const SupervisorExit& exit, std::ostream& out) {
  out << (exit.task.empty() ? "with no task left" : "which came from " + exit.task);
  if (!exit.what.empty()) {
    out << ": " << exit.what;
  }
}

// "which threw: connection reset"; for the other outcomes there is nothing to add.
template <typename T>
void explain(const GatherResult<T>& result, std::ostream& out) {
  if (result.outcome() == GatherOutcome::kFailed) {
    out << "which threw: " << result.what();
  }
}

// Each finding with its evidence, and what was not judged, on separate lines.
inline void explain(const Verdict& verdict, std::ostream& out) {
  const std::size_t count = verdict.findings.size();
  if (count == 0) {
    out << "which has no finding";
  } else {
    out << "which has " << count << (count == 1 ? " finding" : " findings");
  }
  for (const Finding& finding : verdict.findings) {
    out << "\n    " << finding.text;
    for (const probe::Evidence& evidence : finding.evidence) {
      out << "\n      " << evidence.label << ": " << evidence.text;
    }
  }
  for (const std::string& remark : verdict.remarks) {
    out << "\n    note: " << remark;
  }
}

inline const Verdict& verdict_of(const Verdict& verdict) { return verdict; }

// EXPECT_THAT passes its argument on as const. A Run with something to judge was not declared const.
inline const Verdict& verdict_of(const Run& run) { return const_cast<Run&>(run).verdict(); }

// Explains only if there is a listener; otherwise it costs nothing.
template <typename T>
void explain(const T& value, ::testing::MatchResultListener& listener) {
  if (listener.stream() != nullptr) {
    explain(value, *listener.stream());
  }
}

}  // namespace detail

// Matches a DrainResult in which every task ended by itself, without throwing.
MATCHER(DrainedClean, negation ? "did not drain clean" : "drained clean") {
  detail::explain(arg, *result_listener);
  return arg.clean();
}

// Matches a SupervisorExit with this ExitReason.
MATCHER_P(EndedBy, reason, (negation ? "did not end by " : "ended by ") + std::string(to_string(reason))) {
  detail::explain(arg, *result_listener);
  return arg.reason == reason;
}

// Matches a GatherResult of a task that timed out.
MATCHER(TimedOut, negation ? "did not time out" : "timed out") {
  detail::explain(arg, *result_listener);
  return arg.outcome() == GatherOutcome::kTimedOut;
}

// Matches a GatherResult of a task that threw. `message` is the exception's text, or a matcher for it.
MATCHER_P(FailedWith, message,
          (negation ? "did not fail with a message that " : "failed with a message that ") +
              ::testing::DescribeMatcher<std::string>(message)) {
  detail::explain(arg, *result_listener);
  return arg.outcome() == GatherOutcome::kFailed && ::testing::Value(arg.what(), message);
}

// Matches a Verdict that passes, or a Run whose verdict passes; ends the Run if it has not ended.
MATCHER(Passes, negation ? "does not pass" : "passes") {
  const Verdict& verdict = detail::verdict_of(arg);
  detail::explain(verdict, *result_listener);
  return verdict.passed();
}

// Matches a Verdict, or a Run, with a finding about this series or property: "sockets", "rss", "cycles". An effect that
// is only listed under another finding does not count.
MATCHER_P(FailsFor, subject, (negation ? "does not fail for " : "fails for ") + std::string(subject)) {
  const Verdict& verdict = detail::verdict_of(arg);
  detail::explain(verdict, *result_listener);
  return verdict.find(subject) != nullptr;
}

}  // namespace soak

#endif  // SOAK_MATCHERS_H_
