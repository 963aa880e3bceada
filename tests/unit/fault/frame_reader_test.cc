// SPDX-License-Identifier: Apache-2.0
#include "lib/fault/frame_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "soak/fault/byte_proxy.h"

namespace soak::fault {
namespace {

using testing::ElementsAre;

constexpr std::string_view kHead = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\r\n\r\n";

// Where the frames that `bytes` hold begin and have their middles, told in pieces of at most `piece` bytes.
struct Places {
  std::vector<std::size_t> begins;
  std::vector<std::size_t> middles;
};

Places places_of(std::string_view bytes, std::size_t piece) {
  FrameReader reader;
  Places places;
  for (std::size_t at = 0; at < bytes.size();) {
    at += reader.take(bytes.substr(at, piece));
    if (reader.is_in_the_middle()) {
      places.middles.push_back(at);
    }
    if (reader.is_between()) {
      places.begins.push_back(at);
    }
  }
  return places;
}

TEST(FrameReaderTest, FindsFramesWhateverPiecesTheyComeIn) {
  const std::string bytes = std::string(kHead) + bytes_of({.payload = "abcd"}) + bytes_of({.opcode = 9}) +
                            bytes_of({.payload = std::string(300, 'x')}) +
                            bytes_of({.payload = std::string(70'001, 'x')}) + bytes_of({.payload = "z"});
  const std::size_t head = kHead.size();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{1000}, bytes.size()}) {
    const Places places = places_of(bytes, piece);

    EXPECT_THAT(places.begins, ElementsAre(head, head + 6, head + 8, head + 312, head + 70'323, head + 70'326))
        << piece;
    EXPECT_THAT(places.middles, ElementsAre(12, head + 4, head + 8 + 4 + 150, head + 312 + 10 + 35'001)) << piece;
  }
}

TEST(FrameReaderTest, CountsFramesFromTheAnswerToTheHandshakeOn) {
  FrameReader reader;
  EXPECT_EQ(reader.frame(), 0u);
  reader.take(kHead.substr(0, 5));
  EXPECT_FALSE(reader.is_between());
  for (std::string_view rest = kHead.substr(5); !rest.empty();) {
    rest.remove_prefix(reader.take(rest));
  }
  EXPECT_EQ(reader.frame(), 1u);
  EXPECT_TRUE(reader.is_between());
  EXPECT_EQ(reader.take(bytes_of({.payload = "a"})), 3u);
  EXPECT_EQ(reader.frame(), 2u);
}

}  // namespace
}  // namespace soak::fault
