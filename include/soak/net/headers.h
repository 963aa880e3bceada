// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_NET_HEADERS_H_
#define SOAK_NET_HEADERS_H_

// The header fields of an HTTP message, in their original order. Names are case-insensitive. Values may be secrets, so
// nothing in soak prints them.

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace soak::net {

class Headers {
 public:
  using Field = std::pair<std::string, std::string>;
  using const_iterator = std::vector<Field>::const_iterator;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}
  explicit Headers(std::vector<Field> fields) : fields_(std::move(fields)) {}

  // Appends, and keeps existing fields of that name.
  void add(std::string name, std::string value);
  // Removes every field of that name, then appends.
  void set(std::string name, std::string value);
  void remove(std::string_view name);

  // The first field of that name. The view lives as long as the field.
  std::optional<std::string_view> find(std::string_view name) const;
  bool contains(std::string_view name) const { return find(name).has_value(); }
  // The first field of that name, or `otherwise`.
  std::string get(std::string_view name, std::string_view otherwise = {}) const;
  std::vector<std::string> get_all(std::string_view name) const;

  const_iterator begin() const { return fields_.begin(); }
  const_iterator end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }
  bool empty() const { return fields_.empty(); }

 private:
  std::vector<Field> fields_;
};

}  // namespace soak::net

#endif  // SOAK_NET_HEADERS_H_
