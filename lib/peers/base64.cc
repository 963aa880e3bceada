// SPDX-License-Identifier: Apache-2.0
#include "lib/peers/base64.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace soak::peers::base64 {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kInvalid = 0x80000000;

// For each of the four characters of a group the table of what it adds to the 24 bits; a character that does not
// belong adds kInvalid, so one test is enough for a group.
using Table = std::array<std::uint32_t, 256>;

constexpr std::array<Table, 4> make_tables() {
  std::array<Table, 4> tables{};
  for (std::size_t place = 0; place < 4; ++place) {
    for (std::uint32_t& entry : tables[place]) {
      entry = kInvalid;
    }
    for (std::size_t value = 0; value < kAlphabet.size(); ++value) {
      tables[place][static_cast<unsigned char>(kAlphabet[value])] =
          static_cast<std::uint32_t>(value << (18 - 6 * place));
    }
  }
  return tables;
}

constexpr std::array<Table, 4> kTables = make_tables();

// Two characters for twelve bits.
struct Pair {
  char first;
  char second;
};

constexpr std::array<Pair, 4096> make_pairs() {
  std::array<Pair, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {kAlphabet[i >> 6U], kAlphabet[i & 63U]};
  }
  return pairs;
}

constexpr std::array<Pair, 4096> kPairs = make_pairs();

std::uint32_t look_up(std::size_t place, char character) {
  return kTables[place][static_cast<unsigned char>(character)];
}

}  // namespace

void encode(std::string_view bytes, std::string& out) {
  const std::size_t start = out.size();
  out.resize(start + (bytes.size() + 2) / 3 * 4);
  char* to = out.data() + start;
  const auto octet = [&](std::size_t index) { return std::uint32_t{static_cast<unsigned char>(bytes[index])}; };
  std::size_t from = 0;
  for (; from + 3 <= bytes.size(); from += 3) {
    const std::uint32_t group = octet(from) << 16U | octet(from + 1) << 8U | octet(from + 2);
    std::memcpy(to, &kPairs[group >> 12U], sizeof(Pair));
    std::memcpy(to + sizeof(Pair), &kPairs[group & 0xfffU], sizeof(Pair));
    to += 2 * sizeof(Pair);
  }
  if (from == bytes.size()) {
    return;
  }
  const bool two = from + 2 == bytes.size();
  const std::uint32_t group = octet(from) << 16U | (two ? octet(from + 1) << 8U : 0U);
  *to++ = kAlphabet[group >> 18U];
  *to++ = kAlphabet[group >> 12U & 63U];
  *to++ = two ? kAlphabet[group >> 6U & 63U] : '=';
  *to++ = '=';
}

bool decode(std::string_view text, std::string& out) {
  if (text.size() % 4 != 0) {
    return false;
  }
  if (text.empty()) {
    out.clear();
    return true;
  }
  const std::size_t padding = text.back() != '=' ? 0 : text[text.size() - 2] != '=' ? 1 : 2;
  out.resize(text.size() / 4 * 3 - padding);
  char* to = out.data();
  const char* from = text.data();
  std::uint32_t seen = 0;
  for (std::size_t groups = text.size() / 4 - (padding == 0 ? 0 : 1); groups > 0; --groups, from += 4, to += 3) {
    const std::uint32_t group = look_up(0, from[0]) | look_up(1, from[1]) | look_up(2, from[2]) | look_up(3, from[3]);
    seen |= group;
    to[0] = static_cast<char>(group >> 16U);
    to[1] = static_cast<char>(group >> 8U);
    to[2] = static_cast<char>(group);
  }
  if (padding > 0) {
    std::uint32_t group = look_up(0, from[0]) | look_up(1, from[1]);
    if (padding == 1) {
      group |= look_up(2, from[2]);
    }
    seen |= group;
    if ((group & (padding == 1 ? 0xffU : 0xffffU)) != 0) {
      return false;
    }
    to[0] = static_cast<char>(group >> 16U);
    if (padding == 1) {
      to[1] = static_cast<char>(group >> 8U);
    }
  }
  return (seen & kInvalid) == 0;
}

bool decode_of_proto(std::string_view text, std::string& out) {
  if (decode(text, out)) {
    return true;
  }
  std::string standard(text);
  for (char& character : standard) {
    if (character == '-') {
      character = '+';
    }
    if (character == '_') {
      character = '/';
    }
  }
  if (standard.find('=') == std::string::npos) {
    standard.append((4 - standard.size() % 4) % 4, '=');
  }
  return decode(standard, out);
}

}  // namespace soak::peers::base64
