// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_CHANNELS_SLACK_ERRORS_H_
#define SOAK_LIB_CHANNELS_SLACK_ERRORS_H_

// What the values of `error` in an answer of chat.postMessage mean (docs.slack.dev/reference/methods/chat.postMessage).

#include <string_view>

#include "lib/channels/service.h"

namespace soak::channels {

// An error that is not known is one of the message: it would be the same the next time.
Meaning slack_meaning(std::string_view error);

}  // namespace soak::channels

#endif  // SOAK_LIB_CHANNELS_SLACK_ERRORS_H_
