// SPDX-License-Identifier: Apache-2.0
#include "lib/text/base64.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace soak::text {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint32_t kInvalid = 0x80000000;

// For each of the four characters of a group the table of what it adds to the 24 bits. A character that does not belong
// adds kInvalid, so that one test is enough for all groups.
using Table = std::array<std::uint32_t, 256>;

constexpr std::array<Table, 4> kTables = [] {
  std::array<Table, 4> tables{};
  for (std::size_t place = 0; place < tables.size(); ++place) {
    tables[place].fill(kInvalid);
    for (std::size_t value = 0; value < kAlphabet.size(); ++value) {
      tables[place][static_cast<unsigned char>(kAlphabet[value])] =
          static_cast<std::uint32_t>(value << (18 - 6 * place));
    }
  }
  return tables;
}();

// The two characters that twelve bits are: half the look-ups of one character at a time.
constexpr std::array<std::array<char, 2>, 4096> kPairs = [] {
  std::array<std::array<char, 2>, 4096> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {kAlphabet[i >> 6U], kAlphabet[i & 63U]};
  }
  return pairs;
}();

std::uint32_t look_up(std::size_t place, char character) {
  return kTables[place][static_cast<unsigned char>(character)];
}

// Without a table or a branch, so that the compiler compares many characters at once.
bool all_digits(std::string_view text) {
  std::uint8_t others = 0;
  for (const char c : text) {
    const auto code = static_cast<std::uint8_t>(c);
    const bool letter = static_cast<std::uint8_t>((code | 0x20) - 'a') < 26;
    const bool figure = static_cast<std::uint8_t>(code - '0') < 10;
    others |= static_cast<std::uint8_t>(!(letter | figure | (code == '+') | (code == '/')));
  }
  return others == 0;
}

// The padding characters at the end of a text of whole groups.
std::size_t padding_of(std::string_view text) {
  if (text.empty() || text.back() != '=') {
    return 0;
  }
  return text[text.size() - 2] == '=' ? 2 : 1;
}

// The 24 bits of the last group, which is padded; kInvalid among them where it is not as an encoder writes it.
std::uint32_t padded_group(const char* from, std::size_t padding) {
  std::uint32_t group = look_up(0, from[0]) | look_up(1, from[1]);
  if (padding == 1) {
    group |= look_up(2, from[2]);
  }
  return (group & (padding == 1 ? 0xFFU : 0xFFFFU)) != 0 ? kInvalid : group;
}

// `Byte` is one of char and std::byte.
template <typename Byte>
bool decode(std::string_view text, Byte* to) {
  const std::size_t padding = padding_of(text);
  const char* from = text.data();
  std::uint32_t seen = 0;
  for (std::size_t groups = text.size() / 4 - (padding == 0 ? 0 : 1); groups > 0; --groups, from += 4, to += 3) {
    const std::uint32_t group = look_up(0, from[0]) | look_up(1, from[1]) | look_up(2, from[2]) | look_up(3, from[3]);
    seen |= group;
    to[0] = static_cast<Byte>(group >> 16U & 0xFFU);
    to[1] = static_cast<Byte>(group >> 8U & 0xFFU);
    to[2] = static_cast<Byte>(group & 0xFFU);
  }
  if (padding > 0) {
    const std::uint32_t group = padded_group(from, padding);
    seen |= group;
    to[0] = static_cast<Byte>(group >> 16U & 0xFFU);
    if (padding == 1) {
      to[1] = static_cast<Byte>(group >> 8U & 0xFFU);
    }
  }
  return (seen & kInvalid) == 0;
}

template <typename Bytes>
bool append_decoded(std::string_view text, Bytes& bytes) {
  if (text.size() % 4 != 0) {
    return false;
  }
  const std::size_t before = bytes.size();
  bytes.resize(before + text.size() / 4 * 3 - padding_of(text));
  if (!decode(text, bytes.data() + before)) {
    bytes.resize(before);
    return false;
  }
  return true;
}

}  // namespace

void append_base64(std::string& text, std::span<const std::byte> bytes) {
  const std::size_t before = text.size();
  text.resize(before + base64_size(bytes.size()), '=');
  char* out = text.data() + before;
  const auto byte = [&bytes](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  std::size_t in = 0;
  for (; in + 3 <= bytes.size(); in += 3, out += 4) {
    const std::uint32_t group = byte(in) << 16U | byte(in + 1) << 8U | byte(in + 2);
    std::memcpy(out, kPairs[group >> 12U].data(), 2);
    std::memcpy(out + 2, kPairs[group & 0xFFFU].data(), 2);
  }
  if (const std::size_t left = bytes.size() - in; left > 0) {
    const std::uint32_t group = byte(in) << 16U | (left == 2 ? byte(in + 1) << 8U : 0U);
    std::memcpy(out, kPairs[group >> 12U].data(), 2);
    if (left == 2) {
      out[2] = kAlphabet[group >> 6U & 63U];
    }
  }
}

std::optional<std::size_t> decoded_base64_size(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  const std::size_t padding = padding_of(text);
  if (!all_digits(text.substr(0, text.size() - padding)) ||
      (padding > 0 && padded_group(text.data() + text.size() - 4, padding) == kInvalid)) {
    return std::nullopt;
  }
  return text.size() / 4 * 3 - padding;
}

bool decode_base64(std::string_view text, std::vector<std::byte>& bytes) { return append_decoded(text, bytes); }

bool decode_base64(std::string_view text, std::string& bytes) { return append_decoded(text, bytes); }

bool decode_proto_base64(std::string_view text, std::string& bytes) {
  if (decode_base64(text, bytes)) {
    return true;
  }
  std::string standard(text);
  for (char& character : standard) {
    if (character == '-') {
      character = '+';
    } else if (character == '_') {
      character = '/';
    }
  }
  if (standard.find('=') == std::string::npos) {
    standard.append((4 - standard.size() % 4) % 4, '=');
  }
  return decode_base64(standard, bytes);
}

}  // namespace soak::text
