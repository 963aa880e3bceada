// SPDX-License-Identifier: Apache-2.0
// Hostile peers of a WebSocket: whatever they send, the same is read from it whatever the pieces in which it comes; a
// message is within the limit, and text is UTF-8; what is refused is so with a code that a close frame may have, and
// nothing is read behind it; and what is accepted, written down again, is read as it was.
//
// The first byte gives the side and the size of the pieces; what is behind it comes over the wire.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/net/frame.h"
#include "lib/net/websocket_reader.h"
#include "lib/text/utf8.h"
#include "require.h"

namespace soak {
namespace {

using fuzz::require;
using net::WebSocketReader;

constexpr std::size_t kMessageMax = 300;

struct Heard {
  WebSocketReader::Event event;
  std::string payload;
  std::uint16_t code = 0;
  bool is_text = false;

  bool operator==(const Heard&) const = default;
};

std::vector<Heard> read(std::string_view bytes, WebSocketReader::Masking masking, std::size_t piece_size) {
  WebSocketReader reader(masking, kMessageMax);
  std::vector<Heard> all;
  bool ended = false;
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, piece_size);
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      Heard heard{reader.next(piece), {}};
      if (heard.event == WebSocketReader::Event::kNone) {
        require(piece.empty(), "all that came is read");
        continue;
      }
      require(!ended, "nothing is read behind the end");
      switch (heard.event) {
        case WebSocketReader::Event::kMessage: {
          net::Message message = reader.take_message();
          require(message.data.size() <= kMessageMax, "a message is within the limit");
          require(!message.is_text() || text::is_utf8(message.data), "text is UTF-8");
          heard.is_text = message.is_text();
          heard.payload = std::move(message.data);
          break;
        }
        case WebSocketReader::Event::kPing:
        case WebSocketReader::Event::kPong:
          heard.payload = reader.control();
          break;
        case WebSocketReader::Event::kClose:
          heard.code = reader.close_code();
          heard.payload = reader.close_reason();
          require(heard.code == net::kCloseNoStatus || net::is_close_code(heard.code), "a close code is for use");
          require(text::is_utf8(heard.payload), "a close reason is UTF-8");
          ended = true;
          break;
        default:
          heard.code = reader.fault().code;
          require(net::is_close_code(heard.code) && !reader.fault().why.empty(), "a fault has a code and a reason");
          ended = true;
      }
      require(heard.event == WebSocketReader::Event::kMessage || heard.payload.size() <= net::kControlBytesMax,
              "a control frame is short");
      all.push_back(std::move(heard));
    }
  }
  return all;
}

// Every event but a fault, as a frame.
std::string written(const std::vector<Heard>& all, WebSocketReader::Masking masking) {
  std::string bytes;
  for (const Heard& heard : all) {
    std::string payload = heard.payload;
    net::Opcode opcode = heard.is_text ? net::Opcode::kText : net::Opcode::kBinary;
    if (heard.event == WebSocketReader::Event::kPing) {
      opcode = net::Opcode::kPing;
    } else if (heard.event == WebSocketReader::Event::kPong) {
      opcode = net::Opcode::kPong;
    } else if (heard.event == WebSocketReader::Event::kClose) {
      opcode = net::Opcode::kClose;
      payload = net::close_payload(heard.code, heard.payload);
    }
    std::vector<unsigned char> frame(net::kFrameHeadMax + payload.size());
    std::optional<net::MaskKey> key;
    if (masking == WebSocketReader::Masking::kRequired) {
      key = net::MaskKey{1, 2, 3, static_cast<unsigned char>(bytes.size())};
    }
    const std::size_t size = net::write_frame(frame.data(), opcode, payload, key);
    bytes.append(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
  }
  return bytes;
}

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  if (size == 0) {
    return 0;
  }
  const auto masking = (data[0] & 1U) != 0 ? WebSocketReader::Masking::kRequired : WebSocketReader::Masking::kForbidden;
  const std::string wire(data + 1, data + size);
  std::vector<Heard> all = read(wire, masking, wire.size() + 1);
  require(read(wire, masking, 1) == all, "it is read byte by byte as it is at once");
  require(read(wire, masking, data[0] / 2U + 1U) == all, "it is read in pieces as it is at once");
  if (!all.empty() && all.back().event == WebSocketReader::Event::kFault) {
    all.pop_back();
  }
  require(read(written(all, masking), masking, 7) == all, "what is accepted is read again as it was");
  return 0;
}
