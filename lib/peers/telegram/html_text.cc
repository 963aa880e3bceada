// SPDX-License-Identifier: Apache-2.0
// parse_mode=HTML.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "lib/peers/telegram/formatted_text.h"
#include "lib/text/ascii.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

struct Tag {
  std::string_view name;
  EntityType type;
};
constexpr Tag kTags[] = {{"a", EntityType::kTextLink},
                         {"b", EntityType::kBold},
                         {"strong", EntityType::kBold},
                         {"i", EntityType::kItalic},
                         {"em", EntityType::kItalic},
                         {"s", EntityType::kStrikethrough},
                         {"strike", EntityType::kStrikethrough},
                         {"del", EntityType::kStrikethrough},
                         {"u", EntityType::kUnderline},
                         {"ins", EntityType::kUnderline},
                         {"tg-spoiler", EntityType::kSpoiler},
                         {"span", EntityType::kSpoiler},
                         {"tg-emoji", EntityType::kCustomEmoji},
                         {"pre", EntityType::kPre},
                         {"code", EntityType::kCode},
                         {"blockquote", EntityType::kBlockquote}};

class HtmlReader {
 public:
  explicit HtmlReader(std::string_view source) : source_(source) {}

  FormattedText read() {
    while (at_ < source_.size()) {
      if (peek() == '<') {
        begin_ = at_++;
        if (peek() == '/') {
          ++at_;
          read_end_tag();
        } else {
          read_start_tag();
        }
      } else if (const std::optional<std::uint32_t> code = reference()) {
        out_.add_code_point(*code);
      } else {
        out_.add(source_[at_++]);
      }
    }
    if (!open_.empty()) {
      refuse(fmt::format("Can't find end tag corresponding to start tag \"{}\"", open_.back().name));
    }
    if (!text::is_utf8(out_.text())) {
      refuse(
          "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code "
          "units");
    }
    for (MessageEntity& entity : entities_) {
      if (entity.type == EntityType::kCode) {
        entity.argument.clear();  // Only code inside of pre has a language.
      }
    }
    return {out_.take(), normalized(std::move(entities_))};
  }

 private:
  struct Open {
    std::string name;
    EntityType type;
    std::string argument;
    std::size_t offset;
    std::size_t byte;  // In the text that is read.
  };

  [[noreturn]] static void refuse(const std::string& why) { throw FormatError("can't parse entities: " + why); }

  // 0 behind the end; a text with a zero byte ends there, as it does for the server.
  char peek() const { return at_ < source_.size() ? source_[at_] : '\0'; }
  void skip_spaces() {
    while (is_space(peek())) {
      ++at_;
    }
  }

  // What "&lt;" or "&#60;" stands for; the semicolon may be absent. If there is none here, the position stays.
  std::optional<std::uint32_t> reference() {
    if (peek() != '&') {
      return std::nullopt;
    }
    const std::string_view rest = source_.substr(at_ + 1);
    std::size_t end = 0;
    std::uint32_t code = 0;
    if (rest.starts_with('#')) {
      constexpr std::size_t kDigitsMax = 8;
      const bool is_hex = rest.size() > 1 && rest[1] == 'x';
      end = is_hex ? 2 : 1;
      const std::size_t first = end;
      while (end < rest.size() && (is_hex ? text::hex_value(rest[end]) >= 0 : text::is_digit(rest[end]))) {
        if (end - first >= kDigitsMax) {
          return std::nullopt;
        }
        code = code * (is_hex ? 16U : 10U) + static_cast<std::uint32_t>(text::hex_value(rest[end]));
        ++end;
      }
      if (code == 0 || code >= 0x10FFFFU) {
        return std::nullopt;
      }
    } else {
      while (end < rest.size() && text::is_letter(rest[end])) {
        ++end;
      }
      const std::string_view name = rest.substr(0, end);
      code = name == "lt" ? '<' : name == "gt" ? '>' : name == "amp" ? '&' : name == "quot" ? '"' : 0;
      if (code == 0) {
        return std::nullopt;
      }
    }
    at_ += 1 + end + (end < rest.size() && rest[end] == ';' ? 1 : 0);
    return code;
  }

  void read_start_tag() {
    const std::size_t first = at_;
    while (at_ < source_.size() && !is_space(peek()) && peek() != '>') {
      ++at_;
    }
    if (at_ == source_.size()) {
      refuse(fmt::format("Unclosed start tag at byte offset {}", begin_));
    }
    const std::string name = text::to_lower(source_.substr(first, at_ - first));
    const Tag* const tag =
        std::find_if(std::begin(kTags), std::end(kTags), [&](const Tag& known) { return known.name == name; });
    if (tag == std::end(kTags)) {
      refuse(fmt::format("Unsupported start tag \"{}\" at byte offset {}", name, begin_));
    }
    Open open{name, tag->type, {}, out_.length(), out_.text().size()};
    bool is_spoiler = name != "span";
    for (skip_spaces(); peek() != '>'; skip_spaces()) {
      const auto [attribute, value] = read_attribute(name);
      if (name == "a" && attribute == "href") {
        open.argument = value;
      } else if (name == "code" && attribute == "class" && value.starts_with("language-")) {
        open.argument = value.substr(std::string_view("language-").size());
      } else if (name == "span" && attribute == "class") {
        is_spoiler = value == "tg-spoiler";
      } else if (name == "tg-emoji" && attribute == "emoji-id") {
        open.argument = value;
      } else if (name == "blockquote" && attribute == "expandable") {
        open.type = EntityType::kExpandableBlockquote;
      }
    }
    ++at_;
    if (!is_spoiler) {
      refuse(fmt::format("Tag \"span\" must have class \"tg-spoiler\" at byte offset {}", begin_));
    }
    open_.push_back(std::move(open));
  }

  std::pair<std::string, std::string> read_attribute(const std::string& tag) {
    const std::size_t first = at_;
    while (at_ < source_.size() && !is_space(peek()) && peek() != '=' && peek() != '>') {
      ++at_;
    }
    const std::string name = text::to_lower(source_.substr(first, at_ - first));
    if (name.empty() && at_ < source_.size()) {
      refuse(fmt::format("Empty attribute name in the tag \"{}\" at byte offset {}", tag, begin_));
    }
    skip_spaces();
    if (at_ == source_.size()) {
      refuse(fmt::format("Unclosed start tag \"{}\" at byte offset {}", tag, begin_));
    }
    if (peek() != '=') {
      if (tag == "blockquote" && name == "expandable") {  // The one attribute without a value.
        return {name, {}};
      }
      refuse(fmt::format("Expected equal sign in declaration of an attribute of the tag \"{}\" at byte offset {}", tag,
                         begin_));
    }
    ++at_;
    skip_spaces();
    if (at_ == source_.size()) {
      refuse(fmt::format("Unclosed start tag \"{}\" at byte offset {}", tag, begin_));
    }
    std::string value = peek() == '"' || peek() == '\'' ? read_string() : read_token();
    if (at_ == source_.size()) {
      refuse(fmt::format("Unclosed start tag at byte offset {}", begin_));
    }
    return {name, std::move(value)};
  }

  std::string read_string() {
    const char quote = source_[at_++];
    GrowingText value;
    while (at_ < source_.size() && peek() != quote) {
      if (const std::optional<std::uint32_t> code = reference()) {
        value.add_code_point(*code);
      } else {
        value.add(source_[at_++]);
      }
    }
    if (at_ < source_.size()) {
      ++at_;
    }
    return value.take();
  }

  std::string read_token() {
    const std::size_t first = at_;
    while (text::is_letter_or_digit(peek()) || peek() == '.' || peek() == '-') {
      ++at_;
    }
    if (at_ < source_.size() && !is_space(peek()) && peek() != '>') {
      refuse(fmt::format("Unexpected end of name token at byte offset {}", first));
    }
    return text::to_lower(source_.substr(first, at_ - first));
  }

  void read_end_tag() {
    if (open_.empty()) {
      refuse(fmt::format("Unexpected end tag at byte offset {}", begin_));
    }
    const std::size_t first = at_;
    while (at_ < source_.size() && !is_space(peek()) && peek() != '>') {
      ++at_;
    }
    const std::string name = text::to_lower(source_.substr(first, at_ - first));
    skip_spaces();
    if (peek() != '>') {
      refuse(fmt::format("Unclosed end tag at byte offset {}", begin_));
    }
    ++at_;
    const Open open = std::move(open_.back());
    if (!name.empty() && name != open.name) {  // "</>" ends any.
      refuse(fmt::format("Unmatched end tag at byte offset {}, expected \"</{}>\", found \"</{}>\"", begin_, open.name,
                         name));
    }
    open_.pop_back();
    if (out_.length() > open.offset) {
      add(open);
    }
  }

  void add(const Open& open) {
    const std::size_t length = out_.length() - open.offset;
    switch (open.type) {
      case EntityType::kTextLink:
        add_link(entities_, open.offset, length, open.argument.empty() ? out_.text().substr(open.byte) : open.argument);
        return;
      case EntityType::kCustomEmoji:
        entities_.push_back({open.type, open.offset, length, emoji_id("tg://emoji?id=" + open.argument)});
        return;
      case EntityType::kPre:
      case EntityType::kCode:
        // A language is given by code around, or inside, all that is in pre.
        if (!entities_.empty() && entities_.back().offset == open.offset && entities_.back().length == length &&
            is_other_code(entities_.back().type, open.type)) {
          MessageEntity& inner = entities_.back();
          if (const std::string language = open.type == EntityType::kCode ? open.argument : inner.argument;
              !language.empty()) {
            inner.type = EntityType::kPre;
            inner.argument = language;
            return;
          }
        }
        entities_.push_back({open.type, open.offset, length, open.argument});
        return;
      default:
        entities_.push_back({open.type, open.offset, length});
    }
  }

  static bool is_other_code(EntityType inner, EntityType outer) {
    return (inner == EntityType::kPre && outer == EntityType::kCode) ||
           (inner == EntityType::kCode && outer == EntityType::kPre);
  }

  std::string_view source_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;  // Of the tag that is read.
  GrowingText out_;
  std::vector<Open> open_;
  std::vector<MessageEntity> entities_;
};

}  // namespace

FormattedText parse_html(std::string_view text) { return HtmlReader(text).read(); }

}  // namespace soak::peers
