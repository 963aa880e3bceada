// SPDX-License-Identifier: Apache-2.0
// How values are read. Flags and variables of a whole program are in tests/unit/gating.

#include "soak/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

// Flags and variables live as long as the process: each test starts it again in a death test's child where it sets
// any.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

TEST(OptionsTest, DefaultsAreThoseOfTheTable) {
  const Settings settings = detail::resolve({}, Mode::kReal);

  EXPECT_EQ(settings.duration, 60min);
  EXPECT_EQ(settings.reconnect_every, 90s);
  EXPECT_EQ(settings.audio_interval, 40ms);
  EXPECT_EQ(settings.message_interval, 30s);
  EXPECT_EQ(settings.rss_growth_max, 50 * kMiB);
  EXPECT_EQ(settings.heap_per_cycle_max, 16 * kKiB);
  EXPECT_EQ(settings.http_timeout, 15s);
  EXPECT_EQ(settings.report_dir, "soak-report");
}

TEST(OptionsTest, EachRunDrawsItsOwnSeed) {
  EXPECT_NE(detail::resolve({}, Mode::kReal).seed, detail::resolve({}, Mode::kReal).seed);
  EXPECT_EQ(detail::resolve({.seed = 7}, Mode::kReal).seed, 7u);
}

TEST(OptionsTest, VariablesTakeFractions) {
  const Variable duration("SOAK_DURATION_MIN", "1.5");
  const Variable audio("SOAK_AUDIO_INTERVAL_SEC", "0.02");
  const Variable rss("SOAK_RSS_BUDGET_KB", "0");

  const Settings settings = detail::resolve({.duration = 5s}, Mode::kReal);

  EXPECT_EQ(settings.duration, 90s);
  EXPECT_EQ(settings.audio_interval, 20ms);
  EXPECT_EQ(settings.rss_growth_max, 0u);
}

TEST(OptionsTest, AnEmptyVariableIsNotSet) {
  const Variable duration("SOAK_DURATION_MIN", "");

  EXPECT_EQ(detail::resolve({}, Mode::kReal).duration, 60min);
}

TEST(OptionsTest, ABadVariableIsNamedWithItsValueAndWhatIsAllowed) {
  const Variable duration("SOAK_DURATION_MIN", "abc");
  const Variable floor("SOAK_SUCCESS_FLOOR", "2");
  const Variable part("SOAK_PART_DURATION_MIN", "6h");

  EXPECT_THAT(detail::variable_errors(),
              ElementsAre("SOAK_DURATION_MIN is 'abc': a number of minutes above 0, such as 60 or 0.5 is allowed",
                          "SOAK_SUCCESS_FLOOR is '2': a number from 0 to 1 is allowed",
                          "SOAK_PART_DURATION_MIN is '6h': a number of minutes above 0, such as 60 or 0.5 is allowed"));
  EXPECT_THROW(detail::resolve({}, Mode::kReal), std::invalid_argument);
}

TEST(OptionsTest, ALeakEndsARunEarlyUnlessThatIsSwitchedOff) {
  EXPECT_TRUE(detail::resolve({}, Mode::kReal).early_stop);
  EXPECT_FALSE(detail::resolve({.early_stop = false}, Mode::kReal).early_stop);
  const Variable off("SOAK_EARLY_STOP", "0");
  EXPECT_FALSE(detail::resolve({.early_stop = true}, Mode::kReal).early_stop);
}

TEST(OptionsTest, ThereIsOneSessionOrMore) {
  EXPECT_EQ(detail::resolve({}, Mode::kReal).sessions, 1u);
  EXPECT_EQ(detail::resolve({.sessions = 1800}, Mode::kReal).sessions, 1800u);
  EXPECT_THROW(detail::resolve({.sessions = 0}, Mode::kReal), std::invalid_argument);
  for (const char* value : {"0", "-1", "100001", "1.5", "many", "4294967297"}) {
    const Variable sessions("SOAK_SESSIONS", value);

    EXPECT_THAT(detail::variable_errors(), ElementsAre(std::string("SOAK_SESSIONS is '") + value +
                                                       "': a whole number from 1 to 100000 is allowed"));
  }
}

TEST(OptionsTest, OddNumbersAreRefused) {
  for (const char* value : {"nan", "inf", "-1", "0", "1e3", "1,5", " 1", "1 ", "0x10", "9999999999999"}) {
    const Variable duration("SOAK_DURATION_MIN", value);

    EXPECT_EQ(detail::variable_errors().size(), 1u) << value;
  }
}

TEST(OptionsTest, SmokeIsTwoSecondsInFourCycles) {
  const Settings settings = detail::resolve({.duration = 5h, .reconnect_every = 90s}, Mode::kSmoke);
  const Settings quick = detail::resolve({.reconnect_every = 100ms}, Mode::kSmoke);

  EXPECT_EQ(settings.duration, 2s);
  EXPECT_EQ(settings.reconnect_every, 500ms);
  EXPECT_EQ(settings.message_interval, 500ms);
  EXPECT_EQ(settings.audio_interval, 40ms);
  EXPECT_EQ(quick.reconnect_every, 100ms);
}

TEST(OptionsTest, EverySettingNamesItsSource) {
  const Variable duration("SOAK_DURATION_MIN", "1");
  std::vector<detail::NamedSetting> named;

  detail::resolve({.reconnect_every = 1500ms}, Mode::kReal, &named);

  for (const detail::NamedSetting& setting : named) {
    if (setting.name == "duration") {
      EXPECT_EQ(setting.source, "variable");
      EXPECT_EQ(setting.flag_value, "60s");
    } else if (setting.name == "reconnect_every") {
      EXPECT_EQ(setting.source, "code");
      EXPECT_EQ(setting.flag_value, "1500ms");
    } else {
      EXPECT_EQ(setting.source, "default") << setting.name;
    }
  }
}

TEST(OptionsTest, FlagsTakeEachUnit) {
  const std::vector<std::pair<const char*, std::chrono::nanoseconds>> cases = {
      {"40ms", 40ms}, {"1.5s", 1500ms}, {"5m", 5min}, {"5min", 5min}, {"24h", 24h}, {"2d", 48h}};
  for (const auto& [text, expected] : cases) {
    // In a child, where the flag does no harm to other tests.
    EXPECT_EXIT(
        {
          const bool accepted = detail::set_flag("duration", text).empty();
          std::exit(accepted && detail::resolve({}, Mode::kReal).duration == expected ? 0 : 1);
        },
        testing::ExitedWithCode(0), "")
        << text;
  }
}

TEST(OptionsTest, APortIsOffUnlessItIsGiven) {
  EXPECT_EQ(detail::resolve({}, Mode::kReal).metrics_port, std::nullopt);
  EXPECT_EQ(detail::resolve({.metrics_port = std::uint16_t{0}}, Mode::kReal).metrics_port, 0);
  {
    const Variable port("SOAK_METRICS_PORT", "9464");
    EXPECT_EQ(detail::resolve({.metrics_port = std::uint16_t{1}}, Mode::kReal).metrics_port, 9464);
  }
  for (const char* value : {"-1", "65536", "http", "9464 ", "0x10", "1.5"}) {
    const Variable port("SOAK_METRICS_PORT", value);

    EXPECT_THAT(detail::variable_errors(), ElementsAre("SOAK_METRICS_PORT is '" + std::string(value) +
                                                       "': a port from 1 to 65535, or 0 for a free one is allowed"));
  }
}

TEST(OptionsTest, AFlagThatDoesNotParseChangesNothing) {
  EXPECT_THAT(detail::set_flag("duration", "soon"), HasSubstr("is 'soon': a time above 0"));
  EXPECT_THAT(detail::set_flag("rss_growth_max", "-1MiB"), HasSubstr("a size of 0 or more"));
  EXPECT_THAT(detail::set_flag("nothing", "1"), HasSubstr("no option 'nothing'"));

  EXPECT_EQ(detail::resolve({}, Mode::kReal).duration, 60min);
}

}  // namespace
}  // namespace soak
