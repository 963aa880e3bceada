// SPDX-License-Identifier: Apache-2.0
#include "lib/net/websocket_reader.h"

#include <algorithm>
#include <utility>

#include "lib/text/format.h"

namespace soak::net {
namespace {

constexpr unsigned char kReserved = 0x70;
constexpr unsigned char kMasked = 0x80;
constexpr unsigned char kLength = 0x7f;
constexpr unsigned char kLength16 = 126;
constexpr unsigned char kLength64 = 127;

// Of an announced frame, what is made room for before any of it has come.
constexpr std::uint64_t kReserveMax = std::uint64_t{64} << 10U;

std::size_t length_bytes(unsigned char second) {
  const unsigned length = second & kLength;
  return length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
}

}  // namespace

Message WebSocketReader::take_message() { return std::exchange(message_, Message()); }

WebSocketReader::Event WebSocketReader::refuse(std::uint16_t code, std::string why) {
  state_ = State::kEnded;
  message_ = Message();
  fault_ = {code, std::move(why)};
  return Event::kFault;
}

WebSocketReader::Event WebSocketReader::next(std::string_view& bytes) {
  for (;;) {
    if (state_ == State::kEnded) {
      bytes = {};
      return Event::kNone;
    }
    if (state_ == State::kHeader) {
      if (!take_header(bytes)) {
        return state_ == State::kEnded ? Event::kFault : Event::kNone;
      }
      begin_payload();
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    take_payload(bytes.substr(0, size));
    bytes.remove_prefix(size);
    left_ -= size;
    if (!is_control() && message_.is_text() && !utf8_.check(message_.data)) {
      return refuse(kCloseInvalidData, "text that is not UTF-8");
    }
    if (left_ > 0) {
      return Event::kNone;
    }
    if (const Event event = end_frame(); event != Event::kNone) {
      return event;
    }
  }
}

// True once all of it is there. False: more bytes are needed, or it was refused.
bool WebSocketReader::take_header(std::string_view& bytes) {
  while (header_size_ < header_needed_) {
    if (bytes.empty()) {
      return false;
    }
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    header_[header_size_++] = byte;
    std::string_view wrong;
    if (header_size_ == 1) {
      wrong = check_first(byte);
    } else {
      if (header_size_ == 2) {
        wrong = check_second(byte);
        header_needed_ = 2 + length_bytes(byte) + (masking_ == Masking::kRequired ? key_.size() : 0);
      }
      if (wrong.empty() && header_size_ == 2 + length_bytes(header_[1])) {
        wrong = take_length();
        const std::size_t before = opcode() == Opcode::kContinuation ? message_.data.size() : 0;
        if (wrong.empty() && !is_control() && left_ > message_bytes_max_ - std::min(message_bytes_max_, before)) {
          refuse(kCloseTooBig, "message exceeds " + text::format_bytes(message_bytes_max_));
          return false;
        }
      }
    }
    if (!wrong.empty()) {
      refuse(kCloseProtocolError, std::string(wrong));
      return false;
    }
  }
  return true;
}

// What is wrong with the first byte of a frame; empty if nothing is.
std::string_view WebSocketReader::check_first(unsigned char byte) const {
  if ((byte & kReserved) != 0) {
    return "a reserved bit without an extension";
  }
  switch (static_cast<Opcode>(byte & 0xfU)) {
    case Opcode::kContinuation:
      return in_message_ ? "" : "a continuation of no message";
    case Opcode::kText:
    case Opcode::kBinary:
      return in_message_ ? "a message within another one" : "";
    case Opcode::kClose:
    case Opcode::kPing:
    case Opcode::kPong:
      return is_final() ? "" : "a control frame in fragments";
  }
  return "an opcode that is not defined";
}

std::string_view WebSocketReader::check_second(unsigned char byte) const {
  if (((byte & kMasked) != 0) != (masking_ == Masking::kRequired)) {
    return masking_ == Masking::kRequired ? "a client's frame without a mask" : "a server's frame with a mask";
  }
  if (is_control() && (byte & kLength) > kControlBytesMax) {
    return "a control frame of more than 125 bytes";
  }
  return {};
}

// Sets how long the payload is. What is wrong with it; empty if nothing is.
std::string_view WebSocketReader::take_length() {
  if (header_size_ == 2) {
    left_ = header_[1] & kLength;
    return {};
  }
  left_ = 0;
  for (std::size_t i = 2; i < header_size_; ++i) {
    left_ = left_ << 8U | header_[i];
  }
  if (left_ >> 63U != 0) {
    return "a length whose highest bit is set";
  }
  return left_ < kLength16 || (header_size_ > 4 && left_ <= 0xffff) ? "a length in more bytes than it needs" : "";
}

void WebSocketReader::begin_payload() {
  state_ = State::kPayload;
  if (masking_ == Masking::kRequired) {
    std::copy_n(header_.data() + header_needed_ - key_.size(), key_.size(), key_.data());
  }
  header_size_ = 0;
  header_needed_ = 2;
  if (is_control()) {
    control_size_ = 0;
    return;
  }
  if (opcode() != Opcode::kContinuation) {
    message_ = Message(opcode() == Opcode::kText ? Message::Kind::kText : Message::Kind::kBinary, {});
    message_.data.reserve(static_cast<std::size_t>(std::min(left_, kReserveMax)));
    utf8_ = {};
  }
  in_message_ = !is_final();
}

void WebSocketReader::take_payload(std::string_view piece) {
  if (is_control()) {
    std::copy(piece.begin(), piece.end(), control_.data() + control_size_);
    unmask(control_.data() + control_size_, piece.size());
    control_size_ += piece.size();
  } else {
    const std::size_t before = message_.data.size();
    message_.data.append(piece);
    unmask(message_.data.data() + before, piece.size());
  }
}

void WebSocketReader::unmask(char* data, std::size_t size) {
  if (masking_ == Masking::kRequired) {
    apply_mask(data, size, key_);
    std::rotate(key_.begin(), key_.begin() + static_cast<std::ptrdiff_t>(size % key_.size()), key_.end());
  }
}

WebSocketReader::Event WebSocketReader::end_frame() {
  state_ = State::kHeader;
  switch (opcode()) {
    case Opcode::kClose:
      return end_close();
    case Opcode::kPing:
      return Event::kPing;
    case Opcode::kPong:
      return Event::kPong;
    default:
      break;
  }
  if (!is_final()) {
    return Event::kNone;
  }
  if (message_.is_text() && !utf8_.whole()) {
    return refuse(kCloseInvalidData, "text that is not UTF-8");
  }
  return Event::kMessage;
}

WebSocketReader::Event WebSocketReader::end_close() {
  close_code_ = kCloseNoStatus;
  if (control_size_ == 1) {
    return refuse(kCloseProtocolError, "a close frame with half a code");
  }
  if (control_size_ >= 2) {
    close_code_ = static_cast<std::uint16_t>(static_cast<unsigned char>(control_[0]) << 8U |
                                             static_cast<unsigned char>(control_[1]));
    if (!is_close_code(close_code_)) {
      return refuse(kCloseProtocolError, "a close code that is not for use");
    }
    if (!text::is_utf8(close_reason())) {
      return refuse(kCloseInvalidData, "a close reason that is not UTF-8");
    }
  }
  state_ = State::kEnded;
  return Event::kClose;
}

}  // namespace soak::net
