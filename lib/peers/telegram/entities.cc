// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <tuple>

#include "lib/peers/telegram/formatted_text.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"
#include "lib/text/utf8.h"

namespace soak::peers {
namespace {

struct TypeName {
  EntityType type;
  std::string_view name;
  std::string_view argument = {};  // The member that has it.
};
constexpr TypeName kTypes[] = {{EntityType::kBlockquote, "blockquote"},
                               {EntityType::kExpandableBlockquote, "expandable_blockquote"},
                               {EntityType::kTextLink, "text_link", "url"},
                               {EntityType::kTextMention, "text_mention", "user"},
                               {EntityType::kPre, "pre", "language"},
                               {EntityType::kCode, "code"},
                               {EntityType::kCustomEmoji, "custom_emoji", "custom_emoji_id"},
                               {EntityType::kMention, "mention"},
                               {EntityType::kHashtag, "hashtag"},
                               {EntityType::kCashtag, "cashtag"},
                               {EntityType::kBotCommand, "bot_command"},
                               {EntityType::kUrl, "url"},
                               {EntityType::kEmail, "email"},
                               {EntityType::kBold, "bold"},
                               {EntityType::kItalic, "italic"},
                               {EntityType::kUnderline, "underline"},
                               {EntityType::kStrikethrough, "strikethrough"},
                               {EntityType::kSpoiler, "spoiler"}};

// Found by Telegram itself, and not by this fake.
constexpr std::string_view kNotFoundHere[] = {"phone_number", "bank_card_number"};

const TypeName& name_of(EntityType type) {
  return *std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& row) { return row.type == type; });
}

bool is_style(EntityType type) { return type >= EntityType::kBold; }
bool is_code(EntityType type) { return type == EntityType::kPre || type == EntityType::kCode; }
bool is_found(EntityType type) { return type >= EntityType::kMention && type <= EntityType::kEmail; }
bool is_given_link(EntityType type) {
  return type == EntityType::kTextLink || type == EntityType::kTextMention || type == EntityType::kCustomEmoji;
}
bool is_quote(EntityType type) { return type == EntityType::kBlockquote || type == EntityType::kExpandableBlockquote; }

bool in_order(const MessageEntity& a, const MessageEntity& b) {
  return std::tuple(a.offset, b.length, a.type) < std::tuple(b.offset, a.length, b.type);
}

// What may not be inside of `outer`: anything in code, a quote in a quote, a link in a link. Styles are cut instead.
bool excludes(const MessageEntity& outer, const MessageEntity& inner) {
  if (is_code(outer.type)) {
    return !is_style(inner.type);
  }
  const auto is_link = [](EntityType type) { return is_given_link(type) || is_found(type); };
  return (is_quote(outer.type) && is_quote(inner.type)) || (is_link(outer.type) && is_link(inner.type));
}

// Whether a character begins or ends here.
bool is_boundary(std::string_view text, std::size_t utf16_offset) {
  std::size_t at = 0;
  for (const char c : text) {
    if (at == utf16_offset) {
      return true;
    }
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0U) != 0x80U) {
      at += byte >= 0xF0U ? 2 : 1;
    }
  }
  return at == utf16_offset;
}

std::size_t utf16_length(std::string_view text) {
  const std::optional<text::Utf8Length> length = text::utf8_length(text);
  return length ? length->utf16_units : text.size();
}

// The bytes at the start of `rest` that the server leaves out, 0 if there are none: a carriage return, a character that
// separates lines or sets the direction of writing (U+2028 to U+202E), a combining vertical line.
std::size_t left_out(std::string_view rest) {
  if (rest.front() == '\r') {
    return 1;
  }
  if (rest.size() > 2 && rest.starts_with("\xE2\x80") && rest[2] >= '\xA8' && rest[2] <= '\xAE') {
    return 3;
  }
  return rest.starts_with("\xCC\xB3") || rest.starts_with("\xCC\xBF") || rest.starts_with("\xCC\x8A") ? 2 : 0;
}

[[noreturn]] void refuse_entity(std::string_view why) {
  throw FormatError(fmt::format("can't parse MessageEntity: {}", why));
}

}  // namespace

bool may_hold_no_link(EntityType type) { return is_code(type) || is_given_link(type); }

void GrowingText::add(char byte) {
  const auto bits = static_cast<unsigned char>(byte);
  if ((bits & 0xC0U) != 0x80U) {  // Not a byte that continues a character.
    utf16_ += bits >= 0xF0U ? 2 : 1;
  }
  text_ += byte;
}

void GrowingText::add_code_point(std::uint32_t code) {
  const auto tail = [&](unsigned shift) { add(static_cast<char>(0x80U | ((code >> shift) & 0x3FU))); };
  if (code < 0x80U) {
    add(static_cast<char>(code));
  } else if (code < 0x800U) {
    add(static_cast<char>(0xC0U | (code >> 6U)));
    tail(0);
  } else if (code < 0x10000U) {
    add(static_cast<char>(0xE0U | (code >> 12U)));
    tail(6);
    tail(0);
  } else {
    add(static_cast<char>(0xF0U | (code >> 18U)));
    tail(12);
    tail(6);
    tail(0);
  }
}

std::string checked_link(std::string_view url) {
  url = text::trim(url, text::kWhiteSpace);
  if (url.empty() || url.find_first_of(" \t\r\n") != std::string_view::npos) {
    return {};
  }
  const std::size_t mark = url.find("://");
  const std::string scheme = mark == std::string_view::npos ? "http" : text::to_lower(url.substr(0, mark));
  const std::string_view rest = mark == std::string_view::npos ? url : url.substr(mark + 3);
  if (rest.empty()) {
    return {};
  }
  if (scheme == "tg" || scheme == "ton" || scheme == "tonsite") {
    return scheme + "://" + std::string(rest);
  }
  if (scheme != "http" && scheme != "https" && scheme != "ftp") {
    return {};
  }
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string host = text::to_lower(rest.substr(0, end));
  const std::size_t dot = host.find('.');
  if (dot == std::string::npos || dot == 0 || host.back() == '.') {
    return {};
  }
  const std::string_view path = rest.substr(end);
  return scheme + "://" + host + (path.starts_with('/') ? "" : "/") + std::string(path);
}

void add_link(std::vector<MessageEntity>& entities, std::size_t offset, std::size_t length, std::string_view url) {
  constexpr std::string_view kUser = "tg://user?id=";
  if (text::to_lower(url.substr(0, kUser.size())) == kUser) {
    if (const auto id = text::parse_number<std::int64_t>(url.substr(kUser.size())); id && *id > 0) {
      entities.push_back({EntityType::kTextMention, offset, length, std::to_string(*id)});
      return;
    }
  }
  if (std::string link = checked_link(url); !link.empty()) {
    entities.push_back({EntityType::kTextLink, offset, length, std::move(link)});
  }
}

std::string emoji_id(std::string_view url) {
  constexpr std::string_view kEmoji = "tg://emoji?id=";
  if (text::to_lower(url.substr(0, kEmoji.size())) != kEmoji) {
    throw FormatError("can't parse entities: Custom emoji URL must have scheme tg");
  }
  const auto id = text::parse_number<std::int64_t>(url.substr(kEmoji.size()));
  if (!id || *id == 0) {
    throw FormatError("can't parse entities: Invalid custom emoji identifier specified");
  }
  return std::to_string(*id);
}

std::vector<MessageEntity> normalized(std::vector<MessageEntity> entities) {
  std::erase_if(entities, [](const MessageEntity& entity) { return entity.length == 0; });
  std::stable_sort(entities.begin(), entities.end(), in_order);
  std::vector<MessageEntity> kept;
  for (MessageEntity& entity : entities) {
    const bool is_excluded = std::any_of(kept.begin(), kept.end(), [&](const MessageEntity& outer) {
      return outer.end() > entity.offset && excludes(outer, entity);
    });
    if (is_excluded) {
      continue;
    }
    const auto same = std::find_if(kept.rbegin(), kept.rend(), [&](const MessageEntity& before) {
      return before.type == entity.type && before.end() >= entity.offset;
    });
    if (is_style(entity.type) && same != kept.rend()) {
      same->length = std::max(same->end(), entity.end()) - same->offset;
      continue;
    }
    kept.push_back(std::move(entity));
  }
  // A style goes on around code, not inside of it.
  std::vector<MessageEntity> result;
  for (const MessageEntity& entity : kept) {
    std::size_t from = entity.offset;
    for (const MessageEntity& code : kept) {
      if (!is_style(entity.type) || !is_code(code.type) || code.offset >= entity.end() || code.end() <= from) {
        continue;
      }
      if (code.offset > from) {
        result.push_back({entity.type, from, code.offset - from, entity.argument});
      }
      from = code.end();
    }
    if (from < entity.end()) {
      result.push_back({entity.type, from, entity.end() - from, entity.argument});
    }
  }
  std::stable_sort(result.begin(), result.end(), in_order);
  return result;
}

void clean(FormattedText& body) {
  GrowingText cleaned;
  std::vector<bool> is_blank;         // Each UTF-16 code unit of the new text.
  std::vector<std::size_t> moved_to;  // Where each of the old one is in the new one.
  for (std::string_view rest = body.text; !rest.empty();) {
    if (const std::size_t bytes = left_out(rest); bytes > 0) {
      moved_to.push_back(cleaned.length());
      rest.remove_prefix(bytes);
      continue;
    }
    const char c = rest.front();
    rest.remove_prefix(1);
    const bool is_control = static_cast<unsigned char>(c) < ' ' && c != '\n';
    const std::size_t before = cleaned.length();
    cleaned.add(is_control ? ' ' : c);
    moved_to.resize(moved_to.size() + cleaned.length() - before, before);
    is_blank.resize(cleaned.length(), is_control || c == ' ' || c == '\n');
  }
  moved_to.push_back(cleaned.length());

  std::size_t end = is_blank.size();
  while (end > 0 && is_blank[end - 1]) {
    --end;
  }
  for (MessageEntity& entity : body.entities) {
    std::size_t from = moved_to[entity.offset];
    const std::size_t to = std::min(moved_to[entity.end()], end);
    while (from < to && is_blank[from] && !is_given_link(entity.type)) {
      ++from;
    }
    entity.offset = from;
    entity.length = to - std::min(from, to);
  }
  body.entities = normalized(std::move(body.entities));

  std::size_t begin = 0;
  const std::size_t begin_max = body.entities.empty() ? end : body.entities.front().offset;
  while (begin < begin_max && is_blank[begin]) {
    ++begin;
  }
  for (MessageEntity& entity : body.entities) {
    entity.offset -= begin;
  }
  // What is cut off at either end has one byte a code unit.
  body.text = cleaned.take();
  body.text.resize(body.text.size() - (is_blank.size() - end));
  body.text.erase(0, begin);
}

std::vector<MessageEntity> read_entities(std::string_view text, const json::Value& list) {
  if (!list.IsArray()) {
    throw FormatError("can't parse entities JSON object");
  }
  std::vector<MessageEntity> entities;
  for (rapidjson::SizeType i = 0; i < list.Size(); ++i) {
    const json::Value& one = list[i];
    if (!one.IsObject()) {
      refuse_entity("expected an Object");
    }
    const std::string_view name = json::text_member(one, "type");
    if (std::find(std::begin(kNotFoundHere), std::end(kNotFoundHere), name) != std::end(kNotFoundHere)) {
      continue;
    }
    const TypeName* const type =
        std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& row) { return row.name == name; });
    if (type == std::end(kTypes)) {
      refuse_entity("Unsupported type specified");
    }
    if (is_found(type->type)) {  // From the text, whatever the client says.
      continue;
    }
    const std::optional<std::int64_t> offset = json::integer_member(one, "offset");
    const std::optional<std::int64_t> length = json::integer_member(one, "length");
    if (!offset) {
      refuse_entity("Can't find field \"offset\"");
    }
    if (!length) {
      refuse_entity("Can't find field \"length\"");
    }
    if (*offset < 0 || *length <= 0) {
      continue;
    }
    MessageEntity entity{type->type, static_cast<std::size_t>(*offset), static_cast<std::size_t>(*length)};
    const std::size_t end = utf16_length(text);
    if (entity.offset > end) {
      throw FormatError(fmt::format("entity begins after the end of the text at UTF-16 offset {}", entity.offset));
    }
    if (entity.length > end - entity.offset) {
      throw FormatError(
          fmt::format("entity beginning at UTF-16 offset {} ends after the end of the text at UTF-16 offset {}",
                      entity.offset, entity.offset + entity.length));
    }
    if (!is_boundary(text, entity.offset) || !is_boundary(text, entity.end())) {
      throw FormatError("entity begins in a middle of a UTF-16 symbol at byte offset " + std::to_string(entity.offset));
    }
    switch (type->type) {
      case EntityType::kTextLink:
        add_link(entities, entity.offset, entity.length, json::text_member(one, "url"));
        continue;
      case EntityType::kTextMention: {
        const json::Value* const user = json::member(one, "user");
        const std::optional<std::int64_t> id = user == nullptr ? std::nullopt : json::integer_member(*user, "id");
        if (!id) {
          refuse_entity("Can't find field \"user\"");
        }
        entity.argument = std::to_string(*id);
        break;
      }
      case EntityType::kCustomEmoji:
      case EntityType::kPre:
        entity.argument = json::text_member(one, type->argument);
        break;
      default:
        break;
    }
    entities.push_back(std::move(entity));
  }
  return normalized(std::move(entities));
}

void write_entities(json::Writer& json, const std::vector<MessageEntity>& entities) {
  json.array();
  for (const MessageEntity& entity : entities) {
    const TypeName& type = name_of(entity.type);
    json.object().key("offset").integer(entity.offset).key("length").integer(entity.length);
    json.key("type").text(type.name);
    if (entity.type == EntityType::kTextMention) {
      json.key("user").object().key("id").raw(entity.argument).key("is_bot").boolean(false);
      json.key("first_name").text("User " + entity.argument).end_object();
    } else if (!entity.argument.empty()) {
      json.key(type.argument).text(entity.argument);
    }
    json.end_object();
  }
  json.end_array();
}

}  // namespace soak::peers
