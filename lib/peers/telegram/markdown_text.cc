// SPDX-License-Identifier: Apache-2.0
// parse_mode=MarkdownV2, and the legacy Markdown.

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "lib/peers/telegram/formatted_text.h"

namespace soak::peers {
namespace {

[[noreturn]] void refuse(const std::string& why) { throw FormatError("can't parse entities: " + why); }

// What both modes read alike.
class MarkdownSource {
 public:
  explicit MarkdownSource(std::string_view text) : text_(text) {}

  bool ended() const { return at >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at + ahead < text_.size() ? text_[at + ahead] : '\0'; }
  bool starts_with(std::string_view mark) const { return text_.substr(std::min(at, text_.size())).starts_with(mark); }
  std::string_view slice(std::size_t from, std::size_t to) const { return text_.substr(from, to - from); }

  // Behind "```": the language, which ends its line, and one line break. Empty if none is given.
  std::string language() {
    std::size_t end = at;
    while (end < text_.size() && !is_space(text_[end]) && text_[end] != '`') {
      ++end;
    }
    std::string language;
    if (end < text_.size() && text_[end] != '`') {
      language = slice(at, end);
      at = end;
    }
    const char first = peek();
    if (first == '\n' || first == '\r') {
      ++at;
      const char second = peek();
      if ((second == '\n' || second == '\r') && second != first) {
        ++at;
      }
    }
    return language;
  }

  std::size_t at = 0;

 private:
  std::string_view text_;
};

// An entity that is open.
enum class Mark : std::uint8_t {
  kBold,
  kItalic,
  kUnderline,
  kStrikethrough,
  kSpoiler,
  kCode,
  kPre,
  kLink,
  kEmoji,
  kQuote
};

struct MarkRow {
  Mark mark;
  std::string_view text;  // That begins it.
  std::string_view end;   // Empty: its end is read apart.
  EntityType type;
  std::string_view name;  // For errors.
};
// A longer one first where two begin alike.
constexpr MarkRow kMarks[] = {{Mark::kUnderline, "__", "__", EntityType::kUnderline, "Underline"},
                              {Mark::kItalic, "_", "_", EntityType::kItalic, "Italic"},
                              {Mark::kBold, "*", "*", EntityType::kBold, "Bold"},
                              {Mark::kStrikethrough, "~", "~", EntityType::kStrikethrough, "Strikethrough"},
                              {Mark::kSpoiler, "||", "||", EntityType::kSpoiler, "Spoiler"},
                              {Mark::kPre, "```", "```", EntityType::kPre, "Pre"},
                              {Mark::kCode, "`", "`", EntityType::kCode, "Code"},
                              {Mark::kEmoji, "![", "]", EntityType::kCustomEmoji, "CustomEmoji"},
                              {Mark::kLink, "[", "]", EntityType::kTextLink, "TextUrl"},
                              {Mark::kQuote, ">", "", EntityType::kBlockquote, "BlockQuote"}};

class MarkdownV2Reader {
 public:
  explicit MarkdownV2Reader(std::string_view text) : source_(text) {}

  FormattedText read() {
    while (!source_.ended()) {
      step();
    }
    if (is_quoting_) {
      end_quote();
    }
    if (!open_.empty()) {
      refuse_unended();
    }
    return {out_.take(), normalized(std::move(entities_))};
  }

 private:
  struct Open {
    const MarkRow* row;
    std::size_t offset;  // In UTF-16 code units of what was read.
    std::size_t byte;    // Of it.
    std::size_t begin;   // The byte of the source.
    std::string argument = {};
  };

  void step() {
    constexpr std::string_view kReserved = "_*[]()~`>#+-=|{}.!";
    const char c = source_.peek();
    if (c == '\\' && source_.peek(1) > 0 && source_.peek(1) < 127) {
      out_.add(source_.peek(1));
      source_.at += 2;
      return;
    }
    const bool in_code =
        !open_.empty() && (open_.back().row->mark == Mark::kCode || open_.back().row->mark == Mark::kPre);
    if (c == '\n' && !in_code) {
      new_line();
      return;
    }
    if (in_code ? c != '`' : kReserved.find(c) == std::string_view::npos) {
      out_.add(c);
      ++source_.at;
      return;
    }
    if (!open_.empty() && ends(*open_.back().row)) {
      end_entity();
    } else {
      begin_entity();
    }
  }

  // "_" does not end italics where "__" stands.
  bool ends(const MarkRow& row) const {
    return !row.end.empty() && source_.starts_with(row.end) &&
           !(row.mark == Mark::kItalic && source_.starts_with("__"));
  }

  void new_line() {
    ++source_.at;
    const bool goes_on = source_.peek() == '>';
    if (is_quoting_ && !goes_on) {
      out_.add('\n');
      end_quote();
      return;
    }
    out_.add('\n');
    if (is_quoting_) {
      ++source_.at;  // The ">" of a further line.
    }
  }

  void begin_entity() {
    const auto* const row = std::find_if(std::begin(kMarks), std::end(kMarks),
                                         [&](const MarkRow& known) { return source_.starts_with(known.text); });
    const bool is_misplaced =
        row != std::end(kMarks) && row->mark == Mark::kQuote && (!out_.at_line_start() || is_quoting_);
    if (row == std::end(kMarks) || is_misplaced) {
      refuse(fmt::format("Character '{}' is reserved and must be escaped with the preceding '\\'", source_.peek()));
    }
    Open open{row, out_.length(), out_.text().size(), source_.at};
    source_.at += row->text.size();
    if (row->mark == Mark::kPre) {
      open.argument = source_.language();
    }
    is_quoting_ = is_quoting_ || row->mark == Mark::kQuote;
    open_.push_back(std::move(open));
  }

  void end_entity() {
    Open open = std::move(open_.back());
    open_.pop_back();
    source_.at += open.row->end.size();
    const std::size_t length = out_.length() - open.offset;
    if (open.row->mark == Mark::kLink) {
      const bool has_url = source_.peek() == '(';
      const std::string url = has_url ? read_url("a URL") : out_.text().substr(open.byte);
      if (length > 0) {
        add_link(entities_, open.offset, length, url);
      }
      return;
    }
    if (open.row->mark == Mark::kEmoji) {
      if (source_.peek() != '(') {
        refuse("Custom emoji entity must contain a tg://emoji URL");
      }
      open.argument = emoji_id(read_url("a custom emoji URL"));
    }
    entities_.push_back({open.row->type, open.offset, length, std::move(open.argument)});
  }

  // "(...)"
  std::string read_url(std::string_view what) {
    const std::size_t begin = ++source_.at;
    std::string url;
    while (!source_.ended() && source_.peek() != ')') {
      if (source_.peek() == '\\' && source_.peek(1) > 0 && source_.peek(1) < 127) {
        ++source_.at;
      }
      url += source_.peek();
      ++source_.at;
    }
    if (source_.ended()) {
      refuse(fmt::format("Can't find end of {} at byte offset {}", what, begin));
    }
    ++source_.at;
    return url;
  }

  // A quote that "||" ends can be expanded: there it is no spoiler that begins.
  void end_quote() {
    EntityType type = EntityType::kBlockquote;
    const std::size_t last = out_.length() - (out_.at_line_start() && out_.length() > 0 ? 1 : 0);
    if (!open_.empty() && open_.back().row->mark == Mark::kSpoiler && open_.back().offset == last) {
      type = EntityType::kExpandableBlockquote;
      open_.pop_back();
    }
    if (open_.empty() || open_.back().row->mark != Mark::kQuote) {
      refuse_unended();
    }
    entities_.push_back({type, open_.back().offset, out_.length() - open_.back().offset});
    open_.pop_back();
    is_quoting_ = false;
  }

  [[noreturn]] void refuse_unended() const {
    const Open& open = open_.back();
    const bool has_language = open.row->mark == Mark::kPre && !open.argument.empty();
    refuse(fmt::format("Can't find end of {} entity at byte offset {}", has_language ? "PreCode" : open.row->name,
                       open.begin));
  }

  MarkdownSource source_;
  GrowingText out_;
  std::vector<Open> open_;
  std::vector<MessageEntity> entities_;
  bool is_quoting_ = false;
};

class MarkdownReader {
 public:
  explicit MarkdownReader(std::string_view text) : source_(text) {}

  FormattedText read() {
    constexpr std::string_view kMarksOfEntities = "_*`[";
    while (!source_.ended()) {
      const char c = source_.peek();
      const char next = source_.peek(1);
      if (c == '\\' && next != '\0' && kMarksOfEntities.find(next) != std::string_view::npos) {
        out_.add(next);
        source_.at += 2;
      } else if (kMarksOfEntities.find(c) != std::string_view::npos) {
        read_entity(c);
      } else {
        out_.add(c);
        ++source_.at;
      }
    }
    return {out_.take(), normalized(std::move(entities_))};
  }

 private:
  // Entities cannot be nested, and nothing is escaped inside of one.
  void read_entity(char mark) {
    const std::size_t begin = source_.at;
    const bool is_pre = source_.starts_with("```");
    const std::string_view end = is_pre ? "```" : mark == '[' ? "]" : source_.slice(begin, begin + 1);
    source_.at += is_pre ? 3 : 1;
    std::string argument = is_pre ? source_.language() : "";
    const std::size_t offset = out_.length();
    const std::size_t first = out_.text().size();
    while (!source_.ended() && !source_.starts_with(end)) {
      out_.add(source_.peek());
      ++source_.at;
    }
    if (source_.ended()) {
      refuse(fmt::format("Can't find end of the entity starting at byte offset {}", begin));
    }
    source_.at += end.size();
    const std::size_t length = out_.length() - offset;
    if (mark == '[') {
      std::string url = out_.text().substr(first);
      if (source_.peek() == '(') {
        ++source_.at;
        const std::size_t from = source_.at;
        while (!source_.ended() && source_.peek() != ')') {
          ++source_.at;
        }
        url = source_.slice(from, source_.at);
        ++source_.at;
      }
      if (length > 0) {
        add_link(entities_, offset, length, url);
      }
      return;
    }
    const EntityType type = is_pre        ? EntityType::kPre
                            : mark == '*' ? EntityType::kBold
                            : mark == '_' ? EntityType::kItalic
                                          : EntityType::kCode;
    entities_.push_back({type, offset, length, std::move(argument)});
  }

  MarkdownSource source_;
  GrowingText out_;
  std::vector<MessageEntity> entities_;
};

}  // namespace

FormattedText parse_markdown_v2(std::string_view text) { return MarkdownV2Reader(text).read(); }

FormattedText parse_markdown(std::string_view text) { return MarkdownReader(text).read(); }

}  // namespace soak::peers
