// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_JSON_H_
#define MESH_JSON_H_

// JSON objects of requests, responses and records: read strictly, written without white space.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mesh {

// Reads one object. Every problem is a Problem(400) that names the field and what is expected. When all fields are
// read, end() refuses the ones that nobody asked for.
//
// Nested at most 32 deep; a name occurs once in each object; strings are UTF-8 without U+0000.
class JsonObject {
 public:
  explicit JsonObject(std::string_view text);
  ~JsonObject();
  JsonObject(JsonObject&&) noexcept;
  JsonObject& operator=(JsonObject&&) noexcept;

  bool has(std::string_view name) const;

  // A required string of 1 to `bytes_max` bytes. A name or title has no control characters; a text may have them.
  std::string name(std::string_view field, std::size_t bytes_max) const;
  std::string text(std::string_view field, std::size_t bytes_max) const;
  // The same if it is there; otherwise empty. It may be empty.
  std::string optional_name(std::string_view field, std::size_t bytes_max) const;
  std::string optional_text(std::string_view field, std::size_t bytes_max) const;

  std::int64_t integer(std::string_view field, std::int64_t min, std::int64_t max) const;
  std::optional<std::int64_t> optional_integer(std::string_view field, std::int64_t min, std::int64_t max) const;
  std::optional<double> optional_number(std::string_view field, double min, double max) const;
  bool boolean(std::string_view field) const;

  // At most `count_max` strings of 1 to `bytes_max` bytes without control characters; empty if absent.
  std::vector<std::string> names(std::string_view field, std::size_t count_max, std::size_t bytes_max) const;

  // The source of a required object, byte for byte: numbers keep their digits.
  std::string object(std::string_view field, std::size_t bytes_max) const;

  // An id: 1 to 64 of A-Z a-z 0-9 . _ -
  std::string id(std::string_view field = "id") const;
  // "@ada": a handle.
  std::string handle(std::string_view field) const;

  void end() const;

 private:
  struct Document;
  std::unique_ptr<Document> document_;
};

bool is_id(std::string_view text);
bool is_handle(std::string_view text);

// Writes an object, or a list of what is JSON already.
class JsonText {
 public:
  JsonText& text(std::string_view name, std::string_view value);
  JsonText& integer(std::string_view name, std::int64_t value);
  JsonText& number(std::string_view name, double value);  // Of a finite number.
  JsonText& boolean(std::string_view name, bool value);
  JsonText& names(std::string_view name, const std::vector<std::string>& values);
  JsonText& raw(std::string_view name, std::string_view json);

  std::string object() const { return "{" + members_ + "}"; }

 private:
  void begin(std::string_view name);
  std::string members_;
};

std::string json_string(std::string_view text);
std::string json_array(const std::vector<std::string>& values_in_json);

// An object in the canonical form of RFC 8785 (names sorted), given its members as JSON. The strings in them have no
// control characters, and the numbers are integers.
std::string canonical_object(const std::map<std::string, std::string>& members);

}  // namespace mesh

#endif  // MESH_JSON_H_
