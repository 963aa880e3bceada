// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_WEBSOCKET_READER_H_
#define SOAK_LIB_NET_WEBSOCKET_READER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/net/frame.h"
#include "lib/text/utf8.h"
#include "soak/net/websocket.h"

namespace soak::net {

// Takes messages and control frames out of the bytes that a peer sends after the handshake, and refuses what RFC 6455
// forbids, at the first byte that shows it. No extension is negotiated, so no reserved bit may be set. Knows no socket,
// and reads the same whatever the pieces in which the bytes come.
class WebSocketReader {
 public:
  enum class Masking : std::uint8_t {
    kRequired,   // The peer is a client (section 5.1).
    kForbidden,  // The peer is a server.
  };

  enum class Event : std::uint8_t {
    kNone,     // More bytes are needed.
    kMessage,  // take_message() has it.
    kPing,     // control() is its payload.
    kPong,
    kClose,  // close_code() and close_reason(). Nothing that comes behind it is read.
    kFault,  // The peer broke a rule: fault() says which. Nothing that comes behind it is read.
  };

  struct Fault {
    std::uint16_t code = 0;  // To close the connection with.
    std::string why;
  };

  // A message that would be longer is refused at the header of the frame that would make it so.
  WebSocketReader(Masking masking, std::size_t message_bytes_max)
      : masking_(masking), message_bytes_max_(message_bytes_max) {}

  // Takes bytes from the front of `bytes` until there is an event, or until none is left.
  Event next(std::string_view& bytes);

  Message take_message();
  std::string_view control() const { return {control_.data(), control_size_}; }
  std::uint16_t close_code() const { return close_code_; }  // 1005 if it has none.
  std::string_view close_reason() const { return control().substr(control_size_ < 2 ? control_size_ : 2); }
  const Fault& fault() const { return fault_; }

 private:
  enum class State : std::uint8_t { kHeader, kPayload, kEnded };

  bool take_header(std::string_view& bytes);
  std::string_view check_first(unsigned char byte) const;
  std::string_view check_second(unsigned char byte) const;
  std::string_view take_length();
  void begin_payload();
  void take_payload(std::string_view piece);
  void unmask(char* data, std::size_t size);
  Event end_frame();
  Event end_close();
  Event refuse(std::uint16_t code, std::string why);

  bool is_control() const { return (header_[0] & 0x8U) != 0; }
  bool is_final() const { return (header_[0] & 0x80U) != 0; }
  Opcode opcode() const { return static_cast<Opcode>(header_[0] & 0xfU); }

  const Masking masking_;
  const std::size_t message_bytes_max_;
  State state_ = State::kHeader;
  bool in_message_ = false;  // Its last fragment has not come.

  std::array<unsigned char, kFrameHeadMax> header_{};
  std::size_t header_size_ = 0;    // So much of it has come.
  std::size_t header_needed_ = 2;  // So much of it must have, for what is known.
  std::uint64_t left_ = 0;         // Of the payload.
  MaskKey key_{};                  // For the byte that comes next.

  Message message_;
  text::GrowingUtf8 utf8_;
  std::array<char, kControlBytesMax> control_{};
  std::size_t control_size_ = 0;
  std::uint16_t close_code_ = 0;
  Fault fault_;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_WEBSOCKET_READER_H_
