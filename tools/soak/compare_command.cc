// SPDX-License-Identifier: Apache-2.0
// soak compare: what is better, worse or the same in the report of a new run.

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>

#include "commands.h"
#include "soak/detail/printable.h"
#include "soak/report/compare.h"
#include "soak/report/read_json.h"

namespace soak::tools {
namespace {

struct CompareArguments {
  std::string before;
  std::string after;
};

const char* headline(report::Change overall) {
  switch (overall) {
    case report::Change::kWorse:
      return "WORSE";
    case report::Change::kBetter:
      return "BETTER";
    case report::Change::kSame:
      return "SAME";
    default:
      return "INCONCLUSIVE";
  }
}

int run_compare(const CompareArguments& arguments) {
  try {
    const report::Record before = report::read_json_file(arguments.before);
    const report::Record after = report::read_json_file(arguments.after);
    const report::Comparison comparison = report::compare(before, after);
    std::size_t worse = 0;
    std::size_t better = 0;
    for (const auto& row : comparison.rows) {
      worse += row.change == report::Change::kWorse ? 1u : 0u;
      better += row.change == report::Change::kBetter ? 1u : 0u;
    }
    fmt::print("{}: worse={} better={} compared={}\n{}",
               text::printable(fmt::format("[{}] {}", after.title, headline(comparison.overall()))), worse, better,
               comparison.rows.size(), report::comparison_text(comparison));
    return comparison.overall() == report::Change::kWorse ? kFailed : kPassed;
  } catch (const report::ReadError& error) {
    fmt::print(stderr, "soak compare: {}\n", text::printable(error.what()));
  } catch (const report::NotComparable& error) {
    fmt::print(stderr, "soak compare: {}\n", text::printable(error.what()));
  }
  return kUsage;
}

}  // namespace

void add_compare_command(CommandLine& app) {
  CommandLine command =
      app.add_subcommand("compare",
                         "Compare two reports: what is better, worse or the same in the new run, with 99% intervals.\n"
                         "Exit status: 0 if nothing is worse, 1 if something is, 2 if a report is unusable.");
  auto arguments = std::make_shared<CompareArguments>();
  command.add_option("old", arguments->before, "JSON report of the baseline run").required();
  command.add_option("new", arguments->after, "JSON report of the new run").required();
  command.runs([arguments] { return run_compare(*arguments); });
}

}  // namespace soak::tools
