// SPDX-License-Identifier: Apache-2.0
#include "mesh/structured_field.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <system_error>
#include <utility>

#include "mesh/encoding.h"

namespace mesh::sf {
namespace {

constexpr std::size_t kMembersMax = 64;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alpha(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_token_char(char c) {
  return is_alpha(c) || is_digit(c) || std::string_view("!#$%&'*+-.^_`|~:/").find(c) != std::string_view::npos;
}

// Each reads a part and moves on, or returns nullopt.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  std::optional<Dictionary> dictionary() {
    Dictionary members;
    skip(" ");
    while (!rest_.empty()) {
      std::optional<std::string> name = key();
      if (!name) {
        return std::nullopt;
      }
      std::optional<std::variant<Item, InnerList>> value = member_value();
      if (!value || members.size() == kMembersMax) {
        return std::nullopt;
      }
      std::erase_if(members, [&](const Member& member) { return member.name == *name; });
      members.push_back({std::move(*name), std::move(*value)});
      skip(" \t");
      if (rest_.empty()) {
        return members;
      }
      if (!take(',')) {
        return std::nullopt;
      }
      skip(" \t");
      if (rest_.empty()) {
        return std::nullopt;  // A comma at the end.
      }
    }
    return members;
  }

 private:
  void skip(std::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  template <typename Predicate>
  std::string_view take_while(Predicate predicate) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), predicate);
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(end - rest_.begin()));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::optional<std::string> key() {
    if (rest_.empty() || !(is_lower(rest_.front()) || rest_.front() == '*')) {
      return std::nullopt;
    }
    return std::string(
        take_while([](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '.' || c == '*'; }));
  }

  std::optional<std::variant<Item, InnerList>> member_value() {
    if (!take('=')) {
      std::optional<Parameters> of_true = parameters();
      return of_true ? std::optional<std::variant<Item, InnerList>>(Item{true, std::move(*of_true)}) : std::nullopt;
    }
    if (!rest_.empty() && rest_.front() == '(') {
      std::optional<InnerList> list = inner_list();
      return list ? std::optional<std::variant<Item, InnerList>>(std::move(*list)) : std::nullopt;
    }
    std::optional<Item> one = item();
    return one ? std::optional<std::variant<Item, InnerList>>(std::move(*one)) : std::nullopt;
  }

  std::optional<InnerList> inner_list() {
    InnerList list;
    take('(');
    for (;;) {
      skip(" ");
      if (take(')')) {
        break;
      }
      std::optional<Item> one = item();
      if (!one || list.items.size() == kMembersMax) {
        return std::nullopt;
      }
      list.items.push_back(std::move(*one));
      if (rest_.empty() || (rest_.front() != ' ' && rest_.front() != ')')) {
        return std::nullopt;
      }
    }
    std::optional<Parameters> of_list = parameters();
    if (!of_list) {
      return std::nullopt;
    }
    list.parameters = std::move(*of_list);
    return list;
  }

  std::optional<Item> item() {
    std::optional<BareItem> value = bare_item();
    if (!value) {
      return std::nullopt;
    }
    std::optional<Parameters> of_item = parameters();
    return of_item ? std::optional<Item>(Item{std::move(*value), std::move(*of_item)}) : std::nullopt;
  }

  std::optional<Parameters> parameters() {
    Parameters all;
    while (take(';')) {
      skip(" ");
      std::optional<std::string> name = key();
      if (!name) {
        return std::nullopt;
      }
      BareItem value = true;
      if (take('=')) {
        std::optional<BareItem> given = bare_item();
        if (!given) {
          return std::nullopt;
        }
        value = std::move(*given);
      }
      std::erase_if(all, [&](const Parameter& parameter) { return parameter.name == *name; });
      if (all.size() == kMembersMax) {
        return std::nullopt;
      }
      all.push_back({std::move(*name), std::move(value)});
    }
    return all;
  }

  std::optional<BareItem> bare_item() {
    if (rest_.empty()) {
      return std::nullopt;
    }
    const char first = rest_.front();
    if (first == '"') {
      return string();
    }
    if (first == ':') {
      return bytes();
    }
    if (first == '?') {
      return boolean();
    }
    if (first == '-' || is_digit(first)) {
      return integer();
    }
    if (first == '*' || is_alpha(first)) {
      return Token{std::string(take_while(is_token_char))};
    }
    return std::nullopt;
  }

  std::optional<BareItem> string() {
    std::string text;
    take('"');
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') {
        return text;
      }
      if (c == '\\') {
        if (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\\')) {
          return std::nullopt;
        }
        text.push_back(rest_.front());
        rest_.remove_prefix(1);
      } else if (c < 0x20 || c > 0x7e) {
        return std::nullopt;
      } else {
        text.push_back(c);
      }
    }
    return std::nullopt;
  }

  std::optional<BareItem> bytes() {
    take(':');
    const std::size_t end = rest_.find(':');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    std::optional<std::string> decoded = from_base64(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return decoded ? std::optional<BareItem>(Bytes{std::move(*decoded)}) : std::nullopt;
  }

  std::optional<BareItem> boolean() {
    take('?');
    if (take('1')) {
      return true;
    }
    return take('0') ? std::optional<BareItem>(false) : std::nullopt;
  }

  std::optional<BareItem> integer() {
    constexpr std::size_t kDigitsMax = 15;
    const std::string_view before = rest_;
    take('-');
    const std::string_view digits = take_while(is_digit);
    const std::size_t length = before.size() - rest_.size();
    std::int64_t value = 0;
    if (digits.empty() || digits.size() > kDigitsMax || (!rest_.empty() && rest_.front() == '.') ||
        std::from_chars(before.data(), before.data() + length, value).ec != std::errc()) {
      return std::nullopt;
    }
    return value;
  }

  std::string_view rest_;
};

struct Text {
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(const std::string& text) const {
    std::string quoted = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        quoted.push_back('\\');
      }
      quoted.push_back(c);
    }
    return quoted + "\"";
  }
  std::string operator()(const Token& token) const { return token.text; }
  std::string operator()(const Bytes& bytes) const { return ":" + base64(bytes.bytes) + ":"; }
  std::string operator()(bool value) const { return value ? "?1" : "?0"; }
};

std::string to_string(const Parameters& parameters) {
  std::string text;
  for (const Parameter& parameter : parameters) {
    text += ";" + parameter.name;
    const bool* boolean = std::get_if<bool>(&parameter.value);
    if (boolean == nullptr || !*boolean) {
      text += "=" + to_string(parameter.value);
    }
  }
  return text;
}

}  // namespace

std::optional<Dictionary> parse_dictionary(std::string_view text) { return Reader(text).dictionary(); }

const Member* find(const Dictionary& dictionary, std::string_view name) {
  const auto found =
      std::find_if(dictionary.begin(), dictionary.end(), [&](const Member& member) { return member.name == name; });
  return found == dictionary.end() ? nullptr : &*found;
}

const BareItem* find(const Parameters& parameters, std::string_view name) {
  const auto found = std::find_if(parameters.begin(), parameters.end(),
                                  [&](const Parameter& parameter) { return parameter.name == name; });
  return found == parameters.end() ? nullptr : &found->value;
}

std::string to_string(const BareItem& item) { return std::visit(Text{}, item); }

std::string to_string(const InnerList& list) {
  std::string text = "(";
  for (const Item& item : list.items) {
    if (text.size() > 1) {
      text.push_back(' ');
    }
    text += to_string(item.value) + to_string(item.parameters);
  }
  return text + ")" + to_string(list.parameters);
}

}  // namespace mesh::sf
