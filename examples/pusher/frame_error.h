// SPDX-License-Identifier: Apache-2.0
#ifndef PUSHER_FRAME_ERROR_H_
#define PUSHER_FRAME_ERROR_H_

#include <string>

#include "soak/error.h"

namespace pusher {

// A message is not what the protocol says. The text says what is wrong and what is expected.
class FrameError : public soak::Error {
 public:
  explicit FrameError(const std::string& what) : soak::Error(soak::Errc::kProtocol, what) {}
};

}  // namespace pusher

#endif  // PUSHER_FRAME_ERROR_H_
