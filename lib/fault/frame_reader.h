// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_FAULT_FRAME_READER_H_
#define SOAK_LIB_FAULT_FRAME_READER_H_

// Where a server's bytes are in its WebSocket: in the answer to the handshake, in which frame, or between two.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace soak::fault {

class FrameReader {
 public:
  // How many of `bytes` go on in the same place: up to the next middle of a frame, or end of one. At least one, unless
  // there is none.
  std::size_t take(std::string_view bytes);

  // 0 is the answer to the handshake, 1 the first frame after it. Between two it is the next one.
  std::uint64_t frame() const { return frame_; }
  bool is_between() const { return frame_ > 0 && place_ == Place::kHeader && header_bytes_ == 0; }
  // Half of the frame's payload was taken, if it can be halved; of the answer to the handshake the beginning of its
  // first line.
  bool is_in_the_middle() const { return in_the_middle_; }

 private:
  enum class Place : std::uint8_t { kHead, kHeader, kPayload };

  void take_header(unsigned char byte);

  Place place_ = Place::kHead;
  std::uint64_t frame_ = 0;
  std::size_t head_bytes_ = 0;
  std::size_t head_end_ = 0;  // Of "\r\n\r\n", so much was seen.
  std::size_t header_bytes_ = 0;
  std::size_t header_length_ = 2;
  std::size_t length_bytes_ = 0;  // Of its extended length.
  std::uint64_t payload_ = 0;
  std::uint64_t payload_left_ = 0;
  bool in_the_middle_ = false;
};

}  // namespace soak::fault

#endif  // SOAK_LIB_FAULT_FRAME_READER_H_
