// SPDX-License-Identifier: Apache-2.0
#include "lib/net/frame.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

namespace soak::net {
namespace {

constexpr MaskKey kKey{0x37, 0xfa, 0x21, 0x3d};

std::string written(Opcode opcode, std::string_view payload, std::optional<MaskKey> mask) {
  std::vector<unsigned char> room(kFrameHeadMax + payload.size());
  const std::size_t size = write_frame(room.data(), opcode, payload, mask);
  EXPECT_LE(size, room.size());
  return {room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size)};
}

// The examples of RFC 6455, section 5.7.
TEST(FrameTest, WritesTheExamplesOfTheRfc) {
  EXPECT_EQ(written(Opcode::kText, "Hello", std::nullopt), "\x81\x05Hello");
  EXPECT_EQ(written(Opcode::kText, "Hello", kKey), "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  EXPECT_EQ(written(Opcode::kPing, "Hello", std::nullopt), "\x89\x05Hello");
  EXPECT_EQ(written(Opcode::kBinary, std::string(256, 'b'), std::nullopt).substr(0, 5),
            std::string("\x82\x7e\x01\0b", 5));
  EXPECT_EQ(written(Opcode::kBinary, std::string(65536, 'b'), std::nullopt).substr(0, 11),
            std::string("\x82\x7f\0\0\0\0\0\x01\0\0b", 11));
}

TEST(FrameTest, AFrameMayBeEmpty) {
  EXPECT_EQ(written(Opcode::kClose, {}, std::nullopt), std::string("\x88\0", 2));
  EXPECT_EQ(written(Opcode::kClose, {}, kKey), "\x88\x80\x37\xfa\x21\x3d");
}

struct Length {
  std::size_t payload;
  std::size_t head;
};

void PrintTo(const Length& length, std::ostream* out) { *out << length.payload << " bytes"; }

class FrameLengthTest : public ::testing::TestWithParam<Length> {};

// Around the steps of the length field, and with every rest of a masked word.
INSTANTIATE_TEST_SUITE_P(Lengths, FrameLengthTest,
                         ::testing::Values(Length{1, 2}, Length{2, 2}, Length{3, 2}, Length{4, 2}, Length{6, 2},
                                           Length{7, 2}, Length{8, 2}, Length{9, 2}, Length{125, 2}, Length{126, 4},
                                           Length{127, 4}, Length{65535, 4}, Length{65536, 10}, Length{65541, 10}));

TEST_P(FrameLengthTest, MasksEveryByteByItsPlace) {
  std::string payload;
  for (std::size_t i = 0; i < GetParam().payload; ++i) {
    payload.push_back(static_cast<char>(i * 7 + i / 256));
  }

  const std::string plain = written(Opcode::kBinary, payload, std::nullopt);
  const std::string masked = written(Opcode::kBinary, payload, kKey);

  ASSERT_EQ(plain.size(), GetParam().head + payload.size());
  EXPECT_EQ(plain.substr(GetParam().head), payload);
  ASSERT_EQ(masked.size(), plain.size() + kKey.size());
  EXPECT_EQ(static_cast<unsigned char>(masked[1]), static_cast<unsigned char>(plain[1]) | 0x80);
  EXPECT_EQ(masked.substr(2, GetParam().head - 2), plain.substr(2, GetParam().head - 2));
  std::string unmasked = masked.substr(GetParam().head + kKey.size());
  for (std::size_t i = 0; i < unmasked.size(); ++i) {
    unmasked[i] = static_cast<char>(unmasked[i] ^ kKey[i % 4]);
  }
  EXPECT_EQ(unmasked, payload);
}

}  // namespace
}  // namespace soak::net
