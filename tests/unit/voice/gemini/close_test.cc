// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/gemini/close.h"

#include <gtest/gtest.h>

#include <ostream>

namespace soak::voice {

void PrintTo(CloseMeaning meaning, std::ostream* out) { *out << "meaning " << static_cast<int>(meaning); }

namespace {

TEST(GeminiCloseTest, ReasonsThatUsersReportAreRead) {
  EXPECT_EQ(read_close(1000, ""), CloseMeaning::kResume);
  EXPECT_EQ(read_close(1006, ""), CloseMeaning::kResume);
  EXPECT_EQ(read_close(1007, "Request contains an invalid argument."), CloseMeaning::kBadPayload);
  EXPECT_EQ(read_close(1007, "API key expired. Please renew the API key."), CloseMeaning::kBadKey);
  EXPECT_EQ(read_close(1007, "API key not valid. Please pass a valid API key."), CloseMeaning::kBadKey);
  EXPECT_EQ(read_close(1007, "realtime_input.media_chunks is deprecated. Use audio, video, or text instead."),
            CloseMeaning::kRefused);
  EXPECT_EQ(read_close(1007, "setup must be the first message and only the first"), CloseMeaning::kRefused);
  EXPECT_EQ(read_close(1008, "models/x is not found for API version v1beta, or is not supported for bidiGener"),
            CloseMeaning::kRefused);
  EXPECT_EQ(read_close(1008, "BidiGenerateContent session not found"), CloseMeaning::kStaleHandle);
  EXPECT_EQ(read_close(1008, "Your API key was reported as leaked. Please use another"), CloseMeaning::kBadKey);
  EXPECT_EQ(read_close(1008, "Requested entity was not found."), CloseMeaning::kResume);
  EXPECT_EQ(read_close(1008, "The operation was aborted"), CloseMeaning::kResume);
  EXPECT_EQ(read_close(1011, "Deadline expired before operation could complete."), CloseMeaning::kResume);
  EXPECT_EQ(read_close(1011, "The service is currently unavailable."), CloseMeaning::kResume);
  EXPECT_EQ(read_close(1011, "Internal error occurred"), CloseMeaning::kResume);
  EXPECT_EQ(read_close(1011, "You exceeded your current quota, please check your plan"), CloseMeaning::kOverQuota);
  EXPECT_EQ(read_close(1011, "RESOURCE_EXHAUSTED"), CloseMeaning::kOverQuota);
}

TEST(GeminiCloseTest, UnknownReasonIsReadByItsCode) {
  EXPECT_EQ(read_close(1007, "something new"), CloseMeaning::kBadPayload);
  EXPECT_EQ(read_close(1008, "something new"), CloseMeaning::kRefused);
  EXPECT_EQ(read_close(1011, ""), CloseMeaning::kResume);
  EXPECT_EQ(read_close(1012, "something new"), CloseMeaning::kResume);
}

}  // namespace
}  // namespace soak::voice
