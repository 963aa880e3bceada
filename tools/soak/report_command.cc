// SPDX-License-Identifier: Apache-2.0
// soak report: the page of a run, from its JSON report or from the journal that a killed run left.

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "commands.h"
#include "soak/detail/printable.h"
#include "soak/error.h"
#include "soak/report/files.h"
#include "soak/report/json.h"
#include "soak/report/page.h"
#include "soak/report/read_journal.h"
#include "soak/report/read_json.h"
#include "soak/report/summary.h"

namespace soak::tools {
namespace {

struct ReportArguments {
  std::string file;
  std::string out;
};

// Throws Error(Errc::kSystem).
void write(const std::string& path, const std::string& text) {
  if (const std::string error = report::write_file(path, text); !error.empty()) {
    throw Error(Errc::kSystem, error);
  }
  fmt::print("  note: report in {}\n", text::printable(path));
}

int run_report(const ReportArguments& arguments) {
  const std::string text = report::read_file(arguments.file);
  const bool journal = report::is_journal(text);
  const report::Record record =
      journal ? report::read_journal(text, arguments.file) : report::read_json(text, arguments.file);
  std::filesystem::path page = arguments.out;
  if (page.empty()) {
    page = std::filesystem::path(arguments.file).replace_extension(".html");
  }
  fmt::print("{}\n{}{}", report::summary_line(record), report::findings_text(record), report::remarks_text(record));
  write(page.string(), report::to_html(record));
  if (journal) {
    write(std::filesystem::path(page).replace_extension(".json").string(), report::to_json(record));
  }
  return exit_status(record);
}

}  // namespace

void add_report_command(CommandLine& app) {
  CommandLine command = app.add_subcommand(
      "report", "Make the HTML page of a run from its JSON report, or both reports from the journal of a killed run.");
  auto arguments = std::make_shared<ReportArguments>();
  command.add_option("file", arguments->file, "soak-report/NAME.json or NAME.journal; a journal also gives NAME.json")
      .required();
  command.add_option("-o,--out", arguments->out, "Path of the page; by default next to the file");
  command.runs([arguments] { return run_report(*arguments); });
}

}  // namespace soak::tools
