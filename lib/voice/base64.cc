// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/base64.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace soak::voice {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}();

// The two digits that twelve bits are: half the look-ups of one digit at a time.
constexpr std::array<std::array<char, 2>, 4096> kPairs = [] {
  std::array<std::array<char, 2>, 4096> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = {kAlphabet[i >> 6], kAlphabet[i & 63]};
  }
  return table;
}();

std::uint8_t value_of(char digit) { return kValues[static_cast<unsigned char>(digit)]; }

// By comparing, without a table or a branch: the compiler does many characters at once.
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

}  // namespace

void append_base64(std::string& text, std::span<const std::byte> bytes) {
  const std::size_t before = text.size();
  text.resize(before + (bytes.size() + 2) / 3 * 4, '=');
  char* out = text.data() + before;
  std::size_t in = 0;
  const auto byte = [&bytes](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  for (; in + 3 <= bytes.size(); in += 3, out += 4) {
    const std::uint32_t group = byte(in) << 16 | byte(in + 1) << 8 | byte(in + 2);
    std::memcpy(out, kPairs[group >> 12].data(), 2);
    std::memcpy(out + 2, kPairs[group & 0xfff].data(), 2);
  }
  if (const std::size_t left = bytes.size() - in; left > 0) {
    const std::uint32_t group = byte(in) << 16 | (left == 2 ? byte(in + 1) << 8 : 0);
    std::memcpy(out, kPairs[group >> 12].data(), 2);
    if (left == 2) {
      out[2] = kAlphabet[group >> 6 & 63];
    }
  }
}

std::optional<std::size_t> base64_size(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  std::size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  if (!all_digits(text)) {
    return std::nullopt;
  }
  return (text.size() + padding) / 4 * 3 - padding;
}

bool decode_base64(std::string_view text, std::vector<std::byte>& bytes) {
  const std::optional<std::size_t> size = base64_size(text);
  if (!size) {
    return false;
  }
  std::size_t out = bytes.size();
  bytes.resize(out + *size);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') {
      break;
    }
    bits = bits << 6 | value_of(c);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes[out++] = static_cast<std::byte>(bits >> count & 0xff);
    }
  }
  return true;
}

}  // namespace soak::voice
