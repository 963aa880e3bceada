// SPDX-License-Identifier: Apache-2.0
#include "lib/voice/gemini/close.h"

#include <algorithm>

#include "lib/text/ascii.h"

namespace soak::voice {
namespace {

constexpr std::uint16_t kInvalidPayload = 1007;
constexpr std::uint16_t kPolicy = 1008;
constexpr std::uint16_t kInternal = 1011;

// Whatever the case of `text`; `words` are in lower case.
bool says(std::string_view text, std::string_view words) {
  return std::search(text.begin(), text.end(), words.begin(), words.end(),
                     [](char c, char wanted) { return text::to_lower(c) == wanted; }) != text.end();
}

}  // namespace

CloseMeaning read_close(std::uint16_t code, std::string_view reason) {
  if ((code == kInvalidPayload || code == kPolicy) && says(reason, "api key")) {
    return CloseMeaning::kBadKey;
  }
  switch (code) {
    case kInvalidPayload:
      // Of the client's making, whatever is sent: an outdated member, or a setup out of its place.
      return says(reason, "deprecated") || says(reason, "setup must be") ? CloseMeaning::kRefused
                                                                         : CloseMeaning::kBadPayload;
    case kPolicy:
      if (says(reason, "session not found")) {
        return CloseMeaning::kStaleHandle;
      }
      if (says(reason, "requested entity was not found") || says(reason, "operation was aborted")) {
        return CloseMeaning::kResume;
      }
      return CloseMeaning::kRefused;  // The model, or a policy that nobody has reported yet.
    case kInternal:
      return says(reason, "quota") || says(reason, "resource_exhausted") ? CloseMeaning::kOverQuota
                                                                         : CloseMeaning::kResume;
    default:
      return CloseMeaning::kResume;
  }
}

}  // namespace soak::voice
