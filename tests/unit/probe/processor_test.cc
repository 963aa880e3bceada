// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <string>

#include "soak/error.h"

namespace soak::probe {
namespace {

// Uses the processor for that long, by the clock of the process.
void burn(double seconds) {
  const auto read = [] {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
  };
  const double end = read() + seconds;
  while (read() < end) {
  }
}

TEST(ProcessorUseTest, ABusyProcessUsesMoreThanNothingAndNoMoreThanItsThreads) {
  ProcessorUse use;
  burn(0.15);
  const std::int64_t busy = use.millicores();
  EXPECT_GT(busy, 0);
  EXPECT_LE(busy, 1100);
  EXPECT_EQ(use.millicores(), busy);  // Less than a tenth of a second later.
}

TEST(ProcessorUseTest, AnotherProcessIsMeasuredByItself) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  ProcessorUse use(ProcessId{child});
  burn(0.15);
  EXPECT_LT(use.millicores(), 100);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(use.millicores(), 0);
}

TEST(ProcessorUseTest, AProcessThatDoesNotExistIsNamed) {
  for (const int id : {0, -1, 1 << 22, 1 << 30}) {
    try {
      ProcessorUse use(ProcessId{id});
      ADD_FAILURE() << id;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::kSystem);
      EXPECT_THAT(error.what(),
                  testing::HasSubstr("process " + std::to_string(id) + ": its processor time cannot be read"));
    }
  }
}

}  // namespace
}  // namespace soak::probe
