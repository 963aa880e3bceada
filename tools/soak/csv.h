// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_TOOLS_CSV_H_
#define SOAK_TOOLS_CSV_H_

// Reads comma-separated values (RFC 4180) a row at a time, in memory that does not grow with the file.
//
// A field may stand in double quotes, with "" for a quote inside it; it ends on its line. Lines end with LF or CRLF; a
// UTF-8 byte order mark before the first one is passed over, and so are empty lines at the end. A line has at most a
// million bytes.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "soak/error.h"

namespace soak::tools {

// "line 7: ..."
class CsvError : public Error {
 public:
  explicit CsvError(const std::string& what) : Error(Errc::kInvalidArgument, what) {}
};

class CsvReader {
 public:
  explicit CsvReader(std::FILE* file) : file_(file) {}  // The file outlives it.
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  // The next row; false at the end. The fields stand until the next call. Throws CsvError.
  bool next();
  const std::vector<std::string_view>& fields() const { return fields_; }
  std::uint64_t line() const { return line_; }  // Of that row, from 1.

  [[noreturn]] void refuse(const std::string& what) const;

 private:
  bool read_line();
  bool read_more();
  void split();

  std::FILE* file_;
  std::vector<char> buffer_;  // What was read: from begin_ on, what is not yet a line.
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::span<char> text_;  // Of the line, in the buffer, without its end.
  std::uint64_t line_ = 0;
  std::vector<std::string_view> fields_;  // In the buffer.
};

}  // namespace soak::tools

#endif  // SOAK_TOOLS_CSV_H_
