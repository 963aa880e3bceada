// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/openai/close.h"

namespace soak::voice {
namespace {

constexpr std::uint16_t kBadKeyClose = 3000;
constexpr std::uint16_t kBadRequestClose = 4000;
constexpr int kRequestTimeout = 408;
constexpr int kTooManyRequests = 429;

}  // namespace

OpenAiEnd read_openai_end(std::uint16_t code, std::string_view reason, std::string_view error_code) {
  const auto names = [&](std::string_view error) { return error_code == error || reason.ends_with(error); };
  if (code == kBadKeyClose || names("invalid_api_key")) {
    return OpenAiEnd::kBadKey;
  }
  if (code == kBadRequestClose || names("beta_api_shape_disabled")) {
    return OpenAiEnd::kRefused;
  }
  if (error_code == "session_expired" || reason.find("maximum duration") != std::string_view::npos) {
    return OpenAiEnd::kExpired;
  }
  return OpenAiEnd::kLost;
}

bool is_permanent_refusal(int status) {
  return status >= 400 && status < 500 && status != kRequestTimeout && status != kTooManyRequests;
}

}  // namespace soak::voice
