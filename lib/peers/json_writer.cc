// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/json_writer.h"

#include <fmt/format.h>

namespace soak::peers {

void Json::separate() {
  if (separate_) {
    out_ += ',';
  }
  separate_ = true;
}

Json& Json::open(char bracket) {
  separate();
  out_ += bracket;
  separate_ = false;
  return *this;
}

Json& Json::close(char bracket) {
  out_ += bracket;
  separate_ = true;
  return *this;
}

Json& Json::key(std::string_view name) {
  text(name);
  out_ += ':';
  separate_ = false;
  return *this;
}

Json& Json::text(std::string_view value) {
  separate();
  out_ += '"';
  for (const char character : value) {
    switch (character) {
      case '"':
        out_ += "\\\"";
        break;
      case '\\':
        out_ += "\\\\";
        break;
      case '\n':
        out_ += "\\n";
        break;
      case '\r':
        out_ += "\\r";
        break;
      case '\t':
        out_ += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(character) < 0x20) {
          out_ += fmt::format("\\u{:04x}", static_cast<unsigned char>(character));
        } else {
          out_ += character;
        }
    }
  }
  out_ += '"';
  return *this;
}

Json& Json::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

Json& Json::integer(std::int64_t value) { return raw(fmt::format_int(value).c_str()); }

Json& Json::number(double value) { return raw(fmt::format("{}", value)); }

}  // namespace soak::peers
