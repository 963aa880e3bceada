// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/openai/close.h"

#include <gtest/gtest.h>

namespace soak::voice {
namespace {

TEST(OpenAiCloseTest, KeyIsToBlameInEachShape) {
  EXPECT_EQ(read_openai_end(3000, "invalid_request_error.invalid_api_key", ""), OpenAiEnd::kBadKey);
  EXPECT_EQ(read_openai_end(3000, "", ""), OpenAiEnd::kBadKey);
  EXPECT_EQ(read_openai_end(1006, "", "invalid_api_key"), OpenAiEnd::kBadKey);  // The close frame was lost.
}

TEST(OpenAiCloseTest, RefusedRequestIsRefusedForGood) {
  EXPECT_EQ(read_openai_end(4000, "invalid_request_error.beta_api_shape_disabled", ""), OpenAiEnd::kRefused);
  EXPECT_EQ(read_openai_end(4000, "invalid_request_error.missing_model", "missing_model"), OpenAiEnd::kRefused);
  EXPECT_EQ(read_openai_end(1006, "", "beta_api_shape_disabled"), OpenAiEnd::kRefused);
}

TEST(OpenAiCloseTest, ExpiryIsToldFromAnotherGoingAway) {
  EXPECT_EQ(read_openai_end(1001, "Your session hit the maximum duration of 60 minutes.", ""), OpenAiEnd::kExpired);
  EXPECT_EQ(read_openai_end(1006, "", "session_expired"), OpenAiEnd::kExpired);
  EXPECT_EQ(read_openai_end(1001, "The server is shutting down.", ""), OpenAiEnd::kLost);
  EXPECT_EQ(read_openai_end(1001, "", "rate_limit_exceeded"), OpenAiEnd::kLost);
}

TEST(OpenAiCloseTest, EverythingElsePasses) {
  for (const int code : {1000, 1005, 1006, 1011, 1012, 1013, 1015, 3001, 4001}) {
    EXPECT_EQ(read_openai_end(static_cast<std::uint16_t>(code), "", ""), OpenAiEnd::kLost) << code;
  }
}

TEST(OpenAiCloseTest, StatusThatBlamesTheRequestIsPermanent) {
  for (const int status : {400, 401, 403, 404, 422}) {
    EXPECT_TRUE(is_permanent_refusal(status)) << status;
  }
  for (const int status : {302, 408, 429, 500, 502, 503}) {
    EXPECT_FALSE(is_permanent_refusal(status)) << status;
  }
}

}  // namespace
}  // namespace soak::voice
