// SPDX-License-Identifier: Apache-2.0
// --soak_heap_profile from outside: it starts the program again with another allocator, which no test in this process
// could see.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "conftest/sanitized.h"
#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"

namespace soak::conftest {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

const char kLeak[] = "--gtest_filter=Soak/Records.Leak:Start.*";
const char kClean[] = "--gtest_filter=Soak/Records.AreKeptClean:Start.*";
const char kPlainStart[] = "allocator=other restarted=no preload= options=\n";

ProgramResult run_sample(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
  arguments.insert(arguments.begin(), SAMPLE_HEAP_LEAK);
  environment.push_back("SOAK_REPORT_DIR=" + scratch_folder().path());
  return run_program(std::move(arguments), std::move(environment));
}

TEST(HeapProfileTest, NamesTheFunctionThatLeaksFirst) {
  const ProgramResult result = run_sample({"--soak_virtual", "--soak_heap_profile", kLeak});

  EXPECT_EQ(result.exit_status, 1) << result.output;
  if (kSanitized) {
    EXPECT_THAT(result.output, HasSubstr("heap profile: not available: the sanitizer's allocator is there"));
    return;
  }
  // 7.4 MiB, within seven times the sampling error.
  const std::string first = result.output.substr(std::min(result.output.find("allocated by"), result.output.size()));
  EXPECT_THAT(first, ContainsRegex("^allocated by [5-9]\\.[0-9] MiB in [5-9][0-9]+ allocations at leak_a_record "
                                   "\\(sample_heap_leak\\.cc:26\\) < soak_records"))
      << result.output;
  EXPECT_THAT(result.output, HasSubstr("heap profile: cycle 1 to cycle 120, estimated from one sample in 16.0 KiB"));
}

TEST(HeapProfileTest, TellsNothingOfWhatStaysAsItIs) {
  const ProgramResult result = run_sample({"--soak_virtual", "--soak_heap_profile", kClean});

  EXPECT_THAT(result.output, HasSubstr("heap profile: "));
  EXPECT_THAT(result.output, Not(HasSubstr("leak_a_record")));
}

TEST(HeapProfileTest, StartsTheProgramAgainWithItsArgumentsAndEnvironment) {
  const ProgramResult result =
      run_sample({"--soak_smoke", "--gtest_filter=Start.*"}, {"SOAK_HEAP_PROFILE=1", "MALLOC_CONF=narenas:2"});

  EXPECT_THAT(result.output, HasSubstr(kSanitized ? "allocator=other restarted=no preload= options=narenas:2\n"
                                                  : "allocator=jemalloc restarted=yes preload= options=narenas:2\n"));
}

TEST(HeapProfileTest, DoesNotCountItsSamplesAsHeapInUse) {
  const ProgramResult result = run_sample({"--soak_smoke", "--soak_heap_profile", "--gtest_filter=Heap.*:Start.*"});

  EXPECT_THAT(result.output, HasSubstr("[       OK ] Heap.IsCountedWithoutWhatSamplesAdd"));
}

TEST(HeapProfileTest, IsOffByDefault) {
  const ProgramResult result = run_sample({"--soak_virtual", kClean});

  EXPECT_THAT(result.output, AllOf(HasSubstr(kPlainStart), Not(HasSubstr("heap profile"))));
}

TEST(HeapProfileTest, AFlagThatSaysNoBeatsTheVariable) {
  const ProgramResult result = run_sample({"--soak_virtual", "--soak_heap_profile=0", kClean}, {"SOAK_HEAP_PROFILE=1"});

  EXPECT_THAT(result.output, AllOf(HasSubstr(kPlainStart), Not(HasSubstr("heap profile"))));
}

TEST(HeapProfileTest, StartsNothingAgainWhereNoSoakRuns) {
  const std::string nowhere = "SOAK_HEAP_PROFILE_LIBRARY=/nowhere/libjemalloc.so.2";  // Would be an error.

  EXPECT_THAT(run_sample({"--soak_heap_profile", "--gtest_filter=Start.*"}, {nowhere}).output, HasSubstr(kPlainStart));
  const ProgramResult listing = run_sample({"--soak_virtual", "--soak_heap_profile", "--gtest_list_tests"}, {nowhere});
  EXPECT_EQ(listing.exit_status, 0);
  EXPECT_THAT(listing.output, HasSubstr("Soak/Records."));
}

TEST(HeapProfileTest, WithoutTheLibrarySaysWhatToInstall) {
  if (kSanitized) {
    GTEST_SKIP() << "under a sanitizer the library is not looked for";
  }
  const ProgramResult result = run_sample({"--soak_virtual", "--soak_heap_profile", kClean},
                                          {"SOAK_HEAP_PROFILE_LIBRARY=/nowhere/libjemalloc.so.2"});

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_EQ(result.output,
            "soak: a heap profile needs /nowhere/libjemalloc.so.2, which is not here: apt-get install libjemalloc2\n");
}

TEST(HeapProfileTest, ALibraryThatIsNoAllocatorIsAnErrorAndNoLoop) {
  if (kSanitized) {
    GTEST_SKIP() << "under a sanitizer the library is not looked for";
  }
  const ProgramResult result =
      run_sample({"--soak_virtual", "--soak_heap_profile", kClean}, {"SOAK_HEAP_PROFILE_LIBRARY=" ANY_LIBRARY});

  EXPECT_EQ(result.exit_status, 2);
  EXPECT_THAT(result.output, HasSubstr("which did not become this program's allocator"));
}

TEST(HeapProfileTest, AskedOnlyInCodeItSaysWhyThereIsNone) {
  const ProgramResult result = run_sample({"--soak_virtual", "--gtest_filter=Soak/Records.AskInCode"});

  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("note: heap profile: not available: "));
}

TEST(HeapProfileTest, AProgramWithoutTheComponentSaysWhatToLink) {
  for (const auto& [argument, variable] :
       {std::pair{"--soak_heap_profile", "UNUSED="}, std::pair{"--soak_heap_profile=1", "SOAK_HEAP_PROFILE=0"},
        std::pair{"--soak_smoke", "SOAK_HEAP_PROFILE=1"}}) {
    const ProgramResult result = run_program({SAMPLE_SOAKS, "--soak_smoke", argument}, {variable});

    EXPECT_EQ(result.exit_status, 2);
    EXPECT_EQ(result.output,
              "soak: --soak_heap_profile: not available: the program is not linked with the component heap_profile "
              "(soak::heap_profile)\n");
  }
}

TEST(HeapProfileTest, TheSoakCommandHasItToo) {
  const auto run_command = [](const std::string& library) {
    return run_program({SOAK_COMMAND, "voice", "--provider", "openai", "--virtual", "--duration", "30s",
                        "--reconnect-every", "1s", "--heap-profile"},
                       {"SOAK_REPORT_DIR=" + scratch_folder().path(), library});
  };

  const ProgramResult result = run_command("UNUSED=");
  EXPECT_THAT(result.output, HasSubstr("note: heap profile: "));
  if (!kSanitized) {
    EXPECT_THAT(result.output, HasSubstr("heap profile: reconnect 1 to reconnect 30"));
    EXPECT_EQ(run_command("SOAK_HEAP_PROFILE_LIBRARY=/nowhere/libjemalloc.so.2").exit_status, 2);
  }
}

}  // namespace
}  // namespace soak::conftest
