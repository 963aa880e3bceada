// SPDX-License-Identifier: Apache-2.0
// soak report, from outside.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "soak/report/files.h"
#include "soak/report/json.h"

namespace soak::conftest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class ReportCommandTest : public testing::Test {
 protected:
  std::string report(const std::string& name, const std::vector<probe::Finding>& findings, bool bound = false) const {
    report::Record record;
    record.name = "Soak/" + name;
    record.file = "/src/tests/" + name + ".cc";
    record.line = 7;
    record.title = "SOAK / " + name;
    record.mode = "real";
    record.cycle_noun = "cycle";
    record.verdict.findings = findings;
    if (bound) {
      record.bound_asked = true;
      record.verdict.inconclusive = {{"rss", "not shown", {}}};
    }
    return write(name + ".json", report::to_json(record));
  }

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ / name;
    EXPECT_EQ(report::write_file(path, text), "");
    return path;
  }

  static ProgramResult run(std::vector<std::string> arguments, const std::vector<std::string>& environment = {}) {
    arguments.insert(arguments.begin(), {SOAK_COMMAND, "report"});
    return run_program(arguments, environment);
  }

  const ScratchFolder folder_;
};

TEST_F(ReportCommandTest, MarkdownOfSeveralRunsHasTheWorstExitStatus) {
  const std::string clean = report("clean", {});
  const std::string open = report("open", {}, true);
  const std::string failed = report("failed", {{"fds", "fds rose", {}}});

  const ProgramResult all = run({"--format", "markdown", clean, open, failed});

  EXPECT_EQ(all.exit_status, 1);
  EXPECT_THAT(all.output, AllOf(StartsWith("| verdict |"), HasSubstr("### FAIL `Soak/failed`"),
                                HasSubstr("### INCONCLUSIVE `Soak/open`"), HasSubstr("### PASS `Soak/clean`")));
  EXPECT_EQ(run({"--format", "markdown", clean, open}).exit_status, 3);
  EXPECT_EQ(run({"--format", "markdown", clean}).exit_status, 0);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "clean.html"));
}

TEST_F(ReportCommandTest, AFileThatCannotBeReadDoesNotCostTheOthersTheirReports) {
  const std::string broken = write("broken.json", "{\"schema\": \"soak.report\",\n");
  const std::string failed = report("failed", {{"fds", "fds rose", {}}});

  for (const std::string format : {"markdown", "annotations", "html"}) {
    const ProgramResult result = run({"--format", format, broken, failed, folder_ / "none.json"});

    EXPECT_EQ(result.exit_status, 2);
    EXPECT_THAT(result.output, AllOf(HasSubstr("soak report: " + broken + ":2:1: not JSON"), HasSubstr("fds rose"),
                                     HasSubstr("none.json")));
  }
}

TEST_F(ReportCommandTest, AnnotationsNameFilesOfTheCheckout) {
  const std::string clean = report("clean", {});
  const std::string failed = report("failed", {{"fds", "fds rose", {}}});

  const ProgramResult by_option = run({"--format", "annotations", "--source-root", "/src", clean, failed});
  const ProgramResult by_variable = run({"--format", "annotations", failed}, {"GITHUB_WORKSPACE=/src"});

  EXPECT_EQ(by_option.exit_status, 1);
  EXPECT_THAT(by_option.output, AllOf(StartsWith("::error file=tests/failed.cc,line=7,title=FAIL Soak/failed::"),
                                      Not(HasSubstr("clean"))));
  EXPECT_EQ(by_variable.output, by_option.output);
}

TEST_F(ReportCommandTest, OneOutputPathIsForOnePage) {
  const std::string clean = report("clean", {});

  EXPECT_EQ(run({"--out", folder_ / "a.html", clean}).exit_status, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "a.html"));
  for (const ProgramResult& result : {run({"--out", folder_ / "b.html", clean, clean}),
                                      run({"--out", folder_ / "b.html", "--format", "markdown", clean})}) {
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_THAT(result.output, HasSubstr("expected one file, and --format html"));
  }
  const ProgramResult unknown = run({"--format", "pdf", clean});
  EXPECT_EQ(unknown.exit_status, 2);
  EXPECT_THAT(unknown.output, HasSubstr("markdown"));
}

}  // namespace
}  // namespace soak::conftest
