// SPDX-License-Identifier: Apache-2.0
#include "lib/text/singular.h"

#include <algorithm>
#include <array>

#include "lib/text/ascii.h"

namespace soak::text {
namespace {

// Words that the endings below would get wrong.
constexpr std::array<std::string_view, 8> kUnchanged = {"series", "species", "news", "https",
                                                        "tls",    "dns",     "rss",  "alias"};
constexpr std::array<std::string_view, 5> kEndInIe = {"cookies", "movies", "ties", "pies", "zombies"};
// After these, the plural is formed by "es".
constexpr std::array<std::string_view, 12> kPluralInEs = {"sses",  "shes",   "xes",    "zzes",  "tches", "rches",
                                                          "nches", "eaches", "oaches", "uches", "tuses", "choes"};

bool is_vowel(char c) { return std::string_view("aeiou").find(to_lower(c)) != std::string_view::npos; }

}  // namespace

std::string singular(std::string_view noun) {
  // Of "http_queries", the word that counts is the last one.
  const std::size_t word_at = noun.find_last_of("_-. ") + 1;
  const std::string word = to_lower(noun.substr(word_at));
  const auto ends = [&word](std::string_view ending) { return word.size() > ending.size() && word.ends_with(ending); };
  const auto without = [&noun](std::size_t characters) {
    return std::string(noun.substr(0, noun.size() - characters));
  };
  const auto is_one_of = [&word](const auto& words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  if (is_one_of(kUnchanged) || !ends("s") || ends("ss") || ends("us") || ends("is")) {
    return std::string(noun);
  }
  if (ends("ies") && word.size() > 4 && !is_vowel(word[word.size() - 4]) && !is_one_of(kEndInIe)) {
    return without(3) + "y";
  }
  return without(std::any_of(kPluralInEs.begin(), kPluralInEs.end(), ends) ? 2 : 1);
}

}  // namespace soak::text
