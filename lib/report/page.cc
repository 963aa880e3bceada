// SPDX-License-Identifier: Apache-2.0
#include "soak/report/page.h"

#include <string_view>

#include "lib/report/page_template.h"
#include "lib/text/utf8.h"
#include "soak/report/json.h"
#include "soak/report/summary.h"

namespace soak::report {
namespace {

std::string as_markup(std::string_view text) {
  std::string escaped;
  for (const char c : text::repaired_utf8(text)) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// In a script element neither "</script" nor "<!--" may stand. A "<" is in JSON's strings alone, where it can be
// spelled so.
std::string as_script_data(const std::string& json) {
  std::string escaped;
  escaped.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      escaped += "\\u003c";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace

std::string to_html(const Record& record) {
  std::string page;
  std::string_view rest = kPageTemplate;
  const auto fill = [&page, &rest](std::string_view place, const std::string& text) {
    const std::size_t at = rest.find(place);
    page += rest.substr(0, at);
    page += text;
    rest.remove_prefix(at + place.size());
  };
  fill("{{title}}", as_markup(outcome(record) + " " + record.name));
  fill("{{summary}}", as_markup(summary_line(record)));
  fill("{{report}}", as_script_data(to_json(record)));
  page += rest;
  return page;
}

}  // namespace soak::report
