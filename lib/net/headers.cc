// SPDX-License-Identifier: Apache-2.0
#include "soak/net/headers.h"

#include "lib/text/ascii.h"

namespace soak::net {

void Headers::add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }

void Headers::set(std::string name, std::string value) {
  remove(name);
  add(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [name](const Field& field) { return text::equal_ignoring_case(field.first, name); });
}

std::optional<std::string_view> Headers::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (text::equal_ignoring_case(field.first, name)) {
      return field.second;
    }
  }
  return std::nullopt;
}

std::string Headers::get(std::string_view name, std::string_view otherwise) const {
  return std::string(find(name).value_or(otherwise));
}

std::vector<std::string> Headers::get_all(std::string_view name) const {
  std::vector<std::string> values;
  for (const Field& field : fields_) {
    if (text::equal_ignoring_case(field.first, name)) {
      values.push_back(field.second);
    }
  }
  return values;
}

}  // namespace soak::net
