// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/param_suite.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace soak::detail {
namespace {

// In place of tests that would otherwise silently not exist; below Soak/*, so that a filter for soaks finds it.
class UninstantiatedSuite : public ::testing::Test {
 public:
  explicit UninstantiatedSuite(const ParamSuiteBase& suite) : suite_(suite) {}

  void TestBody() override {
    if (suite_.has_tests()) {
      ADD_FAILURE_AT(suite_.file(), suite_.line()) << fmt::format(
          "{0} has SOAK_TEST_P tests and no parameters for them, so none of them runs: add "
          "SOAK_INSTANTIATE_TEST_SUITE_P(prefix, {0}, values), or "
          "SOAK_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST({0}) where that is meant. INSTANTIATE_TEST_SUITE_P "
          "does not reach them",
          suite_.name());
    } else {
      ADD_FAILURE_AT(suite_.file(), suite_.line()) << fmt::format(
          "SOAK_INSTANTIATE_TEST_SUITE_P gives parameters to {}, which has no SOAK_TEST_P", suite_.name());
    }
  }

 private:
  const ParamSuiteBase& suite_;
};

// Names the right macro where the stock one was given a fixture whose tests are all SOAK_TEST_P; GoogleTest registers
// a failing test then, which cannot know.
class StockMacroGuard : public ::testing::EmptyTestEventListener {
 public:
  void OnTestProgramStart(const ::testing::UnitTest& unit_test) override {
    for (int i = 0; i < unit_test.total_test_suite_count(); ++i) {
      const ::testing::TestSuite& verification = *unit_test.GetTestSuite(i);
      if (std::string(verification.name()) != "GoogleTestVerification") {
        continue;
      }
      for (int j = 0; j < verification.total_test_count(); ++j) {
        check(verification.GetTestInfo(j)->name());
      }
    }
  }

 private:
  static void check(const std::string& uninstantiated) {
    for (const auto& suite : param_suites()) {
      if (suite->has_tests() &&
          uninstantiated == fmt::format("UninstantiatedParameterizedTestSuite<{}>", suite->name())) {
        ADD_FAILURE_AT(suite->file(), suite->line()) << fmt::format(
            "the tests of {0} are SOAK_TEST_P: give them their parameters with SOAK_INSTANTIATE_TEST_SUITE_P(prefix, "
            "{0}, values), not with INSTANTIATE_TEST_SUITE_P",
            suite->name());
      }
    }
  }
};

[[maybe_unused]] const bool g_stock_macro_guard_added = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new StockMacroGuard);
  return true;
}();

// GoogleTest evaluates the generators of its own parameterised tests in InitGoogleTest(), once the flags are read and
// before anything is filtered or listed. This one registers all SOAK_TEST_P tests, and yields nothing.
auto register_all_and_yield_nothing() {
  for (const auto& suite : param_suites()) {
    if (suite->claim() && suite->register_tests() == 0 && !suite->allowed_uninstantiated()) {
      const std::string name = fmt::format("UninstantiatedParameterizedTestSuite<{}>", suite->name());
      ::testing::RegisterTest("Soak/GoogleTestVerification", name.c_str(), nullptr, nullptr, suite->file(),
                              suite->line(), [&suite = *suite] { return new UninstantiatedSuite(suite); });
    }
  }
  return ::testing::ValuesIn(std::vector<bool>{});
}

}  // namespace

class SoakTestPRegistration : public ::testing::TestWithParam<bool> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SoakTestPRegistration);
TEST_P(SoakTestPRegistration, RunsBeforeTheTestsAreListed) {}
INSTANTIATE_TEST_SUITE_P(Soak, SoakTestPRegistration, register_all_and_yield_nothing());

std::vector<std::unique_ptr<ParamSuiteBase>>& param_suites() {
  static std::vector<std::unique_ptr<ParamSuiteBase>> suites;
  return suites;
}

void check_param_name(const std::string& name, std::set<std::string>& taken, const char* file, int line) {
  bool allowed = !name.empty();
  for (const char c : name) {
    allowed = allowed && (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_');
  }
  const char* wrong = !allowed ? "use letters, digits and _, at least one of them"
                               : (!taken.insert(name).second ? "another parameter has this name" : nullptr);
  if (wrong != nullptr) {
    fmt::print(stderr, "{}:{}: SOAK_INSTANTIATE_TEST_SUITE_P names a parameter '{}': {}\n", file, line, name, wrong);
    std::abort();
  }
}

}  // namespace soak::detail
