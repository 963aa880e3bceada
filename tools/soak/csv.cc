// SPDX-License-Identifier: Apache-2.0
#include "csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace soak::tools {

void CsvReader::refuse(const std::string& what) const { throw CsvError(fmt::format("line {}: {}", line_, what)); }

// Appends to the buffer; false at the end of the file.
bool CsvReader::read_more() {
  constexpr std::size_t kChunkBytes = 64 * 1024;
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  buffer_.resize(std::max(buffer_.size(), end_ + kChunkBytes));
  const std::size_t read = std::fread(buffer_.data() + end_, 1, kChunkBytes, file_);
  if (read == 0 && std::ferror(file_) != 0) {
    throw CsvError(std::strerror(errno));
  }
  end_ += read;
  return read > 0;
}

bool CsvReader::read_line() {
  constexpr std::size_t kLineBytesMax = 1'000'000;
  std::size_t length = 0;  // Of the line, as far as it was searched for its end.
  bool ended = false;
  while (!ended) {
    const char* const from = buffer_.data() + begin_ + length;
    const std::size_t rest = end_ - begin_ - length;
    const void* const found = rest > 0 ? std::memchr(from, '\n', rest) : nullptr;
    length += found != nullptr ? static_cast<std::size_t>(static_cast<const char*>(found) - from) : rest;
    if (length > kLineBytesMax) {
      ++line_;
      refuse(fmt::format("is longer than {} bytes", kLineBytesMax));
    }
    ended = found != nullptr;
    if (!ended && !read_more()) {
      if (length == 0) {
        return false;
      }
      break;
    }
  }
  ++line_;
  text_ = std::span(buffer_).subspan(begin_, length);
  begin_ += length + (ended ? 1 : 0);
  if (!text_.empty() && text_.back() == '\r') {
    text_ = text_.first(text_.size() - 1);
  }
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (line_ == 1 && std::string_view(text_.data(), text_.size()).starts_with(kByteOrderMark)) {
    text_ = text_.subspan(kByteOrderMark.size());
  }
  return true;
}

void CsvReader::split() {
  const std::string_view line(text_.data(), text_.size());
  fields_.clear();
  for (std::size_t at = 0;; ++at) {
    if (at < line.size() && line[at] == '"') {
      // A doubled quote becomes one: the field is written over itself, and never grows.
      char* const field = text_.data() + at;
      std::size_t length = 0;
      for (++at;; ++at) {
        if (at >= line.size()) {
          refuse("a quote that is not closed on the same line");
        }
        if (line[at] == '"') {
          if (at + 1 >= line.size() || line[at + 1] != '"') {
            break;
          }
          ++at;
        }
        field[length++] = line[at];
      }
      fields_.emplace_back(field, length);
      ++at;
      if (at < line.size() && line[at] != ',') {
        refuse("text after a closing quote: expected a comma");
      }
    } else {
      const std::size_t end = std::min(line.find(',', at), line.size());
      fields_.push_back(line.substr(at, end - at));
      at = end;
    }
    if (at >= line.size()) {
      break;
    }
  }
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
