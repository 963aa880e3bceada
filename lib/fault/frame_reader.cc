// SPDX-License-Identifier: Apache-2.0
#include "lib/fault/frame_reader.h"

#include <algorithm>

namespace soak::fault {
namespace {

constexpr std::size_t kHeadMiddle = 12;  // "HTTP/1.1 101".
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::size_t kMask = 4;

}  // namespace

std::size_t FrameReader::take(std::string_view bytes) {
  in_the_middle_ = false;
  std::size_t taken = 0;
  while (taken < bytes.size() && !in_the_middle_) {
    const char byte = bytes[taken];
    if (place_ == Place::kPayload) {
      const std::uint64_t half = payload_ / 2;
      const std::uint64_t until = payload_left_ > half ? payload_left_ - half : payload_left_;
      const auto step = static_cast<std::size_t>(std::min<std::uint64_t>(until, bytes.size() - taken));
      taken += step;
      payload_left_ -= step;
      in_the_middle_ = payload_left_ == half && half > 0;
      if (payload_left_ > 0) {
        continue;
      }
      place_ = Place::kHeader;
      ++frame_;
      return taken;
    }
    ++taken;
    if (place_ == Place::kHeader) {
      take_header(static_cast<unsigned char>(byte));
      if (is_between()) {
        return taken;
      }
      continue;
    }
    // A '\r' that breaks the row may begin the next one.
    head_end_ = byte == kHeadEnd[head_end_] ? head_end_ + 1 : byte == kHeadEnd[0] ? 1 : 0;
    in_the_middle_ = ++head_bytes_ == kHeadMiddle;
    if (head_end_ < kHeadEnd.size()) {
      continue;
    }
    place_ = Place::kHeader;
    ++frame_;
    return taken;
  }
  return taken;
}

void FrameReader::take_header(unsigned char byte) {
  ++header_bytes_;
  if (header_bytes_ == 2) {
    const unsigned length = byte & 0x7fU;
    length_bytes_ = length == 126 ? 2 : length == 127 ? 8 : 0;
    payload_ = length_bytes_ == 0 ? length : 0;
    header_length_ = 2 + length_bytes_ + ((byte & 0x80U) != 0 ? kMask : 0);
  } else if (header_bytes_ > 2 && header_bytes_ <= 2 + length_bytes_) {
    payload_ = (payload_ << 8U) | byte;
  }
  if (header_bytes_ < header_length_) {
    return;
  }
  header_bytes_ = 0;
  header_length_ = 2;
  payload_left_ = payload_;
  if (payload_ > 0) {
    place_ = Place::kPayload;
  } else {
    ++frame_;
  }
}

}  // namespace soak::fault
