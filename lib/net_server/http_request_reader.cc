// SPDX-License-Identifier: Apache-2.0
#include "lib/net_server/http_request_reader.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "lib/net/field_syntax.h"
#include "lib/net/http_head.h"
#include "lib/text/ascii.h"
#include "lib/text/number.h"

namespace soak::net {
namespace {

// A request head beyond this is answered with 431, and so are the fields after a body in chunks.
constexpr std::size_t kHeadBytesMax = std::size_t{32} << 10;

// A line that gives the size of a chunk, with its extensions.
constexpr std::size_t kChunkLineMax = 256;

// Of an announced body, what is made room for before any of it has come.
constexpr std::size_t kReserveMax = std::size_t{1} << 20;

// What a connection keeps as a buffer between two requests.
constexpr std::size_t kInputKept = std::size_t{4} << 10;

bool read_number(std::string_view text, std::size_t& number, int base) {
  const auto read = text::parse_number<std::size_t>(text, base);
  number = read.value_or(number);
  return read.has_value();
}

// Its sender takes the line for ended, and would wait for an answer.
bool has_bare_line_feed(std::string_view text) {
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1)) {
    if (at == 0 || text[at - 1] != '\r') {
      return true;
    }
  }
  return false;
}

// "http://host/path" is what a client says to a proxy, and may say to any server.
std::string_view without_origin(std::string_view path) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (path.size() < scheme.size() || !text::equal_ignoring_case(path.substr(0, scheme.size()), scheme)) {
      continue;
    }
    const std::size_t slash = path.find('/', scheme.size());
    return slash == std::string_view::npos ? "/" : path.substr(slash);
  }
  return path;
}

}  // namespace

HttpServerRequest HttpRequestReader::take() {
  state_ = State::kHead;
  request_.body = std::exchange(body_, {});
  return std::exchange(request_, HttpServerRequest());
}

HttpRequestReader::Event HttpRequestReader::next() {
  if (state_ == State::kRefused) {
    return Event::kRefused;
  }
  const Event event = state_ == State::kHead ? read_head() : read_body();
  if (event != Event::kHead) {
    drop_consumed();
  }
  return event;
}

HttpRequestReader::Event HttpRequestReader::read_head() {
  // RFC 9112, section 2.2: some clients end a body with a line break that it does not count.
  while (scanned_ == at_ && at_ < input_.size() && (input_[at_] == '\r' || input_[at_] == '\n')) {
    scanned_ = ++at_;
  }
  if (at_ == input_.size()) {
    return Event::kNone;
  }
  // The ClientHello of TLS would be waited for to end as a request does, and its client for the answer to it.
  if (!is_token(std::string_view(input_).substr(at_, 1))) {
    return refuse(400, "Not an HTTP/1.1 request.\n");
  }
  const std::size_t end = input_.find("\r\n\r\n", std::max(at_, scanned_ < 3 ? 0 : scanned_ - 3));
  scanned_ = input_.size();
  // Where the end has not come, its first three bytes may have.
  if (end == std::string::npos ? input_.size() - at_ > kHeadBytesMax + 3 : end - at_ > kHeadBytesMax) {
    return refuse(431, "The head of the request is too long.\n");
  }
  if (end == std::string::npos) {
    if (has_bare_line_feed(std::string_view(input_).substr(at_))) {
      return refuse_line_feed();
    }
    return Event::kNone;
  }

  const std::string_view bytes = std::string_view(input_).substr(at_, end + 4 - at_);
  std::optional<RequestHead> head = parse_request_head(bytes);
  if (!head) {
    return is_of_other_version(bytes) ? refuse(505, "Not HTTP/1.1.\n") : refuse(400, "Not an HTTP/1.1 request.\n");
  }
  const std::vector<std::string> hosts = head->headers.get_all("Host");
  if (hosts.size() > 1 || (hosts.empty() && !head->http10)) {
    return refuse(400, "The Host field is missing or repeated.\n");
  }
  if (!hosts.empty() && !is_host(hosts.front())) {
    return refuse(400, "The Host field is not a host.\n");
  }
  scanned_ = at_ = end + 4;
  request_.method = std::move(head->method);
  request_.path = without_origin(head->path);
  if (!request_.path.starts_with('/') && request_.path != "*") {
    return refuse(400, "The target is not a path.\n");
  }
  request_.query = std::move(head->query);
  request_.headers = std::move(head->headers);
  asks_to_close_ = http10_ = head->http10;
  for (const std::string& option : split_list(request_.headers.get("Connection"))) {
    asks_to_close_ = asks_to_close_ || text::equal_ignoring_case(option, "close");
  }
  if (!read_framing()) {
    return Event::kRefused;
  }
  // RFC 9110, section 10.1.1: one of HTTP/1.0 does not count.
  expects_continue_ =
      !http10_ && left_ <= body_bytes_max_ && text::equal_ignoring_case(request_.headers.get("Expect"), "100-continue");
  return Event::kHead;
}

// Where the body ends. What two readers could understand in two ways is refused.
bool HttpRequestReader::read_framing() {
  left_ = 0;
  trailer_bytes_ = 0;
  const std::vector<std::string> lengths = request_.headers.get_all("Content-Length");
  if (const std::vector<std::string> codings = request_.headers.get_all("Transfer-Encoding"); !codings.empty()) {
    if (!lengths.empty()) {
      refuse(400, "Both Content-Length and Transfer-Encoding.\n");
    } else if (http10_) {
      refuse(400, "HTTP/1.0 has no Transfer-Encoding.\n");
    } else if (codings.size() > 1 || !text::equal_ignoring_case(codings.front(), "chunked")) {
      refuse(501, "A Transfer-Encoding other than chunked.\n");
    } else {
      state_ = State::kChunkSize;
    }
    return state_ != State::kRefused;
  }
  for (const std::string& length : lengths) {
    if (length != lengths.front() || !read_number(length, left_, 10)) {
      refuse(400, "Content-Length is not a number.\n");
      return false;
    }
  }
  state_ = State::kLength;
  return true;
}

bool HttpRequestReader::take_line(std::string_view& line) {
  const std::size_t end = input_.find("\r\n", at_);
  if (end == std::string::npos) {
    return false;
  }
  line = std::string_view(input_).substr(at_, end - at_);
  at_ = end + 2;
  return true;
}

HttpRequestReader::Event HttpRequestReader::read_body() {
  for (;;) {
    std::string_view line;
    switch (state_) {
      case State::kLength:
      case State::kChunk: {
        if (left_ > body_bytes_max_ - std::min(body_bytes_max_, body_.size())) {
          return refuse(413, "The body is too long.\n");
        }
        if (body_.empty()) {
          body_.reserve(std::min(left_, kReserveMax));
        }
        const std::size_t piece = std::min(left_, input_.size() - at_);
        body_.append(input_, at_, piece);
        at_ += piece;
        left_ -= piece;
        if (left_ > 0) {
          return Event::kNone;
        }
        state_ = state_ == State::kLength ? State::kWhole : State::kChunkEnd;
        break;
      }
      case State::kChunkSize: {
        const bool ended = take_line(line);
        // With the first byte of its end, which may have come alone.
        const std::size_t length = ended ? line.size() + 1 : input_.size() - at_;
        if (length > kChunkLineMax + 1) {
          return refuse(400, "The size of a chunk is too long.\n");
        }
        if (!ended) {
          if (has_bare_line_feed(std::string_view(input_).substr(at_))) {
            return refuse_line_feed();
          }
          return Event::kNone;
        }
        if (!is_field_value(line) || !read_number(text::trim(line.substr(0, line.find(';'))), left_, 16)) {
          return refuse(400, "The size of a chunk is not a number.\n");
        }
        state_ = left_ == 0 ? State::kTrailers : State::kChunk;
        break;
      }
      case State::kChunkEnd:
        if (input_.size() - at_ < 2) {
          return Event::kNone;
        }
        if (input_.compare(at_, 2, "\r\n") != 0) {
          return refuse(400, "A chunk does not end where its size says.\n");
        }
        at_ += 2;
        state_ = State::kChunkSize;
        break;
      case State::kTrailers:
        if (!take_line(line)) {
          if (input_.size() - at_ > kHeadBytesMax) {
            return refuse(431, "A trailer is too long.\n");
          }
          if (has_bare_line_feed(std::string_view(input_).substr(at_))) {
            return refuse_line_feed();
          }
          return Event::kNone;
        }
        if (!line.empty() && !parse_field(line)) {
          return refuse(400, "A trailer is not a field.\n");
        }
        trailer_bytes_ += line.size() + 2;
        if (trailer_bytes_ > kHeadBytesMax) {
          return refuse(431, "The trailers are too long.\n");
        }
        if (line.empty()) {
          state_ = State::kWhole;
        }
        break;
      default:
        return Event::kRequest;  // And so it stays until it is taken.
    }
  }
}

HttpRequestReader::Event HttpRequestReader::refuse_line_feed() {
  return refuse(400, "A line ends without a carriage return.\n");
}

HttpRequestReader::Event HttpRequestReader::refuse(int status, std::string text) {
  state_ = State::kRefused;
  refusal_ = HttpResponse(status, std::move(text));
  return Event::kRefused;
}

void HttpRequestReader::drop_consumed() {
  if (at_ == 0) {
    return;
  }
  input_.erase(0, at_);
  scanned_ = scanned_ > at_ ? scanned_ - at_ : 0;
  at_ = 0;
  // After a body the buffer would stay as big, and a client may keep a hundred connections for its next request.
  if (input_.empty() && input_.capacity() > kInputKept) {
    std::string().swap(input_);
  }
}

}  // namespace soak::net
