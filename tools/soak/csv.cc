// SPDX-License-Identifier: Apache-2.0
#include "csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace soak::tools {

void CsvReader::refuse(const std::string& what) const { throw CsvError(fmt::format("line {}: {}", line_, what)); }

bool CsvReader::read_line() {
  constexpr std::size_t kLineBytesMax = 1'000'000;
  text_.clear();
  int c = ::getc_unlocked(file_);
  if (c == EOF) {
    if (std::ferror(file_) != 0) {
      throw CsvError(std::strerror(errno));
    }
    return false;
  }
  ++line_;
  for (; c != EOF && c != '\n'; c = ::getc_unlocked(file_)) {
    if (text_.size() == kLineBytesMax) {
      refuse(fmt::format("is longer than {} bytes", kLineBytesMax));
    }
    text_ += static_cast<char>(c);
  }
  if (!text_.empty() && text_.back() == '\r') {
    text_.pop_back();
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (line_ == 1 && text_.compare(0, kByteOrderMark.size(), kByteOrderMark) == 0) {
    text_.erase(0, kByteOrderMark.size());
  }
  return true;
}

void CsvReader::split() {
  const std::string_view line = text_;
  std::size_t count = 0;
  for (std::size_t at = 0;; ++at) {
    if (count == fields_.size()) {
      fields_.emplace_back();
    }
    std::string& field = fields_[count++];  // Its memory is used again from row to row.
    field.clear();
    if (at < line.size() && line[at] == '"') {
      for (++at;; ++at) {
        if (at >= line.size()) {
          refuse("a quote that is not closed on the same line");
        }
        if (line[at] != '"') {
          field += line[at];
        } else if (at + 1 < line.size() && line[at + 1] == '"') {
          field += line[at++];
        } else {
          break;
        }
      }
      ++at;
      if (at < line.size() && line[at] != ',') {
        refuse("text after a closing quote: expected a comma");
      }
    } else {
      const std::size_t end = std::min(line.find(',', at), line.size());
      field.assign(line.substr(at, end - at));
      at = end;
    }
    if (at >= line.size()) {
      break;
    }
  }
  fields_.resize(count);
}

bool CsvReader::next() {
  if (!read_line()) {
    return false;
  }
  if (text_.empty()) {
    const std::uint64_t empty = line_;
    while (read_line()) {
      if (!text_.empty()) {
        throw CsvError(
            fmt::format("line {} is empty and line {} is not; empty lines are accepted only at the end", empty, line_));
      }
    }
    return false;
  }
  split();
  return true;
}

}  // namespace soak::tools
