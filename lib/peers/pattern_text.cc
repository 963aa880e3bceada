// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/pattern_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "lib/text/ascii.h"

namespace soak::peers {
namespace {

constexpr std::size_t kTextMax = 4096;  // Beyond it a text gets no longer, and may not match.
constexpr int kDepthMax = 32;
constexpr int kWorkMax = 100'000;      // Repetitions of repetitions cost their product.
constexpr std::uint64_t kMoreMax = 3;  // Repetitions above what is required, where nothing limits them.

struct Unsupported {};

// Reads the pattern once, and writes what it asks for as it goes. What is not chosen is read all the same.
class Generator {
 public:
  Generator(std::string_view pattern, Ids& ids) : pattern_(pattern), ids_(ids) {}

  std::string run() {
    alternatives(0);
    if (at_ != pattern_.size()) {
      throw Unsupported{};  // A bracket that nobody opened.
    }
    return std::move(out_);
  }

 private:
  bool over() const { return at_ >= pattern_.size(); }
  char peek() const { return over() ? '\0' : pattern_[at_]; }
  char take() {
    if (over()) {
      throw Unsupported{};
    }
    return pattern_[at_++];
  }
  bool take_if(char wanted) {
    const bool there = !over() && pattern_[at_] == wanted;
    at_ += there ? 1 : 0;
    return there;
  }

  void put(char character) {
    if (out_.size() < kTextMax) {
      out_ += character;
    }
  }

  // One of the alternatives up to the closing bracket: its place is found first, then it is written.
  void alternatives(int depth) {
    if (depth > kDepthMax) {
      throw Unsupported{};
    }
    const std::string before = out_;
    std::string chosen;
    std::uint64_t seen = 0;
    do {
      out_ = before;
      sequence(depth);
      if (ids_.below(++seen) == 0) {
        chosen = out_;
      }
    } while (take_if('|'));
    out_ = std::move(chosen);
  }

  void sequence(int depth) {
    while (!over() && peek() != '|' && peek() != ')') {
      const std::size_t atom_at = at_;
      const std::size_t written = out_.size();
      atom(depth);
      const auto [least, most] = quantifier();
      const std::uint64_t times = least + ids_.below(most - least + 1);
      const std::size_t after = at_;
      if (times == 0) {
        out_.resize(written);
      }
      for (std::uint64_t i = 1; i < times && out_.size() < kTextMax; ++i) {
        at_ = atom_at;
        atom(depth);
      }
      at_ = after;
    }
  }

  struct Times {
    std::uint64_t least;
    std::uint64_t most;
  };

  Times quantifier() {
    Times times{1, 1};
    if (take_if('*')) {
      times = {0, kMoreMax};
    } else if (take_if('+')) {
      times = {1, 1 + kMoreMax};
    } else if (take_if('?')) {
      times = {0, 1};
    } else if (peek() == '{' && at_ + 1 < pattern_.size() && text::is_digit(pattern_[at_ + 1])) {
      ++at_;
      times.least = times.most = number();
      if (take_if(',')) {
        times.most = peek() == '}' ? times.least + kMoreMax : number();
      }
      if (!take_if('}') || times.most < times.least) {
        throw Unsupported{};
      }
      times.most = std::min(times.most, times.least + 8 * kMoreMax);
    } else {
      return times;
    }
    take_if('?');  // Lazy: the same texts match.
    return times;
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    while (text::is_digit(peek())) {
      value = std::min<std::uint64_t>(value * 10 + static_cast<std::uint64_t>(take() - '0'), kTextMax);
    }
    return value;
  }

  void atom(int depth) {
    if (++work_ > kWorkMax) {
      throw Unsupported{};
    }
    const char character = take();
    switch (character) {
      case '(':
        if (take_if('?') && !take_if(':')) {
          if (!take_if('<') || peek() == '=' || peek() == '!') {
            throw Unsupported{};  // Looks ahead, or back.
          }
          while (take() != '>') {
          }
        }
        alternatives(depth + 1);
        if (!take_if(')')) {
          throw Unsupported{};
        }
        break;
      case '[':
        put(one_of(character_class()));
        break;
      case '.':
        put(one_of(range('a', 'z')));
        break;
      case '^':
      case '$':
        break;  // The whole text matches.
      case '\\': {
        const char next = peek();
        if (next == 'b' || next == 'B') {
          ++at_;
        } else {
          put(one_of(escape()));
        }
        break;
      }
      case '*':
      case '+':
      case '?':
        throw Unsupported{};  // Of nothing.
      default:
        put(character);
    }
  }

  static std::string range(char from, char to) {
    std::string all;
    for (int character = from; character <= to; ++character) {
      all += static_cast<char>(character);
    }
    return all;
  }

  static std::string without(const std::string& excluded) {
    std::string all;
    for (const char character : range(' ', '~')) {
      if (excluded.find(character) == std::string::npos) {
        all += character;
      }
    }
    return all;
  }

  char one_of(const std::string& characters) {
    if (characters.empty()) {
      throw Unsupported{};
    }
    return characters[ids_.below(characters.size())];
  }

  static std::string digits() { return range('0', '9'); }
  static std::string word() { return range('a', 'z') + range('A', 'Z') + digits() + "_"; }

  // What an escape stands for, its backslash taken.
  std::string escape() {
    const char character = take();
    switch (character) {
      case 'd':
        return digits();
      case 'D':
        return without(digits());
      case 'w':
        return word();
      case 'W':
        return without(word());
      case 's':
        return " ";
      case 'S':
        return without(" ");
      case 'n':
        return "\n";
      case 't':
        return "\t";
      case 'r':
        return "\r";
      case 'x':
        return hexadecimal(2);
      case 'u':
        return hexadecimal(4);
      default:
        if (text::is_letter(character) || text::is_digit(character)) {
          throw Unsupported{};  // A back reference, a property of Unicode, a control character.
        }
        return std::string(1, character);
    }
  }

  std::string hexadecimal(int count) {
    unsigned value = 0;
    for (int i = 0; i < count; ++i) {
      const int digit = text::hex_value(take());
      if (digit < 0) {
        throw Unsupported{};
      }
      value = value * 16 + static_cast<unsigned>(digit);
    }
    if (value < ' ' || value > '~') {
      throw Unsupported{};
    }
    return std::string(1, static_cast<char>(value));
  }

  // "[^a-z\d_-]", its bracket taken.
  std::string character_class() {
    const bool negated = take_if('^');
    std::string all;
    while (!take_if(']')) {
      const char first = take();
      std::string member = first == '\\' ? escape() : std::string(1, first);
      const bool is_range =
          member.size() == 1 && peek() == '-' && at_ + 1 < pattern_.size() && pattern_[at_ + 1] != ']';
      if (is_range) {
        ++at_;
        const char last = take();
        const std::string end = last == '\\' ? escape() : std::string(1, last);
        if (end.size() != 1 || end[0] < member[0]) {
          throw Unsupported{};
        }
        member = range(member[0], end[0]);
      }
      all += member;
    }
    return negated ? without(all) : all;
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  int work_ = 0;
  Ids& ids_;
  std::string out_;
};

}  // namespace

std::optional<std::string> text_matching(std::string_view pattern, Ids& ids) {
  try {
    return Generator(pattern, ids).run();
  } catch (const Unsupported&) {
    return std::nullopt;
  }
}

}  // namespace soak::peers
