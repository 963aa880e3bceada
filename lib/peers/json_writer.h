// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_JSON_WRITER_H_
#define SOAK_LIB_PEERS_JSON_WRITER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace soak::peers {

// Writes JSON into a string.
class Json {
 public:
  Json& key(std::string_view name);
  Json& object() { return open('{'); }
  Json& end_object() { return close('}'); }
  Json& array() { return open('['); }
  Json& end_array() { return close(']'); }
  Json& text(std::string_view value);
  Json& integer(std::int64_t value);
  Json& number(double value);
  Json& boolean(bool value) { return raw(value ? "true" : "false"); }
  Json& null() { return raw("null"); }
  Json& text_or_null(std::string_view value) { return value.empty() ? null() : text(value); }
  // A value that is JSON already.
  Json& raw(std::string_view json);

  std::string& buffer() { return out_; }
  std::string take() { return std::move(out_); }

 private:
  Json& open(char bracket);
  Json& close(char bracket);
  void separate();

  std::string out_;
  bool separate_ = false;  // A comma is due before what comes next.
};

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_JSON_WRITER_H_
