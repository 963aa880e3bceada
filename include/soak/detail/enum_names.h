// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_DETAIL_ENUM_NAMES_H_
#define SOAK_DETAIL_ENUM_NAMES_H_

// The names of an enum's values, in one table, and how many values there are. Ours: not part of the API.
//
//   constexpr detail::EnumNames<Kind> kNames({{Kind::kReset, "reset"}, {Kind::kHalfOpen, "half_open"}});
//   std::string_view to_string(Kind kind) { return kNames[kind]; }
//
// A table that lacks a row, or has one out of order, does not compile. C++20 cannot list an enum's values, but both
// compilers print a template argument that is an enumerator by its name, and another value as a cast: "(Kind)3".

#include <cstddef>
#include <string_view>
#include <type_traits>

namespace soak::detail {

// Whether one of the enumerators has this value.
template <auto value>
  requires std::is_enum_v<decltype(value)>
consteval bool is_enumerator() {
  const std::string_view printed = __PRETTY_FUNCTION__;
  const std::size_t begin = printed.rfind("value = ") + 8;
  const std::size_t cast = printed.rfind(')');  // Or that of "(anonymous namespace)".
  if (cast == std::string_view::npos || cast < begin) {
    return true;
  }
  const char next = printed[cast + 1];
  return next != '-' && (next < '0' || next > '9');
}

template <typename Enum, std::size_t from = 0>
consteval std::size_t count_enumerators() {
  if constexpr (is_enumerator<static_cast<Enum>(from)>()) {
    return count_enumerators<Enum, from + 1>();
  } else {
    return from;
  }
}

// How many enumerators an enum has whose values are 0, 1, 2, ...
template <typename Enum>
inline constexpr std::size_t kEnumerators = count_enumerators<Enum>();

template <typename Enum>
class EnumNames {
 public:
  struct Row {
    Enum value;
    std::string_view name;
  };

  template <std::size_t rows>
  consteval explicit EnumNames(const Row (&table)[rows]) : names_() {
    static_assert(rows == kEnumerators<Enum>, "each enumerator needs one row in the table of names");
    for (std::size_t i = 0; i < rows; ++i) {
      if (static_cast<std::size_t>(table[i].value) != i || table[i].name.empty()) {
        throw "the rows must be in the order of the enumerators, each with a name";
      }
      names_[i] = table[i].name;
    }
  }

  // "?" for what is no enumerator.
  constexpr std::string_view operator[](Enum value) const {
    const auto index = static_cast<std::size_t>(value);
    return index < kEnumerators<Enum> ? names_[index] : std::string_view("?");
  }

 private:
  std::string_view names_[kEnumerators<Enum>];
};

}  // namespace soak::detail

#endif  // SOAK_DETAIL_ENUM_NAMES_H_
