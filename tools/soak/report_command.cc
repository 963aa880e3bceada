// SPDX-License-Identifier: Apache-2.0
// soak report: runs as a page, as Markdown or as annotations, from their JSON reports or from the journals that killed
// runs left.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "commands.h"
#include "soak/detail/printable.h"
#include "soak/error.h"
#include "soak/report/annotations.h"
#include "soak/report/files.h"
#include "soak/report/json.h"
#include "soak/report/markdown.h"
#include "soak/report/page.h"
#include "soak/report/read_journal.h"
#include "soak/report/read_json.h"
#include "soak/report/summary.h"

namespace soak::tools {
namespace {

struct ReportArguments {
  std::vector<std::string> files;
  std::string format = "html";
  std::string out;
  std::string source_root;
};

struct ReadReport {
  std::string file;
  bool journal = false;
  report::Record record;
};

// Throws Error: the file cannot be read, or is no report.
ReadReport read(const std::string& file) {
  const std::string text = report::read_file(file);
  const bool journal = report::is_journal(text);
  return {file, journal, journal ? report::read_journal(text, file) : report::read_json(text, file)};
}

// Throws Error(Errc::kSystem).
void write(const std::string& path, const std::string& text) {
  if (const std::string error = report::write_file(path, text); !error.empty()) {
    throw Error(Errc::kSystem, error);
  }
  fmt::print("  note: report in {}\n", text::printable(path));
}

void write_page(const ReadReport& read, const std::string& out) {
  const report::Record& record = read.record;
  const std::filesystem::path page =
      out.empty() ? std::filesystem::path(read.file).replace_extension(".html") : std::filesystem::path(out);
  fmt::print("{}\n{}{}", report::summary_line(record), report::findings_text(record), report::remarks_text(record));
  write(page.string(), report::to_html(record));
  if (read.journal) {
    write(std::filesystem::path(page).replace_extension(".json").string(), report::to_json(record));
  }
}

// The worst of them.
int worst_exit_status(const std::vector<report::Record>& records) {
  const auto any = [&records](int status) {
    return std::any_of(records.begin(), records.end(),
                       [status](const report::Record& record) { return exit_status(record) == status; });
  };
  return any(kFailed) ? kFailed : any(kInconclusive) ? kInconclusive : kPassed;
}

// What GitHub calls the checkout; elsewhere, the folder that the command was started in.
std::string source_root_or_default(const std::string& asked) {
  const char* workspace = std::getenv("GITHUB_WORKSPACE");
  if (!asked.empty() || workspace == nullptr || *workspace == '\0') {
    return asked.empty() ? std::filesystem::current_path().string() : asked;
  }
  return workspace;
}

int run_report(const ReportArguments& arguments) {
  if (!arguments.out.empty() && (arguments.files.size() > 1 || arguments.format != "html")) {
    throw Error(Errc::kInvalidArgument, "--out is the path of one page: expected one file, and --format html");
  }
  std::vector<report::Record> records;
  bool all_read = true;
  for (const std::string& file : arguments.files) {
    try {  // One file that cannot be used does not cost the others their reports.
      const ReadReport one = read(file);
      if (arguments.format == "html") {
        write_page(one, arguments.out);
      }
      records.push_back(one.record);
    } catch (const Error& error) {
      all_read = false;
      fmt::print(stderr, "soak report: {}\n", text::printable(error.what()));
    }
  }
  if (arguments.format == "markdown") {
    fmt::print("{}", report::to_markdown(records));
  } else if (arguments.format == "annotations") {
    const std::string root = source_root_or_default(arguments.source_root);
    for (const report::Record& record : records) {
      fmt::print("{}", report::to_annotation(record, root));
    }
  }
  return all_read ? worst_exit_status(records) : kUsage;
}

}  // namespace

void add_report_command(CommandLine& app) {
  CommandLine command = app.add_subcommand(
      "report",
      "Show finished runs again, from their JSON reports or from the journals of killed runs: as HTML pages, as "
      "Markdown for the job summary of a CI system, or as annotations for GitHub Actions.");
  auto arguments = std::make_shared<ReportArguments>();
  command.add_option("file", arguments->files, "soak-report/NAME.json or NAME.journal; may be several").required();
  command
      .add_option("--format", arguments->format,
                  "html writes a page next to each file, and NAME.json for a journal; markdown prints one document; "
                  "annotations prints an ::error line for each run that failed")
      .one_of({"html", "markdown", "annotations"})
      .show_default();
  command.add_option("-o,--out", arguments->out, "Path of the page; by default next to the file");
  command.add_option("--source-root", arguments->source_root,
                     "Annotations name files relative to this folder; by default $GITHUB_WORKSPACE, or this folder");
  command.runs([arguments] { return run_report(*arguments); });
}

}  // namespace soak::tools
