// SPDX-License-Identifier: Apache-2.0
#include "tools/watch/child_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "soak/error.h"

namespace soak::tools {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

using Output = ChildProgram::Output;
using Start = ChildProgram::Start;

bool comes(const std::function<bool()>& condition) {
  for (int i = 0; i < 3000 && !condition(); ++i) {
    std::this_thread::sleep_for(10ms);
  }
  return condition();
}

std::string end_of(const std::string& script) {
  ChildProgram child({"/bin/sh", "-c", script}, Output::kKept);
  EXPECT_TRUE(comes([&child] { return child.ending().has_value(); }));
  return to_string(*child.ending());
}

TEST(ChildProgramTest, ItsEndIsAStatusOrASignal) {
  EXPECT_EQ(end_of("exit 0"), "ended with exit status 0");
  EXPECT_EQ(end_of("exit 3"), "ended with exit status 3");
  EXPECT_EQ(end_of("kill -SEGV $$"), "was ended by SIGSEGV");
}

TEST(ChildProgramTest, OneThatCannotBeStartedIsNamed) {
  try {
    ChildProgram child({"./there/is/none", "x"}, Output::kKept);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kSystem);
    EXPECT_EQ(std::string(error.what()), "cannot start './there/is/none': No such file or directory");
  }
}

TEST(ChildProgramTest, ItsLastLinesAreKept) {
  ChildProgram child({"/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; printf half >&2"},
                     Output::kKept);

  EXPECT_TRUE(comes([&child] { return !child.last_lines().empty() && child.last_lines().back() == "half"; }));

  EXPECT_THAT(child.last_lines(), SizeIs(11));
  EXPECT_EQ(child.last_lines().front(), "line 3");
}

TEST(ChildProgramTest, ItBeginsWhenItIsTold) {
  ChildProgram child({"/bin/sh", "-c", "echo begun"}, Output::kKept, Start::kLater);
  EXPECT_FALSE(child.ending());

  child.go();

  EXPECT_TRUE(comes([&child] { return child.ending().has_value(); }));
  EXPECT_TRUE(comes([&child] { return !child.last_lines().empty(); }));
  EXPECT_THAT(child.last_lines(), ElementsAre("begun"));
}

TEST(ChildProgramTest, OneThatIgnoresSigtermIsKilledWithItsChildren) {
  ChildProgram child({"/bin/sh", "-c", "trap '' TERM; echo ready; sleep 1000 & while :; do sleep 1000; done"},
                     Output::kKept);
  ASSERT_TRUE(comes([&child] { return !child.last_lines().empty(); }));

  child.stop(100ms);

  EXPECT_EQ(to_string(*child.ending()), "was ended by SIGKILL");
}

TEST(ChildProgramTest, ItHasTheSignalHandlersThatAProgramStartsWith) {
  ::signal(SIGPIPE, SIG_IGN);

  const std::string end = end_of("kill -PIPE $$; exit 5");

  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_THAT(end, HasSubstr("SIGPIPE"));
}

}  // namespace
}  // namespace soak::tools
