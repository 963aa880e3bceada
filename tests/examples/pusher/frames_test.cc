// SPDX-License-Identifier: Apache-2.0
#include "pusher/frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <variant>

namespace pusher {
namespace {

using testing::HasSubstr;

std::string frame(std::uint32_t type, std::string_view payload) {
  std::string out;
  for (unsigned i = 0; i < 4; ++i) {
    out.push_back(static_cast<char>((type >> (8 * i)) & 0xFFU));
  }
  return out.append(payload);
}

std::string why_refused(const std::string& message) {
  try {
    decode_listen_frame(message);
  } catch (const FrameError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(FramesTest, TypesAreTheFirstFourBytesLittleEndian) {
  EXPECT_EQ(encode(Heartbeat{}), std::string("\x64\x00\x00\x00", 4));
  EXPECT_EQ(encode(Conversation{"c"}), std::string("\x67\x00\x00\x00"
                                                   "c",
                                                   5));
  EXPECT_EQ(encode(Finalized{}).substr(0, 4), std::string("\xC9\x00\x00\x00", 4));
}

TEST(FramesTest, AudioIsADoubleAndItsSamples) {
  const Audio audio{1.5, std::string("\x01\x00\xFF\x7F", 4)};

  const std::string bytes = encode(audio);

  ASSERT_EQ(bytes.size(), 16u);
  EXPECT_EQ(bytes.substr(4, 8), std::string("\x00\x00\x00\x00\x00\x00\xF8\x3F", 8));
  EXPECT_EQ(std::get<Audio>(decode_listen_frame(bytes)), audio);
}

TEST(FramesTest, EveryFrameComesBackAsItWas) {
  const Transcript transcript{R"([{"text":"hi"},{"text":"ho"}])", 2, "m1"};
  const Finalize finalize{"c1", "de", R"({"openai":"k"})", "job-1", 7};
  const SpeakerSample sample{"p", "c", {"s1", "s2"}};
  const Finalized failed{"c1", false, "job_leased", false, true, 7};
  const Finalized done{"c1", true, "", true, false, 8};

  EXPECT_EQ(decode_listen_frame(encode(Heartbeat{})), ListenFrame(Heartbeat{}));
  EXPECT_EQ(decode_listen_frame(encode(transcript)), ListenFrame(transcript));
  EXPECT_EQ(decode_listen_frame(encode(Conversation{"gespräch"})), ListenFrame(Conversation{"gespräch"}));
  EXPECT_EQ(decode_listen_frame(encode(finalize)), ListenFrame(finalize));
  EXPECT_EQ(decode_listen_frame(encode(sample)), ListenFrame(sample));
  EXPECT_EQ(decode_pusher_frame(encode(failed)), PusherFrame(failed));
  EXPECT_EQ(decode_pusher_frame(encode(done)), PusherFrame(done));
  EXPECT_EQ(decode_pusher_frame(encode(AudioTimelineAck{3})), PusherFrame(AudioTimelineAck{3}));
}

TEST(FramesTest, WhatMayBeAbsentHasItsDefault) {
  const Finalize bare = std::get<Finalize>(decode_listen_frame(frame(104, R"({"conversation_id":"c"})")));
  const Transcript no_id = std::get<Transcript>(decode_listen_frame(frame(102, R"({"segments":[],"memory_id":null})")));

  EXPECT_EQ(bare, (Finalize{"c", "en", "null", "", 0}));
  EXPECT_EQ(no_id, (Transcript{"[]", 0, ""}));
  EXPECT_FALSE((SpeakerSample{"p", "c", {}}).complete());
  EXPECT_TRUE((SpeakerSample{"p", "c", {"s"}}).complete());
}

struct Refused {
  std::string message;
  const char* why;
};

TEST(FramesTest, WhatIsNoFrameIsRefusedWithWhatIsExpected) {
  const std::string nan = frame(101, std::string_view("\x00\x00\x00\x00\x00\x00\xF8\x7F\x00\x00", 10));
  for (const Refused& refused : {
           Refused{"", "0 bytes"},
           Refused{"abc", "3 bytes"},
           Refused{frame(99, ""), "type 99, expected 100 to 105"},
           Refused{frame(106, ""), "type 106"},
           Refused{frame(201, "{}"), "type 201"},
           Refused{frame(0x01000064, ""), "type 16777316"},
           Refused{frame(101, "1234567"), "11 bytes, expected at least 12"},
           Refused{frame(101,
                         "12345678"
                         "9"),
                   "samples of 2 bytes"},
           Refused{nan, "not finite"},
           Refused{frame(102, "{"), "no JSON"},
           Refused{frame(102, "{} x"), "no JSON"},
           Refused{frame(102, "[]"), "a JSON object"},
           Refused{frame(102, "{}"), "segments: expected an array"},
           Refused{frame(102, R"({"segments":[1]})"), "objects only"},
           Refused{frame(102, R"({"segments":[],"memory_id":1})"), "memory_id: expected a string or null"},
           Refused{frame(102, "{\"segments\":[],\"memory_id\":\"\xFF\"}"), "no JSON in UTF-8"},
           Refused{frame(103, ""), "conversation id"},
           Refused{frame(103, "a\xC3"), "UTF-8"},
           Refused{frame(103, "\xED\xA0\x80"), "UTF-8"},
           Refused{frame(104, R"({"conversation_id":""})"), "not empty"},
           Refused{frame(104, R"({"conversation_id":"c","dispatch_generation":true})"), "an integer"},
           Refused{frame(104, R"({"conversation_id":"c","dispatch_generation":1.5})"), "an integer"},
           Refused{frame(104, R"({"conversation_id":"c","byok_keys":"k"})"), "an object or null"},
           Refused{frame(104, R"({"conversation_id":"c","finalization_result_protocol":1})"), "expected 2"},
           Refused{frame(105, R"({"person_id":"p","conversation_id":"c","segment_ids":[1]})"), "strings only"},
           Refused{frame(105, R"({"person_id":"p","segment_ids":[]})"), "conversation_id: expected a string"},
       }) {
    EXPECT_THAT(why_refused(refused.message), HasSubstr(refused.why)) << testing::PrintToString(refused.message);
  }
}

TEST(FramesTest, AudioOfNoSamplesIsAllowedAndTwelveBytesLong) {
  EXPECT_EQ(why_refused(frame(101, "12345678")), "accepted");
}

// A million brackets cost a recursive parser, or writer, its stack.
TEST(FramesTest, DeepNestingCostsNoStack) {
  const auto nested = [](std::size_t depth) {
    return frame(102, R"({"segments":[{"a":")" + std::string(99, '[') + R"(\"[","b":)" + std::string(depth, '[') +
                          std::string(depth, ']') + "}]}");
  };

  EXPECT_THAT(why_refused(nested(1'000'000)), HasSubstr("nested too deep"));
  EXPECT_EQ(why_refused(nested(61)), "accepted");
}

TEST(FramesTest, TheUsersKeysAreInNoErrorText) {
  const std::string text = why_refused(frame(104, R"({"conversation_id":"c","byok_keys":["sk-secret"]})"));

  EXPECT_EQ(text.find("sk-secret"), std::string::npos);
}

TEST(FramesTest, SampleRatesAreFrom8000To48000) {
  EXPECT_EQ(parse_sample_rate("8000"), 8000u);
  EXPECT_EQ(parse_sample_rate("48000"), 48000u);
  for (const char* text : {"7999", "48001", "", "16k", " 16000", "16000.0", "-16000", "99999999999999"}) {
    EXPECT_EQ(parse_sample_rate(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pusher
