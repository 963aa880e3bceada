// SPDX-License-Identifier: Apache-2.0
#include "soak/report/annotations.h"

#include <fmt/format.h>

#include <filesystem>
#include <string_view>

#include "soak/detail/printable.h"
#include "soak/report/summary.h"

namespace soak::report {
namespace {

// GitHub's own escapes: these characters end a command or one of its properties.
std::string escaped(std::string_view text, std::string_view special) {
  std::string result;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      result += c;
    }
  }
  return result;
}

std::string as_message(std::string_view text) { return escaped(text, "%\r\n"); }
std::string as_property(std::string_view text) { return escaped(text, "%\r\n:,"); }

std::string below(const std::string& file, const std::string& root) {
  const std::filesystem::path relative = std::filesystem::path(file).lexically_relative(root);
  return relative.empty() || *relative.begin() == ".." ? file : relative.string();
}

}  // namespace

std::string to_annotation(const Record& record, const std::string& source_root) {
  if (record.verdict.passed() && !is_short_of_its_bound(record)) {
    return "";
  }
  std::string properties;
  if (!record.file.empty()) {
    properties = fmt::format("file={},line={},", as_property(below(record.file, source_root)), record.line);
  }
  properties += "title=" + as_property(text::printable(fmt::format("{} {}", outcome(record), record.name)));
  std::string message = summary_line(record) + "\n" + findings_text(record);
  if (!record.rerun.empty()) {
    message += "  rerun: " + text::printable(record.rerun);
  }
  return fmt::format("::error {}::{}\n", properties, as_message(message));
}

}  // namespace soak::report
