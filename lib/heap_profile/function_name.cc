// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "lib/heap_profile/symbols.h"

namespace soak::probe {
namespace {

constexpr std::size_t kTemplateShown = 24;

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// The index after the group that opens at `from`, whatever brackets are inside.
std::size_t after_group(std::string_view text, std::size_t from) {
  int depth = 0;
  for (std::size_t i = from; i < text.size(); ++i) {
    const bool arrow = text[i] == '>' && i > 0 && text[i - 1] == '-';
    if (std::string_view("([{<").find(text[i]) != std::string_view::npos) {
      ++depth;
    } else if (std::string_view(")]}>").find(text[i]) != std::string_view::npos && !arrow && --depth == 0) {
      return i + 1;
    }
  }
  return text.size();
}

// "{lambda(soak::Cycle&)#1}" without its arguments.
std::string short_lambda(std::string_view group) {
  const auto open = group.find('(');
  return open == std::string_view::npos
             ? std::string(group)
             : std::string(group.substr(0, open)) + std::string(group.substr(after_group(group, open)));
}

}  // namespace

std::string readable_function(const std::string& demangled) {
  const std::string_view text = std::string_view(demangled).substr(0, demangled.find(" [clone "));
  std::string name;
  std::size_t i = 0;
  while (i < text.size()) {
    const std::string_view rest = text.substr(i);
    const bool is_operator = ends_with(name, "operator");
    if (is_operator && rest.substr(0, 2) == "()") {
      name += "()";
      i += 2;
    } else if (is_operator && std::string_view("(_").find(rest[0]) == std::string_view::npos) {
      const std::size_t end = rest[0] == ' ' ? rest.find('(') : rest.find_first_not_of("<>=-+*/%^&|~!,[]");
      name += rest.substr(0, end);
      i += std::min(end, rest.size());
    } else if (name.empty() && rest.substr(0, 8) == "decltype") {
      i = after_group(text, std::min(text.find('(', i), text.size()));
    } else if (rest.substr(0, 23) == "(anonymous namespace)::") {
      i += 23;
    } else if (rest[0] == '(') {
      i = after_group(text, i);
      if (text.substr(i, 2) != "::") {
        break;  // The arguments of the function itself; what follows are its qualifiers.
      }
    } else if (rest[0] == '<') {
      const std::size_t end = after_group(text, i);
      name += end - i > kTemplateShown ? std::string("<...>") : std::string(text.substr(i, end - i));
      i = end;
    } else if (rest[0] == '{') {
      const std::size_t end = after_group(text, i);
      name += short_lambda(text.substr(i, end - i));
      i = end;
    } else if (rest[0] == '[') {
      i = after_group(text, i);  // [abi:cxx11]
    } else if (rest[0] == ' ') {
      name.clear();  // What came before was the type that the function returns.
      ++i;
    } else {
      name += rest[0];
      ++i;
    }
  }
  constexpr std::string_view kCall = "}::operator()";
  if (ends_with(name, kCall)) {
    name.resize(name.size() - kCall.size() + 1);
  }
  return name.empty() ? demangled : name;
}

}  // namespace soak::probe
