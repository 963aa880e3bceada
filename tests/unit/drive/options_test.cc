// SPDX-License-Identifier: Apache-2.0
// The option of an AsyncRun, in a program that drives one: tests/unit/gating has a program that does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "conftest/subprocess.h"
#include "soak/async_run.h"
#include "soak/detail/command_line.h"
#include "soak/detail/run_context.h"

namespace soak {
namespace {

using conftest::ProgramResult;
using conftest::run_program;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// The table is in a static library, and flags are parsed before main().
TEST(DriveOptionsTest, AProgramThatDrivesHasThem) {
  const ProgramResult bad = run_program({SAMPLE_HEAP_LEAK, "--soak_metrics_port=99999"});
  const ProgramResult unknown = run_program({SAMPLE_HEAP_LEAK, "--soak_audio_interval=40ms"});
  const ProgramResult help = run_program({SAMPLE_HEAP_LEAK, "--help"});

  EXPECT_EQ(bad.exit_status, 2);
  EXPECT_THAT(bad.output,
              HasSubstr("--soak_metrics_port is '99999': expected a port from 1 to 65535, or 0 for a free one"));
  EXPECT_EQ(unknown.exit_status, 2);
  EXPECT_THAT(unknown.output,
              HasSubstr("--soak_audio_interval is not an option of this program, which has --gtest_runsoak"));
  EXPECT_THAT(help.output,
              AllOf(HasSubstr("--soak_metrics_port=  (SOAK_METRICS_PORT; default off)\n      drive: where"),
                    Not(HasSubstr("audio_interval"))));
}

TEST(DriveOptionsTest, APortIsANumberOf16Bits) {
  for (const char* value : {"-1", "65536", "http", "9464 ", "0x10", "1.5"}) {
    ::setenv("SOAK_METRICS_PORT", value, 1);

    EXPECT_THAT(detail::variable_errors(), ElementsAre("SOAK_METRICS_PORT is '" + std::string(value) +
                                                       "': expected a port from 1 to 65535, or 0 for a free one"));
  }
  ::unsetenv("SOAK_METRICS_PORT");
}

}  // namespace
}  // namespace soak
