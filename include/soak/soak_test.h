// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_SOAK_TEST_H_
#define SOAK_SOAK_TEST_H_

// Soak tests next to unit tests, in GoogleTest.
//
//   SOAK_TEST(Cache, SurvivesChurn) {
//     Cache cache;
//     soak::Run run;
//     for (auto cycle : run) {
//       cache.put(random_key(), random_blob());
//     }
//     EXPECT_SOAK(run);
//   }
//
// It is registered as Soak/Cache.SurvivesChurn. Unless you choose a mode, it is skipped, and the message says how to
// run it:
//   --gtest_runsoak  or GTEST_RUNSOAK=1   runs for its whole duration on the real clock
//   --soak_virtual   or SOAK_VIRTUAL=1    runs on a virtual clock, in seconds (if the body has an AsyncRun)
//   --soak_smoke     or SOAK_SMOKE=1      runs for two seconds, four cycles
// Options are flags --soak_*; --help lists them. An unknown or malformed flag gives exit status 2.
//
// To look into a verdict or a record yourself, also include soak/run.h.
//
// Link soak::main, which is gtest_main with soak's flags and soak::Environment. A program with its own main() links
// soak::gating, calls soak::init() before testing::InitGoogleTest(), and adds the Environment of
// "conftest/environment.h": it fails the program when soaks were due and none of them started.

#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "soak/detail/param_suite.h"
#include "soak/detail/register_soak_test.h"
#include "soak/detail/run_class.h"

namespace soak {

// Removes soak's flags from the command line. An invalid flag ends the program with exit status 2.
void init(int* argc, char** argv);

// The environment variables that a test requires, as returned by SOAK_REQUIRE_ENV. Values may be secrets and are never
// printed.
class RequiredEnv {
 public:
  RequiredEnv(std::initializer_list<const char*> names);

  // The value of one of the names. Aborts for any other name.
  const std::string& operator[](std::string_view name) const;

  // Which of the names are unset or empty.
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::vector<std::string> missing_;
};

namespace detail {

void expect_soak(Run& run, const char* file, int line);
std::string missing_env_text(const std::vector<std::string>& missing);

// A soak test without a fixture: its body is an ordinary function.
class PlainSoakTest : public ::testing::Test {
 public:
  PlainSoakTest(void (*body)(), const char* file, int line) : body_(body), file_(file), line_(line) {}
  void TestBody() override { call_body(body_, file_, line_); }

 private:
  void (*body_)();
  const char* file_;
  int line_;
};

}  // namespace detail
}  // namespace soak

// A soak test. The body is an ordinary void function, so ASSERT_* works.
#define SOAK_TEST(suite, name)                                                                             \
  static void soak_body_##suite##_##name();                                                                \
  [[maybe_unused]] static const bool soak_registered_##suite##_##name =                                    \
      ::soak::detail::register_soak_test<::testing::Test>(#suite, #name, nullptr, __FILE__, __LINE__, [] { \
        return new ::soak::detail::PlainSoakTest(&soak_body_##suite##_##name, __FILE__, __LINE__);         \
      });                                                                                                  \
  static void soak_body_##suite##_##name()

// A soak test with a fixture, like TEST_F. A skipped test does not construct the fixture.
#define SOAK_TEST_F(fixture, name)                                                                                     \
  SOAK_DETAIL_TEST_CLASS(fixture, name);                                                                               \
  [[maybe_unused]] static const bool soak_registered_##fixture##_##name = ::soak::detail::register_soak_test<fixture>( \
      #fixture, #name, nullptr, __FILE__, __LINE__, [] { return new fixture##_##name##_SoakTest; });                   \
  void fixture##_##name##_SoakTest::soak_body()

// A soak test with a fixture and a parameter, like TEST_P. The fixture is a testing::TestWithParam.
//   SOAK_TEST_P(Reconnects, LeaveNothingBehind) { soak::Run run; ... GetParam() ... }
//   SOAK_INSTANTIATE_TEST_SUITE_P(Faults, Reconnects, testing::Values("reset", "stall"));
// registers Soak/Faults/Reconnects.LeaveNothingBehind/0 and /1. As in GoogleTest, a name generator may follow the
// values. INSTANTIATE_TEST_SUITE_P does not work for these tests. A suite without parameters becomes a failing test.
#define SOAK_TEST_P(fixture, name)                                           \
  SOAK_DETAIL_TEST_CLASS(fixture, name);                                     \
  [[maybe_unused]] static const bool soak_registered_##fixture##_##name =    \
      ::soak::detail::param_suite<fixture>(#fixture, __FILE__, __LINE__)     \
          .add_test<fixture##_##name##_SoakTest>(#name, __FILE__, __LINE__); \
  void fixture##_##name##_SoakTest::soak_body()

#define SOAK_INSTANTIATE_TEST_SUITE_P(prefix, fixture, ...)                                                            \
  [[maybe_unused]] static const bool soak_instantiated_##prefix##_##fixture =                                          \
      ::soak::detail::param_suite<fixture>(#fixture, __FILE__, __LINE__).instantiate(#prefix, __FILE__, __LINE__, [] { \
        return ::soak::detail::ParamSuite<fixture>::Parameters(__VA_ARGS__);                                           \
      })

// For tests in a library that some programs link without giving them parameters.
#define SOAK_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(fixture)                \
  [[maybe_unused]] static const bool soak_uninstantiated_allowed_##fixture = \
      ::soak::detail::param_suite<fixture>(#fixture, __FILE__, __LINE__).allow_uninstantiated()

#define SOAK_DETAIL_TEST_CLASS(fixture, name)                                 \
  class fixture##_##name##_SoakTest : public fixture {                        \
   public:                                                                    \
    void TestBody() override {                                                \
      ::soak::detail::call_body([this] { soak_body(); }, __FILE__, __LINE__); \
    }                                                                         \
                                                                              \
   private:                                                                   \
    void soak_body();                                                         \
  }

// Ends the run, prints its summary line, and adds one failure per broken budget.
#define EXPECT_SOAK(run) ::soak::detail::expect_soak((run), __FILE__, __LINE__)

// Returns the values of environment variables. Unless all of them are set, it skips the test and names the missing
// ones:
//   const auto env = SOAK_REQUIRE_ENV("SOAK_TELEGRAM_TOKEN", "SOAK_TELEGRAM_CHAT_ID");
// Use it directly in the body of a test: it returns from the enclosing function.
#define SOAK_REQUIRE_ENV(...)                                               \
  __extension__({                                                           \
    ::soak::RequiredEnv soak_env{__VA_ARGS__};                              \
    if (!soak_env.missing().empty()) {                                      \
      GTEST_SKIP() << ::soak::detail::missing_env_text(soak_env.missing()); \
    }                                                                       \
    std::move(soak_env);                                                    \
  })

#endif  // SOAK_SOAK_TEST_H_
