// SPDX-License-Identifier: Apache-2.0
#include "soak/soak_test.h"

#include <fmt/format.h>

#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include "soak/detail/printable.h"
#include "soak/detail/program.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/report/summary.h"
#include "soak/run.h"

namespace soak {
namespace {

// Watches one body: a fixture is destroyed only after GoogleTest has caught what its body threw. It does not catch,
// so that without GoogleTest's catching a debugger still stops where the exception was thrown.
class BodyWatch {
 public:
  BodyWatch() { reset(); }
  ~BodyWatch() { g_threw = std::uncaught_exceptions() > before_; }
  BodyWatch(const BodyWatch&) = delete;
  BodyWatch& operator=(const BodyWatch&) = delete;

  static bool threw() { return g_threw; }
  static void reset() { g_threw = false; }

 private:
  static bool g_threw;
  const int before_ = std::uncaught_exceptions();
};
bool BodyWatch::g_threw = false;

constexpr const char* kHowToRun =
    "a soak test: run it with --gtest_runsoak (or GTEST_RUNSOAK=1), on a virtual clock with --soak_virtual, "
    "or for two seconds with --soak_smoke";

const char* mode_flag(Mode mode) {
  switch (mode) {
    case Mode::kReal:
      return "--gtest_runsoak";
    case Mode::kVirtual:
      return "--soak_virtual";
    case Mode::kSmoke:
      return "--soak_smoke";
  }
  return "";
}

void property(const std::string& key, const std::string& value) {
  std::string name = "soak_" + key;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      c = '_';
    }
  }
  ::testing::Test::RecordProperty(name, value);
}

template <typename Number>
void property(const std::string& key, Number value) {
  property(key, fmt::format("{}", value));
}

// What GoogleTest's XML and JSON say of this test, beside that it passed: CI systems draw such numbers over builds.
void record_properties(const Run& run) {
  const report::Record& record = run.record();
  property("verdict", report::outcome(record));
  property("mode", record.mode);
  property("seed", record.seed);
  property("elapsed_s", fmt::format("{:.3f}", std::chrono::duration<double>(record.elapsed).count()));
  property("cycles", record.cycles);
  property("failed_cycles", record.failed_cycles);
  for (const report::Counter& counter : record.counters) {
    property("count_" + counter.name, counter.value);
  }
  if (const auto rss = probe::rss_growth(record.measured)) {
    property("rss_growth_bytes", rss->end - rss->start);
    property("rss_bytes_max", rss->peak);
  }
  for (const probe::Trend& trend : record.verdict.trends) {
    const std::string name = fmt::format("trend_{}_per_{}", trend.series, trend.per.empty() ? "second" : trend.per);
    if (!trend.not_judged.empty()) {
      continue;
    }
    property(name, trend.growth);
    property(name + "_low", trend.low);
    property(name + "_high", trend.high);
    property(name + "_excluded", trend.excluded);
    property(name + "_leak", trend.leak);
  }
  property("report", run.report_page());
}

}  // namespace

RequiredEnv::RequiredEnv(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') {
      missing_.emplace_back(name);
    } else {
      values_[name] = value;
    }
  }
}

const std::string& RequiredEnv::operator[](std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    fmt::print(stderr, "RequiredEnv: {} is not among the names that SOAK_REQUIRE_ENV was given\n", name);
    std::abort();
  }
  return found->second;
}

namespace detail {

void skip_test(const std::string& why) { GTEST_SKIP() << text::printable(why, text::LineEnds::kKeep); }

void fail_test(const std::string& why, const char* file, int line) {
  GTEST_MESSAGE_AT_(file, line, text::printable(why, text::LineEnds::kKeep).c_str(),
                    ::testing::TestPartResult::kFatalFailure);
}

bool admit(const std::string& name, const char* file, int line) {
  if (::testing::Test::IsSkipped() || ::testing::Test::HasFatalFailure()) {
    return false;  // A listener decided before us, in OnTestStart().
  }
  const Asked& asked = detail::asked();
  if (!asked.mode.mode && asked.mode.error.empty()) {
    skip_test(kHowToRun);
    return false;
  }
  mark_started(*::testing::UnitTest::GetInstance()->current_test_info());
  if (!asked.mode.error.empty()) {
    fail_test(asked.mode.error, file, line);
    return false;
  }
  if (!asked.variable_errors.empty()) {
    fail_test(fmt::format("{}", fmt::join(asked.variable_errors, "\n")), file, line);
    return false;
  }
  BodyWatch::reset();
  RunContext context;
  context.name = name;
  context.file = file;
  context.line = static_cast<std::uint32_t>(line);
  context.mode = *asked.mode.mode;
  context.rerun = fmt::format("{} {} --gtest_filter={}", program().name, mode_flag(*asked.mode.mode), name);
  context.quiet = ::testing::internal::InDeathTestChild();
  context.timeout = asked.timeout;
  context.on_unread = [](const std::string& message) { ADD_FAILURE() << message; };
  context.skipped = [] { return ::testing::Test::IsSkipped(); };
  context.threw = [] { return BodyWatch::threw(); };
  run_context() = std::move(context);
  return true;
}

void call_body(const std::function<void()>& body, const char* file, int line) {
  try {
    const BodyWatch watch;
    body();
  } catch (const RunSkipped& skipped) {
    skip_test(skipped.what());
  } catch (const RunRefused& refused) {
    fail_test(refused.what(), file, line);
  } catch (const Error& error) {
    // GoogleTest prints what it catches as it is, and this may quote a peer.
    const std::string shown = text::printable(error.what());
    if (shown == error.what()) {
      throw;
    }
    throw Error(error.code(), shown);
  } catch (const std::exception& error) {
    const std::string shown = text::printable(error.what());
    if (shown == error.what()) {
      throw;
    }
    throw std::runtime_error(shown);
  }
}

void expect_soak(Run& run, const char* file, int line) {
  const Verdict& verdict = run.verdict();
  record_properties(run);
  fmt::print("{}\n{}", report::summary_line(run.record()), report::remarks_text(run.record()));
  std::fflush(stdout);
  for (const Finding& finding : verdict.findings) {
    ADD_FAILURE_AT(file, line) << report::finding_text(run.record(), finding);
  }
  if (report::is_short_of_its_bound(run.record())) {
    for (const Finding& open : verdict.inconclusive) {
      ADD_FAILURE_AT(file, line) << "INCONCLUSIVE " << report::finding_text(run.record(), open);
    }
  }
}

std::string missing_env_text(const std::vector<std::string>& missing) {
  return fmt::format("needs the environment variable{} {}, not set here", missing.size() == 1 ? "" : "s",
                     fmt::join(missing, ", "));
}

}  // namespace detail
}  // namespace soak
