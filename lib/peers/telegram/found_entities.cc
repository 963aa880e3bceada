// SPDX-License-Identifier: Apache-2.0
// The entities that Telegram finds by itself: @mentions, #hashtags, $CASHTAGS, /commands, URLs and e-mail addresses.
// The rules are those by which the Bot API's server finds them (github.com/tdlib/td, MessageEntity). Two are simpler
// here: of the top-level domains that it takes without a scheme there are only those of countries and the most used
// ones, and what is not ASCII is a letter unless it is a space, punctuation or a symbol.
//
// Not found: phone numbers and the numbers of bank cards.

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "lib/peers/telegram/formatted_text.h"
#include "lib/text/ascii.h"

namespace soak::peers {
namespace {

// Mentions have five characters at least, but for these bots.
constexpr std::string_view kShortNames[] = {"bing", "bold", "coub", "gif",  "imdb", "like",
                                            "pic",  "vid",  "vote", "wiki", "ya"};

// Of a URL without a scheme.
constexpr std::string_view kCountries =
    "ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd "
    "cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga gd ge "
    "gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh "
    "ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw "
    "mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb "
    "sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk "
    "us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw";
constexpr std::string_view kDomains[] = {
    "academy", "agency", "aero",   "app",     "art",     "asia",    "bank",     "bio",    "biz",      "blog",
    "cash",    "cat",    "center", "chat",    "city",    "cloud",   "club",     "codes",  "com",      "company",
    "coop",    "design", "dev",    "digital", "edu",     "email",   "engineer", "events", "expert",   "film",
    "finance", "fun",    "games",  "global",  "gov",     "group",   "guide",    "guru",   "help",     "host",
    "info",    "int",    "jobs",   "legal",   "life",    "link",    "live",     "ltd",    "media",    "mil",
    "mobi",    "money",  "museum", "name",    "net",     "network", "news",     "online", "org",      "page",
    "photo",   "plus",   "press",  "pro",     "science", "shop",    "site",     "social", "software", "solutions",
    "space",   "store",  "studio", "support", "systems", "team",    "tech",     "tel",    "tips",     "today",
    "tools",   "top",    "travel", "video",   "wiki",    "work",    "works",    "world",  "wtf",      "xyz",
    "zone"};

bool is_common_domain(std::string_view domain) {
  if (domain.size() == 2) {
    for (std::size_t at = 0; at < kCountries.size(); at += 3) {
      if (kCountries.substr(at, 2) == domain) {
        return true;
      }
    }
    return false;
  }
  return std::find(std::begin(kDomains), std::end(kDomains), domain) != std::end(kDomains);
}

// Spaces, punctuation and symbols that are not ASCII.
bool is_sign(char32_t code) {
  return (code >= 0x80 && code <= 0xBF && code != 0xAA && code != 0xB5 && code != 0xBA) || code == 0xD7 ||
         code == 0xF7 || (code >= 0x2000 && code <= 0x206F && code != 0x200C) || (code >= 0x20A0 && code <= 0x2BFF) ||
         (code >= 0x2E00 && code <= 0x2E7F) || (code >= 0x3000 && code <= 0x3004) ||
         (code >= 0x3008 && code <= 0x3020) || (code >= 0xE000 && code <= 0xF8FF) ||
         (code >= 0xFE00 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF0F) ||
         (code >= 0xFF1A && code <= 0xFF20) || code >= 0x1F000;
}

bool is_ascii_letter_or_digit(char32_t code) {
  return code < 0x80 && text::is_letter_or_digit(static_cast<char>(code));
}
bool is_digit(char32_t code) { return code >= '0' && code <= '9'; }
bool is_word(char32_t code) {
  return is_ascii_letter_or_digit(code) || code == '_' || (code >= 0x80 && !is_sign(code));
}
bool is_name(char32_t code) { return is_ascii_letter_or_digit(code) || code == '_'; }

class Finder {
 public:
  explicit Finder(std::string_view text) : text_(text) {
    std::size_t units = 0;
    for (std::size_t byte = 0; byte < text.size();) {
      const auto first = static_cast<unsigned char>(text[byte]);
      const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
      char32_t code = size == 1 ? first : first & (0xFFU >> (size + 1));
      for (std::size_t i = 1; i < size && byte + i < text.size(); ++i) {
        code = (code << 6U) | (static_cast<unsigned char>(text[byte + i]) & 0x3FU);
      }
      characters_.push_back({code, byte, units});
      units += size == 4 ? 2 : 1;
      byte += size;
    }
    characters_.push_back({0, text.size(), units});  // The end.
  }

  std::vector<MessageEntity> find() {
    for (std::size_t at = 0; at + 1 < characters_.size(); ++at) {
      switch (this->at(at)) {
        case '@':
          mention(at);
          break;
        case '/':
          command(at);
          break;
        case '#':
          hashtag(at);
          break;
        case '$':
          cashtag(at);
          break;
        case '.':
          at = std::max(at, link(at));
          break;
        default:
          break;
      }
    }
    // Of those that overlap the first is kept: the name in "example.com/@name" is a part of the URL.
    std::stable_sort(found_.begin(), found_.end(), [](const MessageEntity& a, const MessageEntity& b) {
      return a.offset != b.offset ? a.offset < b.offset : a.length > b.length;
    });
    std::vector<MessageEntity> kept;
    for (MessageEntity& entity : found_) {
      if (kept.empty() || kept.back().end() <= entity.offset) {
        kept.push_back(std::move(entity));
      }
    }
    return kept;
  }

 private:
  struct Character {
    char32_t code;
    std::size_t byte;
    std::size_t unit;  // Of UTF-16.
  };

  // 0 behind the end and in front of the beginning.
  char32_t at(std::size_t index) const { return index < characters_.size() ? characters_[index].code : 0; }
  char32_t before(std::size_t index) const { return index == 0 ? 0 : characters_[index - 1].code; }
  std::string lower(std::size_t from, std::size_t to) const {
    return text::to_lower(text_.substr(characters_[from].byte, characters_[to].byte - characters_[from].byte));
  }
  void add(EntityType type, std::size_t from, std::size_t to) {
    found_.push_back({type, characters_[from].unit, characters_[to].unit - characters_[from].unit});
  }
  // The end of a name of these lengths that begins here, or here itself where there is none.
  std::size_t name_end(std::size_t from, std::size_t min, std::size_t max) const {
    std::size_t end = from;
    while (is_name(at(end))) {
      ++end;
    }
    const std::size_t length = end - from;
    return length >= min && length <= max && !is_word(at(end)) ? end : from;
  }

  void mention(std::size_t from) {
    constexpr std::size_t kNameMin = 4;
    constexpr std::size_t kNameMax = 32;
    const std::size_t end = name_end(from + 1, 2, kNameMax);
    if (end == from + 1 || is_word(before(from))) {
      return;
    }
    const std::string name = lower(from + 1, end);
    if (name.size() >= kNameMin ||
        std::find(std::begin(kShortNames), std::end(kShortNames), name) != std::end(kShortNames)) {
      add(EntityType::kMention, from, end);
    }
  }

  // "/start", "/start@soak_bot".
  void command(std::size_t from) {
    constexpr std::size_t kCommandMax = 64;
    constexpr std::size_t kNameMax = 32;
    const auto is_bad = [](char32_t code) { return is_word(code) || code == '/' || code == '<' || code == '>'; };
    std::size_t end = name_end(from + 1, 1, kCommandMax);
    if (end == from + 1 || is_bad(before(from))) {
      return;
    }
    if (at(end) == '@') {
      const std::size_t name = name_end(end + 1, 3, kNameMax);
      end = name == end + 1 ? end : name;
    }
    if (!is_bad(at(end))) {
      add(EntityType::kBotCommand, from, end);
    }
  }

  void hashtag(std::size_t from) {
    constexpr std::size_t kTagMax = 255;
    if (is_word(before(from))) {
      return;
    }
    std::size_t end = from + 1;
    bool has_letter = false;
    while (is_word(at(end)) && end - from <= kTagMax) {
      has_letter = has_letter || !is_digit(at(end));
      ++end;
    }
    if (has_letter && at(end) != '#') {
      add(EntityType::kHashtag, from, end);
    }
  }

  void cashtag(std::size_t from) {
    constexpr std::size_t kTagMax = 8;
    std::size_t end = from + 1;
    while (at(end) >= 'A' && at(end) <= 'Z') {
      ++end;
    }
    const std::size_t length = end - from - 1;
    if (length >= 1 && length <= kTagMax && !is_word(at(end)) && at(end) != '$' && !is_word(before(from)) &&
        before(from) != '$') {
      add(EntityType::kCashtag, from, end);
    }
  }

  static bool is_host(char32_t code) { return is_word(code) || code == '-' || code == '.'; }
  static bool is_local_part(char32_t code) { return is_name(code) || code == '.' || code == '-' || code == '+'; }

  // The URL or address whose host has this period. Returns the last character that it looked at.
  std::size_t link(std::size_t period) {
    std::size_t host = period;
    while (host > 0 && is_host(before(host))) {
      --host;
    }
    std::size_t end = period;
    while (is_host(at(end))) {
      ++end;
    }
    const std::size_t looked_at = end - 1;
    while (end > period && !is_word(before(end))) {
      --end;  // "example.com." ends a sentence.
    }
    std::size_t from = host;
    bool has_scheme = false;
    if (host >= 3 && before(host) == '/' && at(host - 2) == '/' && at(host - 3) == ':') {
      from = host - 3;
      while (from > 0 && is_ascii_letter_or_digit(before(from))) {
        --from;
      }
      const std::string scheme = lower(from, host - 3);
      has_scheme = scheme == "http" || scheme == "https" || scheme == "ftp";
      if (!has_scheme) {
        return looked_at;
      }
    }
    if (end <= period || !is_domain(lower(host, end), has_scheme)) {
      return looked_at;
    }
    if (!has_scheme && before(host) == '@') {
      std::size_t local = host - 1;
      while (local > 0 && is_local_part(before(local))) {
        --local;
      }
      while (local < host - 1 && !is_name(at(local))) {
        ++local;
      }
      if (local < host - 1) {
        add(EntityType::kEmail, local, end);
      }
      return looked_at;
    }
    if (!has_scheme && (before(host) == '/' || before(host) == '#' || before(host) == '@')) {
      return looked_at;
    }
    end = path_end(port_end(end));
    add(EntityType::kUrl, from, end);
    return std::max(looked_at, end - 1);
  }

  static bool is_domain(std::string_view host, bool has_scheme) {
    std::size_t labels = 0;
    std::string_view last;
    for (std::string_view rest = host; !rest.empty(); ++labels) {
      const std::size_t end = std::min(rest.find('.'), rest.size());
      last = rest.substr(0, end);
      if (last.empty() || last.front() == '-' || last.back() == '-') {
        return false;
      }
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    const bool is_number = std::all_of(last.begin(), last.end(), [](char c) { return text::is_digit(c); });
    if (is_number) {  // As in 127.0.0.1, but not in 1.5.
      return has_scheme && labels == 4;
    }
    return labels >= 2 && (has_scheme ? last.size() >= 2 && last.find('_') == std::string_view::npos
                                      : is_common_domain(last) || last.starts_with("xn--"));
  }

  std::size_t port_end(std::size_t from) const {
    constexpr std::size_t kDigitsMax = 5;
    std::size_t end = from;
    if (at(end) == ':') {
      ++end;
      while (is_digit(at(end))) {
        ++end;
      }
    }
    return end > from + 1 && end - from - 1 <= kDigitsMax ? end : from;
  }

  // A path, query and fragment, without the punctuation behind them, and without a bracket that closes none of its own.
  std::size_t path_end(std::size_t from) const {
    if (at(from) != '/' && at(from) != '?' && at(from) != '#') {
      return from;
    }
    std::size_t end = from;
    const auto is_end = [](char32_t code) {
      return code <= ' ' || code == '<' || code == '>' || code == '"' || code == 0xAB || code == 0xBB ||
             (code >= 0x2000 && code <= 0x206F && code != 0x200C) || code == 0x3000;
    };
    while (!is_end(at(end))) {
      ++end;
    }
    constexpr std::u32string_view kPunctuation = U".:;,('?!`";
    constexpr std::pair<char32_t, char32_t> kBrackets[] = {{'(', ')'}, {'[', ']'}, {'{', '}'}};
    for (bool is_cut = true; is_cut && end > from + 1;) {
      const char32_t last = before(end);
      is_cut = kPunctuation.find(last) != std::u32string_view::npos;
      for (const auto& [open, close] : kBrackets) {
        is_cut = is_cut || (last == close && count(from, end, open) < count(from, end, close));
      }
      end -= is_cut ? 1 : 0;
    }
    return end == from + 1 && at(from) != '/' ? from : end;
  }

  std::ptrdiff_t count(std::size_t from, std::size_t to, char32_t code) const {
    return std::count_if(characters_.begin() + static_cast<std::ptrdiff_t>(from),
                         characters_.begin() + static_cast<std::ptrdiff_t>(to),
                         [&](const Character& one) { return one.code == code; });
  }

  std::string_view text_;
  std::vector<Character> characters_;
  std::vector<MessageEntity> found_;
};

}  // namespace

void add_found_entities(FormattedText& body) {
  std::vector<MessageEntity> all = body.entities;
  for (MessageEntity& entity : Finder(body.text).find()) {
    // Those that the client gives come first.
    const bool overlaps = std::any_of(body.entities.begin(), body.entities.end(), [&](const MessageEntity& given) {
      return may_hold_no_link(given.type) && given.offset < entity.end() && entity.offset < given.end();
    });
    if (!overlaps) {
      all.push_back(std::move(entity));
    }
  }
  body.entities = normalized(std::move(all));
}

}  // namespace soak::peers
