// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_PEERS_TELEGRAM_FORMATTED_TEXT_H_
#define SOAK_LIB_PEERS_TELEGRAM_FORMATTED_TEXT_H_

// A message's text and its entities, read as the Bot API's "Formatting options" describe
// (core.telegram.org/bots/api#formatting-options). How strict it is, and the errors, are those of the Bot API's server,
// which has tdlib's parser.

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/json/reader.h"
#include "lib/json/writer.h"

namespace soak::peers {

// In the order in which those that begin and end together are listed.
enum class EntityType : std::uint8_t {
  kBlockquote,
  kExpandableBlockquote,
  kTextLink,
  kTextMention,
  kPre,
  kCode,
  kCustomEmoji,
  kMention,  // From here to kEmail: found by Telegram itself.
  kHashtag,
  kCashtag,
  kBotCommand,
  kUrl,
  kEmail,
  kBold,  // From here on: styles.
  kItalic,
  kUnderline,
  kStrikethrough,
  kSpoiler,
};

struct MessageEntity {
  EntityType type;
  std::size_t offset;  // In UTF-16 code units, as is the length.
  std::size_t length;
  std::string argument = {};  // A URL, a language, a user's id, an emoji's id.

  std::size_t end() const { return offset + length; }
  friend bool operator==(const MessageEntity&, const MessageEntity&) = default;
};

struct FormattedText {
  std::string text;
  std::vector<MessageEntity> entities;

  friend bool operator==(const FormattedText&, const FormattedText&) = default;
};

// What the description of the 400 says behind "Bad Request: ".
class FormatError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// All take UTF-8, and throw FormatError.
FormattedText parse_html(std::string_view text);
FormattedText parse_markdown_v2(std::string_view text);
FormattedText parse_markdown(std::string_view text);  // The legacy mode.

// Of a text, as a client lists them in `list`: an array of JSON. Those of types that Telegram finds by itself are
// passed over.
std::vector<MessageEntity> read_entities(std::string_view text, const json::Value& list);

// Does to a message's text what the server does: control characters become spaces, spaces and line breaks at both ends
// are cut off, as far as no entity begins in them, and an entity begins with something to see.
void clean(FormattedText& body);

// Adds those that Telegram finds by itself in the text. It finds none where the client gives a link or code.
void add_found_entities(FormattedText& body);

// An array.
void write_entities(json::Writer& json, const std::vector<MessageEntity>& entities);

// What the parsers have in common.

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A text that grows, and its length in UTF-16 code units.
class GrowingText {
 public:
  void add(char byte);
  void add_code_point(std::uint32_t code);
  std::size_t length() const { return utf16_; }
  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }
  bool at_line_start() const { return text_.empty() || text_.back() == '\n'; }

 private:
  std::string text_;
  std::size_t utf16_ = 0;
};

// The link as Telegram shows it, "example.com" as "http://example.com/"; empty if it is none.
std::string checked_link(std::string_view url);
// A link to a text, or the mention of a user where it is "tg://user?id=1"; nothing at all where it is no link.
void add_link(std::vector<MessageEntity>& entities, std::size_t offset, std::size_t length, std::string_view url);
// "5368324170671202286", of "tg://emoji?id=5368324170671202286". Throws FormatError.
std::string emoji_id(std::string_view url);

// Whether Telegram finds nothing inside of it.
bool may_hold_no_link(EntityType type);

// Sorted, without those that are empty or may not be inside of another, and those of a type that touch as one.
std::vector<MessageEntity> normalized(std::vector<MessageEntity> entities);

}  // namespace soak::peers

#endif  // SOAK_LIB_PEERS_TELEGRAM_FORMATTED_TEXT_H_
