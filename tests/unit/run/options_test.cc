// SPDX-License-Identifier: Apache-2.0
// How values are read. Flags and variables of a whole program are in tests/unit/gating.

#include "soak/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "lib/run/option_value.h"
#include "lib/run/resolve.h"
#include "soak/detail/command_line.h"
#include "soak/detail/run_context.h"
#include "soak/error.h"
#include "soak/option_table.h"
#include "soak/run_driver.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Flags and variables live as long as the process: each test starts it again in a death test's child where it sets
// any.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

// A driver's own, as soak/option_table.h shows them.
constexpr std::array kOptions = {Option{.name = "batch_size",
                                        .kind = OptionKind::kCount,
                                        .default_value = "100",
                                        .help = "how many orders a batch holds",
                                        .least = 1},
                                 Option{.name = "batch_pause",
                                        .kind = OptionKind::kTime,
                                        .default_value = "5s",
                                        .help = "the time between two batches",
                                        .smoke_max = 500ms},
                                 Option{.name = "batch_share",
                                        .kind = OptionKind::kShare,
                                        .default_value = "0.5",
                                        .help = "the share of orders that are paid"},
                                 Option{.name = "batch_port",
                                        .kind = OptionKind::kPort,
                                        .default_value = "",
                                        .help = "where batches are counted",
                                        .no_value = "off"}};
constexpr const Option& kSize = kOptions[0];
constexpr const Option& kPause = kOptions[1];
constexpr const Option& kShare = kOptions[2];
constexpr const Option& kPort = kOptions[3];
// Above the table: in this file, too, the table is the first to be constructed.
const bool g_known_before_static_objects = detail::is_option("batch_size");
[[gnu::init_priority(kOptionPriority)]] OptionTable g_options("orders", kOptions);

std::string source_of(const std::vector<detail::Setting>& all, std::string_view name) {
  for (const detail::Setting& setting : all) {
    if (setting.option->name == name) {
      return setting.source;
    }
  }
  return "not there";
}

TEST(OptionsTest, DefaultsAreThoseOfTheHeader) {
  const Settings settings = detail::resolve({}, Mode::kReal);

  EXPECT_EQ(settings.duration, 60min);
  EXPECT_EQ(settings.reconnect_every, 90s);
  EXPECT_EQ(settings.sessions, 1u);
  EXPECT_EQ(settings.rss_growth_max, 50 * kMiB);
  EXPECT_EQ(settings.heap_per_cycle_max, 16 * kKiB);
  EXPECT_EQ(settings.leak_max, "");
  EXPECT_EQ(settings.memory_limit, 0u);
  EXPECT_FALSE(settings.counts_exact);
  EXPECT_EQ(settings.service_time_max, 10min);
  EXPECT_FALSE(settings.shuffle);
  EXPECT_TRUE(settings.early_stop);
  EXPECT_EQ(settings.report_dir, "soak-report");
  EXPECT_FALSE(settings.heap_profile);
  EXPECT_EQ(settings.checkpoint, "");
  EXPECT_EQ(settings.part_duration, 330min);
}

TEST(OptionsTest, EveryDefaultIsWhatItsOptionAccepts) {
  for (const Option* option : detail::run_options()) {
    const bool none = option->default_value.empty();

    EXPECT_EQ(detail::parse_value(*option, option->default_value).has_value(), !none) << option->name;
  }
}

TEST(OptionsTest, EachRunDrawsItsOwnSeed) {
  EXPECT_NE(detail::resolve({}, Mode::kReal).seed, detail::resolve({}, Mode::kReal).seed);
  EXPECT_EQ(detail::resolve({.seed = 7}, Mode::kReal).seed, 7u);
}

TEST(OptionsTest, AVariableIsSpelledAsItsFlag) {
  const Variable duration("SOAK_DURATION", "90s");
  const Variable rss("SOAK_RSS_GROWTH_MAX", "20MiB");
  const Variable shuffle("SOAK_SHUFFLE", "on");
  std::vector<detail::Setting> all;

  const Settings settings = detail::resolve({.duration = 5s}, Mode::kReal, &all);

  EXPECT_EQ(settings.duration, 90s);
  EXPECT_EQ(settings.rss_growth_max, 20 * kMiB);
  EXPECT_TRUE(settings.shuffle);
  EXPECT_EQ(source_of(all, "duration"), "variable");
}

TEST(OptionsTest, WhatMayLeakIsASizePerTimeOrOperation) {
  for (const char* bound : {"10MiB/day", "1.5KiB/h", "0B/s", "64B/reconnect", "64B/reconnects"}) {
    const Variable leak_max("SOAK_LEAK_MAX", bound);

    EXPECT_EQ(detail::resolve({.leak_max = "1B/s"}, Mode::kReal).leak_max, bound);
  }
  EXPECT_EQ(detail::resolve({.leak_max = "1B/s"}, Mode::kReal).leak_max, "1B/s");
}

TEST(OptionsTest, ABoundThatIsNoneIsAnErrorThatNamesWhatIsExpected) {
  for (const char* bound : {"10MiB", "10/day", "/day", "-1B/day", "10MiB/", "10 MiB/day", "many/day"}) {
    EXPECT_THAT([bound] { detail::resolve({.leak_max = bound}, Mode::kReal); },
                testing::ThrowsMessage<Error>(std::string("RunOptions::leak_max is ") + bound +
                                              ": expected a size per s, h, day or operation, such as 10MiB/day or "
                                              "64B/reconnect"))
        << bound;
  }
}

TEST(OptionsTest, AMemoryLimitIsAboveZero) {
  const Variable limit("SOAK_MEMORY_LIMIT", "512MiB");

  EXPECT_EQ(detail::resolve({}, Mode::kReal).memory_limit, 512 * kMiB);
  const Variable none("SOAK_MEMORY_LIMIT", "0B");
  EXPECT_THAT([] { detail::resolve({}, Mode::kReal); },
              testing::ThrowsMessage<Error>(
                  "SOAK_MEMORY_LIMIT is '0B': expected a size above 0, such as 512KiB, 20MiB or 1GiB"));
}

TEST(OptionsTest, CountsAreExactWhereCodeOrTheVariableSaysSo) {
  EXPECT_TRUE(detail::resolve({.counts_exact = true}, Mode::kReal).counts_exact);

  const Variable off("SOAK_COUNTS_EXACT", "0");
  EXPECT_FALSE(detail::resolve({.counts_exact = true}, Mode::kReal).counts_exact);
}

TEST(OptionsTest, TheShortNamesTakeNumbersAndFractions) {
  const Variable duration("SOAK_DURATION_MIN", "1.5");
  const Variable reconnect("SOAK_RECONNECT_SEC", "0.02");
  const Variable rss("SOAK_RSS_BUDGET_KB", "0");
  const Variable heap("SOAK_HEAP_PER_CYCLE_KB", "64");
  const Variable service("SOAK_SERVICE_BUDGET_MIN", "60");
  const Variable part("SOAK_PART_DURATION_MIN", "2");

  const Settings settings = detail::resolve({.duration = 5s}, Mode::kReal);

  EXPECT_EQ(settings.duration, 90s);
  EXPECT_EQ(settings.reconnect_every, 20ms);
  EXPECT_EQ(settings.rss_growth_max, 0u);
  EXPECT_EQ(settings.heap_per_cycle_max, 64 * kKiB);
  EXPECT_EQ(settings.service_time_max, 1h);
  EXPECT_EQ(settings.part_duration, 2min);
}

TEST(OptionsTest, TheFirstHarnesssNamesAreTakenToo) {
  const Variable duration("FERAL_SOAK_DURATION_MIN", "2");
  const Variable reconnect("FERAL_SOAK_RECONNECT_SEC", "15");
  const Variable rss("FERAL_SOAK_RSS_BUDGET_KB", "1024");
  const Variable share("FERAL_SOAK_BATCH_SHARE", "0.25");

  std::vector<detail::Setting> all;
  const Settings settings = detail::resolve({}, Mode::kReal, &all);

  EXPECT_EQ(settings.duration, 2min);
  EXPECT_EQ(settings.reconnect_every, 15s);
  EXPECT_EQ(settings.rss_growth_max, kMiB);
  EXPECT_EQ(source_of(all, "batch_share"), "variable");
}

TEST(OptionsTest, TwoNamesThatDisagreeAreAnErrorThatNamesBoth) {
  const Variable one("SOAK_DURATION", "90s");
  const Variable other("SOAK_DURATION_MIN", "2");
  const Variable third("FERAL_SOAK_DURATION_MIN", "1.5");

  EXPECT_THAT(detail::variable_errors(),
              ElementsAre("SOAK_DURATION is '90s' and SOAK_DURATION_MIN is '2': they set the same option, expected one "
                          "value"));
  EXPECT_THROW(detail::resolve({}, Mode::kReal), Error);
}

TEST(OptionsTest, TwoNamesThatAgreeAreFine) {
  const Variable one("SOAK_DURATION", "90s");
  const Variable other("SOAK_DURATION_MIN", "1.5");

  EXPECT_THAT(detail::variable_errors(), IsEmpty());
  EXPECT_EQ(detail::resolve({}, Mode::kReal).duration, 90s);
}

TEST(OptionsTest, AFlagBeatsVariablesThatDisagree) {
  EXPECT_EXIT(
      {
        const Variable one("SOAK_DURATION", "90s");
        const Variable other("SOAK_DURATION_MIN", "2");
        detail::set_flag("duration", "3s");
        std::exit(detail::variable_errors().empty() && detail::resolve({}, Mode::kReal).duration == 3s ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

// As a death test's child is started.
TEST(OptionsTest, AFlagThatIsExportedOverrulesEachVariable) {
  EXPECT_EXIT(
      {
        const Variable other("SOAK_DURATION_MIN", "2");
        const Variable third("FERAL_SOAK_DURATION_MIN", "2");
        detail::set_flag("duration", "1.234567ms");
        detail::export_flags();
        const bool alone =
            std::getenv("SOAK_DURATION_MIN") == nullptr && std::getenv("FERAL_SOAK_DURATION_MIN") == nullptr;
        std::exit(alone && std::getenv("SOAK_DURATION") == std::string("1.234567ms") ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(OptionsTest, AnEmptyVariableIsNotSet) {
  const Variable duration("SOAK_DURATION", "");
  const Variable minutes("SOAK_DURATION_MIN", "");

  EXPECT_EQ(detail::resolve({}, Mode::kReal).duration, 60min);
}

TEST(OptionsTest, ABadVariableIsNamedWithItsValueAndWhatIsExpected) {
  const Variable duration("SOAK_DURATION_MIN", "abc");
  const Variable reconnect("SOAK_RECONNECT_EVERY", "90");
  const Variable rss("SOAK_RSS_BUDGET_KB", "20MiB");
  const Variable part("SOAK_PART_DURATION_MIN", "6h");

  EXPECT_THAT(detail::variable_errors(),
              ElementsAre("SOAK_DURATION_MIN is 'abc': expected a number of minutes above 0, such as 60 or 0.5",
                          "SOAK_RECONNECT_EVERY is '90': expected a time above 0, such as 40ms, 90s, 5m or 24h",
                          "SOAK_RSS_BUDGET_KB is '20MiB': expected a number of KB of 1,024 bytes, 0 or more",
                          "SOAK_PART_DURATION_MIN is '6h': expected a number of minutes above 0, such as 60 or 0.5"));
  EXPECT_THROW(detail::resolve({}, Mode::kReal), Error);
}

TEST(OptionsTest, ALeakEndsARunEarlyUnlessThatIsSwitchedOff) {
  EXPECT_TRUE(detail::resolve({}, Mode::kReal).early_stop);
  EXPECT_FALSE(detail::resolve({.early_stop = false}, Mode::kReal).early_stop);
  const Variable off("SOAK_EARLY_STOP", "0");
  EXPECT_FALSE(detail::resolve({.early_stop = true}, Mode::kReal).early_stop);
}

TEST(OptionsTest, ThereIsOneSessionOrMore) {
  EXPECT_EQ(detail::resolve({.sessions = 1800}, Mode::kReal).sessions, 1800u);
  EXPECT_THROW(detail::resolve({.sessions = 0}, Mode::kReal), Error);
  for (const char* value : {"0", "-1", "100001", "1.5", "many", "4294967297"}) {
    const Variable sessions("SOAK_SESSIONS", value);

    EXPECT_THAT(detail::variable_errors(),
                ElementsAre(std::string("SOAK_SESSIONS is '") + value + "': expected a whole number from 1 to 100000"));
  }
}

TEST(OptionsTest, AValueInCodeThatNoFlagCouldSayIsAnErrorThatNamesIt) {
  try {
    detail::resolve({.reconnect_every = -5ms}, Mode::kReal);
    FAIL() << "it was accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "RunOptions::reconnect_every is -5ms: expected a time above 0, such as 40ms, 90s, 5m or 24h");
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
  EXPECT_EQ(quick.reconnect_every, 100ms);
}

TEST(OptionsTest, EverySettingNamesItsSource) {
  const Variable duration("SOAK_DURATION_MIN", "1");
  std::vector<detail::Setting> all;

  detail::resolve({.reconnect_every = 1500ms}, Mode::kReal, &all);

  for (const detail::Setting& setting : all) {
    if (setting.option->name == "duration") {
      EXPECT_EQ(setting.source, "variable");
      EXPECT_EQ(detail::flag_text(*setting.option, *setting.value), "60s");
    } else if (setting.option->name == "reconnect_every") {
      EXPECT_EQ(setting.source, "code");
      EXPECT_EQ(detail::flag_text(*setting.option, *setting.value), "1500ms");
    } else {
      EXPECT_EQ(setting.source, "default") << setting.option->name;
    }
  }
}

TEST(OptionsTest, FlagsTakeEachUnit) {
  const std::vector<std::pair<const char*, std::chrono::nanoseconds>> cases = {
      {"40ms", 40ms}, {"1.5s", 1500ms}, {"5m", 5min}, {"5min", 5min}, {"24h", 24h}, {"2d", 48h}};
  for (const auto& [text, expected] : cases) {
    EXPECT_EQ(detail::parse_value(kPause, text), OptionValue(expected)) << text;
  }
}

TEST(OptionsTest, AFlagSpellsEachValueExactly) {
  constexpr Option kMemory{
      .name = "batch_memory", .kind = OptionKind::kSize, .default_value = "1MiB", .help = "memory"};
  const std::vector<std::pair<const Option*, const char*>> cases = {
      {&kMemory, "20MiB"},     {&kMemory, "1536KiB"},
      {&kMemory, "1000B"},     {&kMemory, "0B"},
      {&kPause, "90s"},        {&kPause, "60m"},
      {&kPause, "330m"},       {&kPause, "24h"},

      {&kPause, "0.000001ms"}, {&kSize, "18446744073709551615"},
      {&kShare, "0.0000001"},  {&kPort, "0"}};
  for (const auto& [option, text] : cases) {
    const std::optional<OptionValue> value = detail::parse_value(*option, text);
    ASSERT_TRUE(value) << text;

    EXPECT_EQ(detail::flag_text(*option, *value), text);
  }
}

TEST(OptionsTest, AFlagThatDoesNotParseChangesNothing) {
  EXPECT_EQ(detail::set_flag("duration", "soon"), "is 'soon': expected a time above 0, such as 40ms, 90s, 5m or 24h");
  EXPECT_THAT(detail::set_flag("rss_growth_max", "-1MiB"), HasSubstr("expected a size of 0 or more"));
  EXPECT_THAT(detail::set_flag("nothing", "1"), HasSubstr("no option is named 'nothing'"));

  EXPECT_EQ(detail::resolve({}, Mode::kReal).duration, 60min);
}

// Flags are parsed before any static object is constructed.
TEST(OptionTableTest, ItsOptionsAreKnownBeforeOrdinaryStaticObjects) { EXPECT_TRUE(g_known_before_static_objects); }

TEST(OptionTableTest, ItsOptionsStandBelowThoseOfEveryRun) {
  const std::vector<detail::OptionHelp> rows = detail::option_help();

  ASSERT_GT(rows.size(), kOptions.size());
  EXPECT_EQ(rows.front().name, "duration");
  const detail::OptionHelp& row = rows[rows.size() - kOptions.size()];
  EXPECT_EQ(row.module, "orders");
  EXPECT_EQ(row.name, "batch_size");
  EXPECT_EQ(row.variable, "SOAK_BATCH_SIZE");
  EXPECT_EQ(row.default_value, "100");
  EXPECT_EQ(row.expected, "a whole number from 1 to 18446744073709551615");
}

TEST(OptionTableTest, ItsOptionsAreThereWhileItLives) {
  static constexpr std::array kMore = {
      Option{.name = "batch_color", .kind = OptionKind::kText, .default_value = "red", .help = "a color"}};
  {
    const OptionTable table("paint", kMore);
    EXPECT_TRUE(detail::is_option("batch_color"));
  }
  EXPECT_FALSE(detail::is_option("batch_color"));
  EXPECT_TRUE(detail::is_option("batch_size"));
}

class DriverOptionTest : public testing::Test {
 protected:
  DriverOptionTest() {
    detail::run_context() = {};
    detail::run_context().quiet = true;
  }
  ~DriverOptionTest() override { detail::run_context() = {}; }

  // The options of a run that has a cycle, which is all that its verdict needs.
  static std::string settings_of(soak::Run& run) {
    for ([[maybe_unused]] auto cycle : run) {
    }
    run.verdict();
    std::string text;
    for (const report::Setting& setting : run.record().settings) {
      if (setting.name.rfind("batch_", 0) == 0) {
        text += setting.name + "=" + setting.value + " by " + setting.source + "\n";
      }
    }
    return text;
  }
};

TEST_F(DriverOptionTest, AVariableBeatsCodeBeatsTheDefaultAndTheReportSaysWhich) {
  const Variable share("SOAK_BATCH_SHARE", "0.125");
  soak::Run run({.duration = 1ms});
  RunDriver driver(run);

  EXPECT_EQ(driver.setting<std::uint64_t>(kSize), 100u);
  EXPECT_EQ(driver.setting<std::uint64_t>(kSize, 20u), 20u);
  EXPECT_EQ(driver.setting<std::uint64_t>(kSize), 20u);
  EXPECT_EQ(driver.setting<double>(kShare, 0.75), 0.125);
  EXPECT_EQ(driver.find_setting<std::uint16_t>(kPort), std::nullopt);
  EXPECT_EQ(driver.find_setting<std::uint16_t>(kPort, std::uint16_t{0}), 0u);

  EXPECT_EQ(settings_of(run),
            "batch_size=20 by code\nbatch_pause=5.0s by default\nbatch_share=0.125 by variable\nbatch_port=0 by "
            "code\n");
}

TEST_F(DriverOptionTest, ASmokeRunShortensIt) {
  detail::run_context().mode = Mode::kSmoke;
  soak::Run run;
  RunDriver driver(run);

  EXPECT_EQ(driver.setting<std::chrono::nanoseconds>(kPause), 500ms);
  EXPECT_EQ(driver.setting<std::chrono::nanoseconds>(kPause, 7s), 500ms);
  EXPECT_EQ(driver.setting<std::chrono::nanoseconds>(kPause, 70ms), 70ms);
  run.verdict();
}

TEST_F(DriverOptionTest, AValueInCodeThatNoFlagCouldSayIsAnErrorThatNamesIt) {
  soak::Run run({.duration = 1ms});
  RunDriver driver(run);

  try {
    driver.setting<double>(kShare, 1.5);
    FAIL() << "it was accepted";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "batch_share in code is 1.5: expected a number from 0 to 1");
  }
  settings_of(run);
}

TEST_F(DriverOptionTest, AnOptionInNoTableIsABrokenContract) {
  static constexpr Option kNowhere{
      .name = "batch_nowhere", .kind = OptionKind::kCount, .default_value = "1", .help = "nothing"};
  soak::Run run({.duration = 1ms});

  EXPECT_DEATH(RunDriver(run).setting<std::uint64_t>(kNowhere), "the option batch_nowhere is in no soak::OptionTable");
  settings_of(run);
}

}  // namespace
}  // namespace soak
