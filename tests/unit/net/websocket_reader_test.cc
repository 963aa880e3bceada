// SPDX-License-Identifier: Apache-2.0
#include "lib/net/websocket_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace soak::net {
namespace {

using Masking = WebSocketReader::Masking;

constexpr MaskKey kKey{0x37, 0xfa, 0x21, 0x3d};
constexpr std::size_t kLimit = 1000;

// A frame of any kind: its first byte, how its length is written, its payload.
struct Frame {
  int first;
  std::string payload = {};
  int length_bytes = -1;  // 0, 2 or 8; -1 for the fewest.
};

std::string bytes_of(const Frame& frame, Masking masking) {
  const std::size_t size = frame.payload.size();
  const int length_bytes = frame.length_bytes >= 0 ? frame.length_bytes : size < 126 ? 0 : size <= 0xffff ? 2 : 8;
  const unsigned mask = masking == Masking::kRequired ? 0x80 : 0;
  std::string bytes(1, static_cast<char>(frame.first));
  bytes += static_cast<char>(mask | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
  for (int i = length_bytes - 1; i >= 0; --i) {
    bytes += static_cast<char>(size >> (8 * i) & 0xff);
  }
  std::string payload = frame.payload;
  if (mask != 0) {
    bytes.append(kKey.begin(), kKey.end());
    apply_mask(payload.data(), payload.size(), kKey);
  }
  return bytes + payload;
}

std::string bytes_of(const std::vector<Frame>& frames, Masking masking) {
  std::string bytes;
  for (const Frame& frame : frames) {
    bytes += bytes_of(frame, masking);
  }
  return bytes;
}

std::string shortened(std::string_view text) {
  return text.size() <= 40 ? std::string(text) : std::to_string(text.size()) + " bytes";
}

// What a peer said, a line for each event.
std::string heard(std::string_view bytes, Masking masking, std::size_t piece_bytes) {
  WebSocketReader reader(masking, kLimit);
  std::string events;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, piece_bytes);
    bytes.remove_prefix(piece.size());
    for (;;) {
      const WebSocketReader::Event event = reader.next(piece);
      if (event == WebSocketReader::Event::kNone) {
        break;
      }
      switch (event) {
        case WebSocketReader::Event::kMessage: {
          const Message message = reader.take_message();
          events += (message.is_text() ? "text " : "binary ") + shortened(message.data);
          break;
        }
        case WebSocketReader::Event::kPing:
          events += "ping " + shortened(reader.control());
          break;
        case WebSocketReader::Event::kPong:
          events += "pong " + shortened(reader.control());
          break;
        case WebSocketReader::Event::kClose:
          events += "close " + std::to_string(reader.close_code()) + " " + shortened(reader.close_reason());
          break;
        default:
          events += "fault " + std::to_string(reader.fault().code) + " " + reader.fault().why;
      }
      events += "\n";
    }
    EXPECT_TRUE(piece.empty()) << "all of a piece is taken, or nothing behind the end counts";
  }
  return events;
}

struct Case {
  const char* name;
  std::vector<Frame> frames;
  std::string events;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

std::string code(int number, const std::string& reason = "") {
  return std::string{static_cast<char>(number >> 8), static_cast<char>(number & 0xff)} + reason;
}

constexpr char kTooBig[] = "fault 1009 message exceeds 1000 B\n";
constexpr char kNotUtf8[] = "fault 1007 text that is not UTF-8\n";

std::vector<Case> cases() {
  std::vector<Case> list{
      {"TextAndBinary",
       {{0x81, "hello"}, {0x82, std::string("\0\xff", 2)}},
       std::string("text hello\nbinary \0\xff\n", 21)},
      {"EmptyMessages", {{0x81}, {0x82}}, "text \nbinary \n"},
      {"ALengthOf125", {{0x81, std::string(125, 'a')}}, "text 125 bytes\n"},
      {"ALengthOf126", {{0x81, std::string(126, 'a')}}, "text 126 bytes\n"},
      {"ALengthOf127", {{0x82, std::string(127, 'a')}}, "binary 127 bytes\n"},
      {"Fragments", {{0x01, "one "}, {0x00, "two "}, {0x80, "three"}}, "text one two three\n"},
      {"EmptyFragments", {{0x01}, {0x00}, {0x80}}, "text \n"},
      {"APingWithinAMessage", {{0x01, "one "}, {0x89, "p"}, {0x80, "two"}}, "ping p\ntext one two\n"},
      {"PingAndPong", {{0x89, "a"}, {0x8A, "b"}, {0x89}}, "ping a\npong b\nping \n"},
      {"AControlFrameOf125", {{0x89, std::string(125, 'p')}}, "ping 125 bytes\n"},
      {"TwoMessagesInFragments", {{0x01, "a"}, {0x80, "b"}, {0x02, "c"}, {0x80, "d"}}, "text ab\nbinary cd\n"},

      {"AReservedBit1", {{0xC1, "x"}}, "fault 1002 a reserved bit without an extension\n"},
      {"AReservedBit2", {{0xA1, "x"}}, "fault 1002 a reserved bit without an extension\n"},
      {"AReservedBit3OfAPing", {{0x99, "x"}}, "fault 1002 a reserved bit without an extension\n"},
      {"AReservedBitOfAContinuation", {{0x01, "x"}, {0x40, "x"}}, "fault 1002 a reserved bit without an extension\n"},
      {"APingInFragments", {{0x09, "x"}}, "fault 1002 a control frame in fragments\n"},
      {"ACloseInFragments", {{0x08}}, "fault 1002 a control frame in fragments\n"},
      {"APingOf126", {{0x89, std::string(126, 'p')}}, "fault 1002 a control frame of more than 125 bytes\n"},
      {"APingWithALongLength", {{0x89, "p", 2}}, "fault 1002 a control frame of more than 125 bytes\n"},
      {"AContinuationOfNothing", {{0x80, "x"}}, "fault 1002 a continuation of no message\n"},
      {"AContinuationAfterTheLast",
       {{0x01, "a"}, {0x80, "b"}, {0x80, "c"}},
       "text ab\nfault 1002 a continuation of no message\n"},
      {"AMessageWithinAnother", {{0x01, "a"}, {0x81, "b"}}, "fault 1002 a message within another one\n"},
      {"ABinaryWithinAText", {{0x01, "a"}, {0x02, "b"}}, "fault 1002 a message within another one\n"},
      {"ALengthOf125InTwoBytes",
       {{0x81, std::string(125, 'a'), 2}},
       "fault 1002 a length in more bytes than it needs\n"},
      {"ALengthOf126InEightBytes",
       {{0x81, std::string(126, 'a'), 8}},
       "fault 1002 a length in more bytes than it needs\n"},
      {"ALengthOf65535InEightBytes",
       {{0x82, std::string(65535, 'a'), 8}},
       "fault 1002 a length in more bytes than it needs\n"},
      {"ALengthOf0InEightBytes", {{0x82, "", 8}}, "fault 1002 a length in more bytes than it needs\n"},

      {"AMessageAtTheLimit", {{0x82, std::string(kLimit, 'a')}}, "binary 1000 bytes\n"},
      {"AMessageAboveTheLimit", {{0x82, std::string(kLimit + 1, 'a')}}, kTooBig},
      {"FragmentsAtTheLimit", {{0x02, std::string(600, 'a')}, {0x80, std::string(400, 'a')}}, "binary 1000 bytes\n"},
      {"FragmentsAboveTheLimit", {{0x02, std::string(600, 'a')}, {0x80, std::string(401, 'a')}}, kTooBig},
      {"TheLimitIsOfOneMessage",
       {{0x82, std::string(600, 'a')}, {0x82, std::string(600, 'a')}},
       "binary 600 bytes\nbinary 600 bytes\n"},

      {"ACharacterInFragments", {{0x01, "\xE2"}, {0x00, "\x82"}, {0x80, "\xAC"}}, "text \xE2\x82\xAC\n"},
      {"ACharacterCutByAPing", {{0x01, "\xF0\x9F"}, {0x89}, {0x80, "\x98\x80"}}, "ping \ntext \xF0\x9F\x98\x80\n"},
      {"TextThatIsNotUtf8", {{0x81, "a\xFF"}}, kNotUtf8},
      {"TextThatEndsWithinACharacter", {{0x81, "\xE2\x82"}}, kNotUtf8},
      {"TextThatEndsWithinACharacterInItsLastFragment", {{0x01, "a"}, {0x80, "\xE2"}}, kNotUtf8},
      {"ASurrogate", {{0x81, "\xED\xA0\x80"}}, kNotUtf8},
      {"AnOverlongForm", {{0x81, "\xC0\xAF"}}, kNotUtf8},
      {"BinaryIsNotChecked", {{0x82, "\xFF\xFE"}}, "binary \xFF\xFE\n"},
      {"TextAfterBinaryIsChecked", {{0x82, "\xFF"}, {0x81, "\xFF"}}, std::string("binary \xFF\n") + kNotUtf8},
      {"TheNextTextBeginsAnew", {{0x81, "\xC3\xA4"}, {0x81, "\xA4"}}, std::string("text \xC3\xA4\n") + kNotUtf8},

      {"ACloseWithoutACode", {{0x88}}, "close 1005 \n"},
      {"ACloseOfOneByte", {{0x88, "\x03"}}, "fault 1002 a close frame with half a code\n"},
      {"ACloseWithAReason", {{0x88, code(1000, "bye")}}, "close 1000 bye\n"},
      {"AReasonOf123", {{0x88, code(1000, std::string(123, 'r'))}}, "close 1000 123 bytes\n"},
      {"AReasonOf124",
       {{0x88, code(1000, std::string(124, 'r'))}},
       "fault 1002 a control frame of more than 125 bytes\n"},
      {"AReasonThatIsNotUtf8", {{0x88, code(1000, "\xFF")}}, "fault 1007 a close reason that is not UTF-8\n"},
      {"AReasonThatEndsWithinACharacter",
       {{0x88, code(1000, "\xE2\x82")}},
       "fault 1007 a close reason that is not UTF-8\n"},
      {"ACloseWithinAMessage", {{0x01, "a"}, {0x88, code(1001)}}, "close 1001 \n"},
      {"NothingBehindAClose", {{0x88, code(1000)}, {0x81, "late"}, {0xFF, "late"}}, "close 1000 \n"},
      {"NothingBehindAFault", {{0x83, "x"}, {0x81, "late"}}, "fault 1002 an opcode that is not defined\n"},
  };
  for (const int first : {0x83, 0x84, 0x85, 0x86, 0x87, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F}) {
    list.push_back(
        {"AnUndefinedOpcode", {{0x81, "a"}, {first, "x"}}, "text a\nfault 1002 an opcode that is not defined\n"});
  }
  for (const int good :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    list.push_back({"ACodeForUse", {{0x88, code(good)}}, "close " + std::to_string(good) + " \n"});
  }
  for (const int bad : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32768, 65535}) {
    list.push_back({"ACodeThatIsNotForUse", {{0x88, code(bad)}}, "fault 1002 a close code that is not for use\n"});
  }
  return list;
}

class WebSocketReaderTest : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Cases, WebSocketReaderTest, ::testing::ValuesIn(cases()));

TEST_P(WebSocketReaderTest, HearsTheSameWhateverThePieces) {
  for (const Masking masking : {Masking::kRequired, Masking::kForbidden}) {
    const std::string bytes = bytes_of(GetParam().frames, masking);
    for (const std::size_t piece : {bytes.size(), std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
      EXPECT_EQ(heard(bytes, masking, piece), GetParam().events)
          << (masking == Masking::kRequired ? "of a client" : "of a server") << ", in pieces of " << piece;
    }
  }
}

TEST(WebSocketReaderMaskTest, AClientMustMaskAndAServerMustNot) {
  for (const Frame& frame : {Frame{0x81, "x"}, Frame{0x82}, Frame{0x89}, Frame{0x88}}) {
    EXPECT_EQ(heard(bytes_of(frame, Masking::kForbidden), Masking::kRequired, 100),
              "fault 1002 a client's frame without a mask\n");
    EXPECT_EQ(heard(bytes_of(frame, Masking::kRequired), Masking::kForbidden, 100),
              "fault 1002 a server's frame with a mask\n");
  }
}

TEST(WebSocketReaderMaskTest, ALengthOfSixtyFourBitsHasNoHighestBit) {
  EXPECT_EQ(heard(std::string("\x82\x7f\x80\0\0\0\0\0\0\0", 10), Masking::kForbidden, 100),
            "fault 1002 a length whose highest bit is set\n");
  EXPECT_EQ(heard(std::string("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10), Masking::kForbidden, 100), kTooBig);
}

// What shows at a byte is refused there: nothing behind it is needed.
TEST(WebSocketReaderMaskTest, RefusesAtTheFirstByteThatShowsIt) {
  const auto refused = [](std::string_view bytes) {
    return heard(bytes, Masking::kRequired, 100).starts_with("fault") &&
           heard(bytes.substr(0, bytes.size() - 1), Masking::kRequired, 100).empty();
  };
  EXPECT_TRUE(refused("\xC1"));
  EXPECT_TRUE(refused("\x83"));
  EXPECT_TRUE(refused("\x80"));
  EXPECT_TRUE(refused("\x09"));
  EXPECT_TRUE(refused(std::string_view("\x81\x05", 2)));
  EXPECT_TRUE(refused("\x89\xFE"));
  EXPECT_TRUE(refused(std::string_view("\x82\xFE\0\x7d", 4)));
  EXPECT_TRUE(refused(std::string_view("\x82\xFE\x03\xE9", 4))) << "a byte above the limit";
  EXPECT_TRUE(refused(std::string_view("\x81\x85\0\0\0\0ab\xC0", 9)));
  EXPECT_TRUE(refused(std::string_view("\x81\x85\0\0\0\0\xE0\x80", 8)));
}

// A header that announces much has not cost much yet.
TEST(WebSocketReaderMaskTest, MakesNoRoomForWhatIsOnlyAnnounced) {
  WebSocketReader reader(Masking::kForbidden, std::size_t{1} << 40U);
  std::string_view bytes("\x82\x7f\0\0\0\xff\xff\xff\xff\xff", 10);
  EXPECT_EQ(reader.next(bytes), WebSocketReader::Event::kNone);
}

}  // namespace
}  // namespace soak::net
