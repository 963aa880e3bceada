// SPDX-License-Identifier: Apache-2.0
#include "mesh/flags.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <limits>
#include <system_error>

namespace mesh {

Flags::Flags(const std::vector<std::string>& arguments, const std::set<std::string>& with_value,
             const std::set<std::string>& switches) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.rfind("--", 0) != 0) {
      positional_.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    if (switches.count(name) != 0 && equals == std::string::npos) {
      on_.insert(name);
      continue;
    }
    if (with_value.count(name) == 0) {
      throw UsageError(fmt::format("unknown option {}", argument));
    }
    std::string value;
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      throw UsageError(fmt::format("{} needs a value", name));
    }
    if (!values_.emplace(name, value).second) {
      throw UsageError(fmt::format("{} is given twice", name));
    }
  }
}

std::string Flags::text(const std::string& name, std::string_view otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string(otherwise) : found->second;
}

std::string Flags::required(const std::string& name) const {
  std::string value = text(name);
  if (value.empty()) {
    throw UsageError(fmt::format("{} is missing", name));
  }
  return value;
}

std::uint16_t Flags::port(const std::string& name, std::uint16_t otherwise) const {
  return static_cast<std::uint16_t>(number(name, otherwise, 0, std::numeric_limits<std::uint16_t>::max()));
}

std::uint64_t Flags::number(const std::string& name, std::uint64_t otherwise, std::uint64_t min,
                            std::uint64_t max) const {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    return otherwise;
  }
  const std::string& text = found->second;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    throw UsageError(fmt::format("{}: \"{}\", expected a number from {} to {}", name, text, min, max));
  }
  return value;
}

}  // namespace mesh
