// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "soak/detail/command_line.h"
#include "soak/detail/program.h"

namespace soak {
namespace {

// Set by soak_discover_tests(): the TIMEOUT that CTest will enforce.
constexpr const char* kTimeoutVariable = "SOAK_TEST_TIMEOUT_SEC";

// Set by soak_discover_tests().
constexpr const char* kCTestVariable = "SOAK_CTEST";

detail::Asked read_asked() {
  detail::Asked asked;
  asked.mode = detail::requested_mode();
  asked.variable_errors = detail::variable_errors();
  if (const char* timeout = std::getenv(kTimeoutVariable)) {
    asked.timeout = std::chrono::seconds(std::atoll(timeout));
  }
  return asked;
}

// In words, and what asked for it: "real mode (--gtest_runsoak)".
std::string mode_text(const detail::ModeRequest& request) {
  return request.mode ? fmt::format("{} mode ({})", to_string(*request.mode), request.asked_by)
                      : fmt::format("an invalid mode: {}", request.error);
}

bool is_due(const detail::Soak& soak) {
  const detail::ModeRequest& request = detail::asked().mode;
  return soak.test->should_run() && (request.mode || !request.error.empty());
}

// Fails if a flag chose a mode but the filter leaves out all soaks, which would look like success. A variable is not
// enough, because it may be set for a whole CI job, unit tests included.
void check_selection() {
  const detail::ModeRequest& request = detail::asked().mode;
  if (!request.by_flag || !request.mode) {
    return;
  }
  std::string all;
  for (const detail::Soak& soak : detail::program().soaks) {
    if (soak.test->should_run() || soak.test->is_in_another_shard()) {
      return;
    }
    all += fmt::format("\n  {}.{}", soak.test->test_suite_name(), soak.test->name());
  }
  ADD_FAILURE() << request.asked_by << " was given, but "
                << (all.empty() ? std::string("this program has no soak test")
                                : "the filter '" + GTEST_FLAG_GET(filter) + "' leaves none of its soak tests:" + all);
}

// CTest shows a test as Skipped if it prints this line. GoogleTest's own mark does not serve, because it is also
// printed when the SetUp() of an Environment failed.
void say_that_nothing_ran(const ::testing::UnitTest& program) {
  if (std::getenv(kCTestVariable) != nullptr && program.Passed() && program.skipped_test_count() > 0 &&
      program.successful_test_count() == 0) {
    std::puts("soak: nothing ran, nothing failed");
    std::fflush(stdout);
  }
}

class ProgramListener : public ::testing::EmptyTestEventListener {
 public:
  void OnTestProgramStart(const ::testing::UnitTest&) override {
    if (!detail::program().has_environment) {
      ::testing::AddGlobalTestEnvironment(new Environment);
    }
    detail::program().asked = read_asked();
    check_selection();
  }

  void OnTestProgramEnd(const ::testing::UnitTest& program) override { say_that_nothing_ran(program); }

  // A fixture may skip its soaks in SetUpTestSuite(); from GoogleTest 1.13 on none of them is entered then.
  void OnTestSuiteEnd(const ::testing::TestSuite& suite) override {
    if (!suite.ad_hoc_test_result().Skipped()) {
      return;
    }
    for (detail::Soak& soak : detail::program().soaks) {
      const bool of_suite = std::string_view(soak.test->test_suite_name()) == suite.name();
      soak.started = soak.started || (of_suite && soak.test->should_run());
    }
  }
};

[[maybe_unused]] const bool g_listener_added = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new ProgramListener);
  return true;
}();

}  // namespace

namespace detail {

Program& program() {
  static Program program;
  return program;
}

const Asked& asked() {
  std::optional<Asked>& asked = program().asked;
  if (!asked) {
    asked = read_asked();
  }
  return *asked;
}

void mark_started(const ::testing::TestInfo& test) {
  for (Soak& soak : program().soaks) {
    soak.started = soak.started || soak.test == &test;
  }
}

}  // namespace detail

Environment::Environment() { detail::program().has_environment = true; }

void Environment::SetUp() {
  detail::Program& program = detail::program();
  if (program.acting != nullptr) {
    return;
  }
  program.acting = this;
  for (detail::Soak& soak : program.soaks) {
    soak.started = false;
  }
}

void Environment::TearDown() {
  detail::Program& program = detail::program();
  if (program.acting != this) {
    return;
  }
  program.acting = nullptr;
  // With --gtest_fail_fast the first failure ends the program, and is already reported.
  const bool failed_fast = GTEST_FLAG_GET(fail_fast) && ::testing::UnitTest::GetInstance()->Failed();
  const std::size_t soaks = due();
  if (soaks == 0 || started() > 0 || failed_fast || ::testing::internal::InDeathTestChild()) {
    return;
  }
  // Fatal, because GoogleTest drops a skip once something has failed, and --gtest_repeat would then run what was
  // skipped.
  FAIL() << fmt::format(
      "{} due in {}, and 0 started: GoogleTest entered none of them. Look for GTEST_SKIP() or a failure in the SetUp() "
      "of another testing::Environment, in SetUpTestSuite() and in test event listeners",
      soaks == 1 ? "1 soak test was" : fmt::format("{} soak tests were", soaks), mode_text(detail::asked().mode));
}

std::optional<Mode> Environment::mode() const { return detail::asked().mode.mode; }

Settings Environment::settings() const { return detail::settings_without_code(mode().value_or(Mode::kReal)); }

std::size_t Environment::due() const {
  return static_cast<std::size_t>(
      std::count_if(detail::program().soaks.begin(), detail::program().soaks.end(), is_due));
}

std::size_t Environment::started() const {
  return static_cast<std::size_t>(std::count_if(detail::program().soaks.begin(), detail::program().soaks.end(),
                                                [](const detail::Soak& soak) { return soak.started; }));
}

}  // namespace soak
