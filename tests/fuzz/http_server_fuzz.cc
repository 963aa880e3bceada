// SPDX-License-Identifier: Apache-2.0
// Hostile clients of HttpServer on sockets: whatever they send, the requests that are read from it are the same
// whatever the pieces in which it comes, and what is read of one is read again when it is written down; each is
// answered, in order and with what its handler said, what is no request is refused by a status of 4xx or 5xx, and
// nothing is left when the client has gone.
//
// The first line gives the sizes of the pieces, again and again; what is behind it goes over the wire.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http_script.h"
#include "lib/net/field_syntax.h"
#include "lib/net_server/http_request_reader.h"
#include "lib/text/ascii.h"
#include "raw_socket.h"
#include "require.h"
#include "soak/event_loop.h"
#include "soak/net/http_server.h"
#include "soak/supervise.h"
#include "soak/task.h"

namespace soak {
namespace {

using namespace std::chrono_literals;
using fuzz::require;
using net::HttpRequestReader;

constexpr std::size_t kBodyMax = 1000;

// All of a request but whom it came from.
std::string text_of(const net::HttpServerRequest& request, bool with_framing) {
  std::string text = request.method + " " + request.path + (request.query.empty() ? "" : "?" + request.query);
  text += request.headers.contains("Host") ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
  for (const auto& [name, value] : request.headers) {
    const bool framing =
        text::equal_ignoring_case(name, "Content-Length") || text::equal_ignoring_case(name, "Transfer-Encoding");
    if (with_framing || !framing) {
      text += name + ": " + value + "\r\n";
    }
  }
  if (!with_framing) {
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return text + "\r\n" + request.body;
}

struct Heard {
  net::HttpServerRequest request;
  bool expects_continue = false;
  bool asks_to_close = false;

  bool operator==(const Heard& other) const {
    return text_of(request, true) == text_of(other.request, true) && expects_continue == other.expects_continue &&
           asks_to_close == other.asks_to_close;
  }
};

// What a connection says, up to the first request that is refused.
struct Dialogue {
  std::vector<Heard> requests;
  std::optional<int> refused;
  bool head_seen = false;  // Of the one that is refused, or unfinished.
  Heard unfinished;        // Its head.

  bool operator==(const Dialogue& other) const {
    return requests == other.requests && refused == other.refused && head_seen == other.head_seen &&
           unfinished == other.unfinished;
  }
};

std::vector<std::string_view> split(std::string_view bytes, const std::vector<std::size_t>& sizes) {
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; !bytes.empty(); ++i) {
    const std::size_t size = std::min(sizes[i % sizes.size()], bytes.size());
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return pieces;
}

// False when there is nothing more to come.
bool read_on(HttpRequestReader& reader, Dialogue& dialogue) {
  for (;;) {
    switch (reader.next()) {
      case HttpRequestReader::Event::kNone:
        return true;
      case HttpRequestReader::Event::kHead:
        require(!dialogue.head_seen && reader.request().body.empty(), "a head comes once, before its body");
        dialogue.head_seen = true;
        dialogue.unfinished = {reader.request(), reader.expects_continue(), reader.asks_to_close()};
        break;
      case HttpRequestReader::Event::kRequest: {
        Heard heard = std::exchange(dialogue.unfinished, {});
        heard.request = reader.take();
        require(std::exchange(dialogue.head_seen, false), "a request has a head");
        require(heard.request.body.size() <= kBodyMax, "a body is bounded");
        dialogue.requests.push_back(std::move(heard));
        break;
      }
      case HttpRequestReader::Event::kRefused:
        dialogue.refused = reader.refusal().status;
        require(*dialogue.refused >= 400 && *dialogue.refused < 600, "what is refused is an error");
        require(!reader.refusal().body.empty(), "it says why it refuses");
        require(reader.next() == HttpRequestReader::Event::kRefused, "what is refused stays so");
        return false;
    }
  }
}

Dialogue read(const std::vector<std::string_view>& pieces) {
  HttpRequestReader reader(kBodyMax);
  Dialogue dialogue;
  for (const std::string_view piece : pieces) {
    reader.append(piece);
    if (!read_on(reader, dialogue)) {
      break;
    }
  }
  return dialogue;
}

bool is_word(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; });
}

// No reader could take it for another one. Written down by its own words, it is understood as it was.
void require_sound(const net::HttpServerRequest& request) {
  require(is_word(request.method) && is_word(request.path) && is_word(request.query), "a request line has three words");
  require(request.headers.get_all("Host").size() <= 1, "a request is for one host at most");
  for (const auto& [name, value] : request.headers) {
    require(net::is_token(name) && net::is_field_value(value), "a field is one line");
  }
  const std::string text = text_of(request, false);
  const Dialogue again = read({text});
  require(again.requests.size() == 1 && text_of(again.requests[0].request, false) == text,
          "a request that is accepted is one in other words");
}

std::vector<std::size_t> sizes_of(std::string_view line) {
  std::vector<std::size_t> sizes;
  while (!line.empty()) {
    std::size_t size = 0;
    const char* const end = std::from_chars(line.data(), line.data() + line.size(), size).ptr;
    if (size > 0) {
      sizes.push_back(size);
    }
    line.remove_prefix(std::max<std::size_t>(static_cast<std::size_t>(end - line.data()), 1));
  }
  if (sizes.empty()) {
    sizes.push_back(1);
  }
  return sizes;
}

struct Response {
  int status = 0;
  std::string body;
  bool closes = false;
};

// The client.
class RawClient : public fuzz::RawSocket {
 public:
  using fuzz::RawSocket::RawSocket;

  Task<Response> read_response(bool has_body) {
    Response response;
    std::size_t end = std::string::npos;
    while ((end = input().find("\r\n\r\n")) == std::string::npos) {
      co_await read_more();
    }
    std::string_view head = std::string_view(input()).substr(0, end + 2);
    const std::string_view line = fuzz::take_line(head);
    require(line.starts_with("HTTP/1.1 "), "an answer is of HTTP/1.1");
    std::from_chars(line.data() + 9, line.data() + line.size(), response.status);
    std::size_t length = 0;
    while (!head.empty()) {
      const std::string_view field = fuzz::take_line(head);
      constexpr std::string_view kLength = "Content-Length: ";
      if (field.starts_with(kLength)) {
        std::from_chars(field.data() + kLength.size(), field.data() + field.size(), length);
      }
      if (field == "Connection: close") {
        response.closes = true;
      }
    }
    if (!has_body) {
      length = 0;
    }
    input().erase(0, end + 4);
    while (input().size() < length) {
      co_await read_more();
    }
    response.body = input().substr(0, length);
    input().erase(0, length);
    co_return response;
  }

  Task<> read_end() {
    while (!ended()) {
      co_await read_more();
    }
    require(input().empty(), "nothing is behind the last answer");
  }
};

Task<> converse(net::HttpServer& server, const std::vector<std::string_view>& pieces, const Dialogue& expected) {
  {
    RawClient client(server.port());
    for (const std::string_view piece : pieces) {
      if (!client.write(piece)) {
        break;
      }
      co_await sleep_for(0ms);
    }
    bool closes = false;
    for (const Heard& heard : expected.requests) {
      if (closes) {
        break;
      }
      if (heard.expects_continue) {
        const Response response = co_await client.read_response(false);
        require(response.status == 100, "the client may go on");
      }
      const Response response = co_await client.read_response(heard.request.method != "HEAD");
      closes = response.closes;
      require(response.status == 200, "what is accepted is answered");
      require(closes == heard.asks_to_close, "the connection ends as the client asks for");
      require(heard.request.method == "HEAD" || response.body == text_of(heard.request, true),
              "the handler sees what was sent");
    }
    if (!closes && expected.head_seen && expected.unfinished.expects_continue) {
      const Response response = co_await client.read_response(false);
      require(response.status == 100, "the client may go on");
    }
    if (!closes && expected.refused) {
      const bool has_body = !expected.head_seen || expected.unfinished.request.method != "HEAD";
      const Response response = co_await client.read_response(has_body);
      closes = response.closes;
      require(response.status == *expected.refused && closes, "what is refused is the last of its connection");
      require(!has_body || !response.body.empty(), "it says why it refuses");
    }
    if (closes) {
      co_await client.read_end();
    }
  }
  for (int turns = 0; server.open_connections() > 0 && turns < 5'000; ++turns) {
    co_await sleep_for(1ms);
  }
  require(server.open_connections() == 0 && server.requests_under_way() == 0, "nothing of a connection is left");
}

Task<net::HttpReply> tell(net::HttpServerRequest request) { co_return net::HttpReply(200, text_of(request, true)); }

}  // namespace
}  // namespace soak

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace soak;
  const std::string all(data, data + size);
  std::string_view bytes(all);
  const std::vector<std::size_t> sizes = sizes_of(fuzz::take_line(bytes));
  const std::vector<std::string_view> pieces = split(bytes, sizes);
  const Dialogue expected = read({bytes});
  require(read(pieces) == expected, "it is read in pieces as it is at once");
  require(read(split(bytes, {1})) == expected, "it is read byte by byte as it is at once");
  for (const Heard& heard : expected.requests) {
    require_sound(heard.request);
  }

  UvLoop loop;
  net::HttpServerOptions options;
  options.body_bytes_max = kBodyMax;
  net::HttpServer server(loop, &tell, options);
  loop.run(converse(server, pieces, expected));
  return 0;
}
