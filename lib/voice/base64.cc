// SPDX-License-Identifier: Apache-2.0
#include "base64.h"

#include <array>
#include <cstdint>

namespace soak::voice {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<bool, 256> kIsDigit = [] {
  std::array<bool, 256> table{};
  for (const char c : kAlphabet) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

}  // namespace

void append_base64(std::string& text, std::span<const std::byte> bytes) {
  std::size_t out = text.size();
  text.resize(out + (bytes.size() + 2) / 3 * 4, '=');
  std::size_t in = 0;
  const auto byte = [&bytes](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  for (; in + 3 <= bytes.size(); in += 3) {
    const std::uint32_t group = byte(in) << 16 | byte(in + 1) << 8 | byte(in + 2);
    text[out++] = kAlphabet[group >> 18];
    text[out++] = kAlphabet[group >> 12 & 63];
    text[out++] = kAlphabet[group >> 6 & 63];
    text[out++] = kAlphabet[group & 63];
  }
  if (const std::size_t left = bytes.size() - in; left > 0) {
    const std::uint32_t group = byte(in) << 16 | (left == 2 ? byte(in + 1) << 8 : 0);
    text[out++] = kAlphabet[group >> 18];
    text[out++] = kAlphabet[group >> 12 & 63];
    if (left == 2) {
      text[out++] = kAlphabet[group >> 6 & 63];
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
  for (const char c : text) {
    if (!kIsDigit[static_cast<unsigned char>(c)]) {
      return std::nullopt;
    }
  }
  return (text.size() + padding) / 4 * 3 - padding;
}

}  // namespace soak::voice
