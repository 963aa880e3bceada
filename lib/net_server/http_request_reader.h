// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_SERVER_HTTP_REQUEST_READER_H_
#define SOAK_LIB_NET_SERVER_HTTP_REQUEST_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "soak/net/http.h"

namespace soak::net {

// Takes the requests of a connection out of its bytes: HTTP/1.1 and 1.0, with a body by Content-Length or in chunks.
// Knows no socket.
class HttpRequestReader {
 public:
  enum class Event : std::uint8_t {
    kNone,     // More bytes are needed.
    kHead,     // The head has come; ask again for what follows.
    kRequest,  // All of it has.
    kRefused,  // Answer with refusal(), and close: where the next request begins is not known.
  };

  explicit HttpRequestReader(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  void append(std::string_view bytes) { input_.append(bytes); }
  Event next();

  // Whether bytes of a request have come that was not taken.
  bool begun() const { return state_ != State::kHead || at_ < input_.size(); }
  // From kHead on. Its body is empty until kRequest.
  const HttpServerRequest& request() const { return request_; }
  HttpServerRequest take();
  // The bytes behind the request, which are no request any more.
  std::string take_rest() { return std::exchange(input_, {}).substr(std::exchange(at_, 0)); }
  // The client waits for "100 Continue" before it sends the body. Not for a body that will be refused.
  bool expects_continue() const { return expects_continue_; }
  bool http10() const { return http10_; }
  bool asks_to_close() const { return asks_to_close_; }
  const HttpResponse& refusal() const { return refusal_; }

 private:
  enum class State : std::uint8_t { kHead, kLength, kChunkSize, kChunk, kChunkEnd, kTrailers, kWhole, kRefused };

  Event read_head();
  bool read_framing();
  Event read_body();
  bool take_line(std::string_view& line);
  Event refuse(int status, std::string text);
  Event refuse_line_feed();
  void drop_consumed();

  const std::size_t body_bytes_max_;
  State state_ = State::kHead;
  std::string input_;
  std::size_t at_ = 0;       // What is before it has been taken.
  std::size_t scanned_ = 0;  // Up to here there is no end of the head.
  HttpServerRequest request_;
  std::string body_;
  std::size_t left_ = 0;  // Of the body, or of the chunk.
  std::size_t trailer_bytes_ = 0;
  bool http10_ = false;
  bool expects_continue_ = false;
  bool asks_to_close_ = false;
  HttpResponse refusal_;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_SERVER_HTTP_REQUEST_READER_H_
