// SPDX-License-Identifier: Apache-2.0
// What only an HttpServer on sockets has: bytes, and clients that are not ours.

#include <cerrno>
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "lib/net_server/http_request_reader.h"
#include "tests/unit/net/http_transports.h"
#include "tests/unit/net/raw_socket.h"

namespace soak::net {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kPost[] = "POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";

class HttpServerTest : public HttpTransportTest<Real> {
 protected:
  HttpServerTest() {
    // What a test's own client sent, as "POST /a?b=c body".
    handler_ = [this](HttpServerRequest request) -> Task<HttpReply> {
      seen_.push_back(request.method + " " + request.path + "?" + request.query + " " + request.body);
      co_return HttpReply(200, "got " + request.body);
    };
  }

  // Runs the loop until `client`, which plays on a thread of its own, is done.
  template <typename Client>
  void serve(Client client) {
    auto done = std::async(std::launch::async, std::move(client));
    auto wait = [&]() -> Task<> {
      while (done.wait_for(0s) != std::future_status::ready) {
        co_await sleep_for(1ms);
      }
    };
    loop_.run(wait());
    done.get();
  }

  HttpHandler handler_;
  std::vector<std::string> seen_;
};

TEST_F(HttpServerTest, AnswersARequestAndKeepsTheConnection) {
  HttpServer server(loop_, handler_);
  serve([&] {
    const RawClient raw(server.port());
    for (int i = 0; i < 3; ++i) {
      raw.write(kPost);
      EXPECT_THAT(raw.read_to("got body"),
                  ::testing::MatchesRegex("HTTP/1.1 200 OK\r\nContent-Length: 8\r\nDate: [^\r]*\r\n\r\ngot body"));
    }
  });
  EXPECT_THAT(seen_, ElementsAre("POST /a?b=c body", "POST /a?b=c body", "POST /a?b=c body"));
}

TEST_F(HttpServerTest, TakesARequestByteByByte) {
  HttpServer server(loop_, handler_);
  serve([&] {
    const RawClient raw(server.port());
    for (const char byte : std::string_view(kPost)) {
      raw.write({&byte, 1});
    }
    EXPECT_THAT(raw.read_to("got body"), StartsWith("HTTP/1.1 200 "));
  });
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInTheirOrder) {
  HttpServer server(loop_, [this](HttpServerRequest request) -> Task<HttpReply> {
    seen_.push_back(request.path);
    co_await sleep_for(request.path == "/1" ? 10ms : 0ms);
    co_return HttpReply(200, request.path);
  });
  serve([&] {
    const RawClient raw(server.port());
    std::string all;
    for (const char* const path : {"/1", "/2", "/3"}) {
      all += std::string("GET ") + path + " HTTP/1.1\r\nHost: h\r\n\r\n";
    }
    raw.write(all);
    EXPECT_THAT(
        raw.read_to("/3"),
        ::testing::ContainsRegex("\r\n\r\n/1HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: [^\r]*\r\n\r\n/2HTTP/1.1"));
    // One that comes while another is answered.
    raw.write("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n");
    raw.write("GET /4 HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(raw.read_to("/4"), HasSubstr("\r\n\r\n/1HTTP/1.1"));
  });
  EXPECT_THAT(seen_, ElementsAre("/1", "/2", "/3", "/1", "/4"));
}

TEST_F(HttpServerTest, ToldToContinueAClientSendsItsBody) {
  HttpServer server(loop_, handler_);
  serve([&] {
    const RawClient raw(server.port());
    raw.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(raw.read_to("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    raw.write("now");
    EXPECT_THAT(raw.read_to("got now"), StartsWith("HTTP/1.1 200 "));
  });
}

TEST_F(HttpServerTest, ARequestThatTakesTooLongIsAnsweredWith408) {
  HttpServerOptions options;
  options.request_timeout = 20ms;
  HttpServer server(loop_, handler_, options);
  serve([&] {
    for (const char* const part : {"POST / HT", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhal"}) {
      const RawClient raw(server.port());
      raw.write(part);
      EXPECT_THAT(raw.read_all(), AllOf(StartsWith("HTTP/1.1 408 "), HasSubstr("\r\nConnection: close\r\n")));
    }
  });
  EXPECT_THAT(seen_, ElementsAre());
}

TEST_F(HttpServerTest, AnIdleConnectionEndsWithoutAWord) {
  HttpServerOptions options;
  options.keep_alive = 20ms;
  HttpServer server(loop_, handler_, options);
  options.request_timeout = 20ms;
  HttpServer impatient(loop_, handler_, options);
  serve([&] {
    const RawClient silent(impatient.port());
    EXPECT_EQ(silent.read_all(), "");
    const RawClient kept(server.port());
    kept.write(kPost);
    EXPECT_THAT(kept.read_all(), EndsWith("got body"));
  });
}

TEST_F(HttpServerTest, AResetIsAReset) {
  HttpServerOptions options;
  options.on_head = [](const HttpServerRequest& request) { return request.path != "/head"; };
  HttpServer server(
      loop_, [](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply::reset(); }, options);
  serve([&] {
    const RawClient whole(server.port());
    whole.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(whole.read_end(), ECONNRESET);
    const RawClient head(server.port());
    head.write("POST /head HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
    EXPECT_EQ(head.read_end(), ECONNRESET);
  });
}

TEST_F(HttpServerTest, AResetBehindBytesThatAreNoRequestYetEndsTheConnection) {
  HttpServer server(loop_, handler_);
  {  // Before the loop runs, so that the server sees both at once.
    RawClient raw(server.port());
    raw.write("GET / HT");
    raw.reset();
  }
  serve([&] {
    const RawClient behind(server.port());
    behind.write(kPost);
    behind.read_to("got body");
  });
  run([&]() -> Task<> { co_await until([&] { return server.open_connections() == 0; }); });
}

TEST_F(HttpServerTest, TheLastResponseArrivesThoughTheClientStillSends) {
  HttpServerOptions options;
  options.body_bytes_max = 10;
  HttpServer server(loop_, handler_, options);
  serve([&] {
    const RawClient raw(server.port());
    raw.write("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n");
    EXPECT_THAT(raw.read_to("\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
    raw.write(std::string(300'000, 'x'));
    EXPECT_EQ(raw.read_to("long.\n"), "The body is too long.\n");
    EXPECT_EQ(raw.read_end(), 0);
  });
  EXPECT_THAT(seen_, ElementsAre());
}

TEST_F(HttpServerTest, ChunksThatAreTooLongTogetherAreRefused) {
  HttpServerOptions options;
  options.body_bytes_max = 10;
  HttpServer server(loop_, handler_, options);
  serve([&] {
    const RawClient raw(server.port());
    raw.write("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n12345\r\n0\r\n\r\n");
    EXPECT_THAT(raw.read_all(), StartsWith("HTTP/1.1 413 "));
  });
}

TEST_F(HttpServerTest, WaitsForASlowReader) {
  const std::string big = patterned(std::size_t{24} << 20);  // More than the sockets hold.
  HttpServer server(loop_, [&](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply(200, big); });
  serve([&] {
    const RawClient raw(server.port());
    raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    raw.read_to("\r\n\r\n");
    EXPECT_TRUE(raw.read(big.size()) == big);
    raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    raw.read_to("\r\n\r\n");
    EXPECT_TRUE(raw.read(big.size()) == big);
  });
}

TEST_F(HttpServerTest, AReaderThatLeavesEndsItsResponse) {
  const std::string big = patterned(std::size_t{24} << 20);
  HttpServer server(loop_, [&](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply(200, big); });
  serve([&] {
    const RawClient raw(server.port());
    raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    raw.read_to("\r\n\r\n");
  });
  run([&]() -> Task<> { co_await until([&] { return server.open_connections() == 0; }); });
  EXPECT_EQ(server.requests_under_way(), 0u);
}

TEST_F(HttpServerTest, TellsAClientOfTlsThatItSpeaksNone) {
  HttpServer server(loop_, handler_);
  serve([&] {
    const RawClient raw(server.port());
    raw.write(std::string_view("\x16\x03\x01\x02\x00\x01", 6));
    EXPECT_THAT(raw.read_all(), StartsWith("HTTP/1.1 400 "));
  });
}

TEST_F(HttpServerTest, ARefusalAfterAHeadRequestHasItsBody) {
  HttpServer server(loop_, handler_);
  serve([&] {
    const RawClient raw(server.port());
    raw.write("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(raw.read_to("\r\n\r\n"),
                ::testing::MatchesRegex("HTTP/1.1 200 OK\r\nContent-Length: 4\r\nDate: [^\r]*\r\n\r\n"));
    raw.write("NO HTTP\r\n\r\n");
    EXPECT_THAT(raw.read_all(), EndsWith("\r\n\r\nNot an HTTP/1.1 request.\n"));
  });
}

// RFC 9110, section 6.6.1.
TEST_F(HttpServerTest, EveryResponseHasADate) {
  HttpServer server(loop_, [](HttpServerRequest request) -> Task<HttpReply> {
    Headers headers;
    if (request.path == "/own") {
      headers.add("Date", "Thu, 01 Jan 1970 00:00:00 GMT");
    }
    co_return HttpReply(200, "", std::move(headers));
  });
  serve([&] {
    const RawClient raw(server.port());
    raw.write("GET /own HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nno HTTP\r\n\r\n");
    EXPECT_THAT(raw.read_to("\r\n\r\n"), HasSubstr("\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"));
    const auto date =
        ::testing::ContainsRegex("\r\nDate: [A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] 20[0-9][0-9] [0-9:]+ GMT\r\n");
    EXPECT_THAT(raw.read_to("\r\n\r\n"), date);
    EXPECT_THAT(raw.read_to("\r\n\r\n"), AllOf(StartsWith("HTTP/1.1 400 "), date));
  });
}

TEST_F(HttpServerTest, AnswersAClientOfHttp10AndCloses) {
  HttpServer server(loop_, handler_);
  serve([&] {
    const RawClient raw(server.port());
    raw.write("POST /a HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
    EXPECT_THAT(raw.read_all(),
                AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("\r\nConnection: close\r\n"), EndsWith("got body")));
  });
}

TEST_F(HttpServerTest, AnswersAClientThatHasEndedItsDirection) {
  HttpServer server(loop_, [this](HttpServerRequest request) -> Task<HttpReply> {
    seen_.push_back(request.path);
    co_await sleep_for(20ms);
    co_return HttpReply(200, "got " + request.body);
  });
  serve([&] {
    const RawClient raw(server.port());
    raw.write(std::string(kPost) + kPost);
    raw.end_writing();
    EXPECT_THAT(raw.read_to("got body"), StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(raw.read_all(), EndsWith("got body"));
  });
  EXPECT_EQ(seen_.size(), 2u);
  run([&]() -> Task<> { co_await until([&] { return server.open_connections() == 0; }); });
}

TEST_F(HttpServerTest, TakesEveryFormOfAHost) {
  HttpServer server(loop_, handler_);
  serve([&] {
    for (const char* const host : {"", "h", "h:", "h:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b-c.d%41:1"}) {
      const RawClient raw(server.port());
      raw.write("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
      EXPECT_THAT(raw.read_to("got "), StartsWith("HTTP/1.1 200 ")) << host;
    }
  });
}

TEST_F(HttpServerTest, TakesTheTargetOfAProxy) {
  HttpServer server(loop_, handler_);
  serve([&] {
    const RawClient raw(server.port());
    raw.write("GET http://example.test/a?b=c HTTP/1.1\r\nHost: example.test\r\n\r\n");
    EXPECT_THAT(raw.read_to("got "), StartsWith("HTTP/1.1 200 "));
    raw.write("GET http://example.test HTTP/1.1\r\nHost: example.test\r\n\r\n");
    EXPECT_THAT(raw.read_to("got "), StartsWith("HTTP/1.1 200 "));
  });
  EXPECT_THAT(seen_, ElementsAre("GET /a?b=c ", "GET /? "));
}

TEST_F(HttpServerTest, LeavesNoDescriptorBehind) {
  std::size_t before = 0;
  std::size_t after = 0;
  const auto round = [&](std::size_t& fds) {
    {
      HttpServer server(loop_, handler_, server_options());
      HttpClient client(loop_, client_options());
      run([&]() -> Task<> {
        for (int i = 0; i < 3; ++i) {
          HttpRequest request("POST", server.url() + "/", "x");
          co_await client.send(std::move(request));
        }
      });
      serve([&] {
        const RawClient raw(server.port());
        raw.write("POST / HT");
      });
    }
    run([&]() -> Task<> { fds = co_await settled_fds(loop_); });
  };
  round(before);
  for (int i = 0; i < 5; ++i) {
    round(after);
  }
  EXPECT_EQ(after, before);
  EXPECT_EQ(loop_.closing_handles(), 0u);
}

struct BadRequest {
  const char* name;
  std::string bytes;
  int status;
};
void PrintTo(const BadRequest& request, std::ostream* out) { *out << request.name; }

class HttpRefusalTest : public ::testing::TestWithParam<BadRequest> {};

TEST_P(HttpRefusalTest, IsAnsweredAndTheConnectionEnds) {
  UvLoop loop;
  int requests = 0;
  HttpServer server(loop, [&](HttpServerRequest) -> Task<HttpReply> {
    ++requests;
    co_return HttpReply(200);
  });
  std::string answer;
  auto done = std::async(std::launch::async, [&] {
    const RawClient raw(server.port());
    raw.write(GetParam().bytes);
    answer = raw.read_all();
  });
  auto wait = [&]() -> Task<> {
    while (done.wait_for(0s) != std::future_status::ready) {
      co_await sleep_for(1ms);
    }
  };
  loop.run(wait());

  EXPECT_THAT(answer, AllOf(StartsWith("HTTP/1.1 " + std::to_string(GetParam().status) + " "),
                            HasSubstr("\r\nConnection: close\r\n"), EndsWith(".\n")));
  EXPECT_EQ(requests, 0);
}

const std::string kHead = "POST / HTTP/1.1\r\nHost: h\r\n";

INSTANTIATE_TEST_SUITE_P(
    Http, HttpRefusalTest,
    ::testing::Values(
        BadRequest{"NoRequestLine", "hello\r\n\r\n", 400},
        BadRequest{"OldVersion", "GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505},
        BadRequest{"NewVersion", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
        BadRequest{"VersionOfTwoDigits", "GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400},
        BadRequest{"LineFeedsAlone", "GET / HTTP/1.1\nHost: h\n\n", 400},
        BadRequest{"LineFeedAloneAtTheEnd", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
        BadRequest{"ChunksInHttp10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        BadRequest{"HostOfTwoWords", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
        BadRequest{"HostWithAPath", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
        BadRequest{"HostWithAUser", "GET / HTTP/1.1\r\nHost: me@a\r\n\r\n", 400},
        BadRequest{"HostWithAPortThatIsNoNumber", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400},
        BadRequest{"HostThatIsNoAddress", "GET / HTTP/1.1\r\nHost: [a]\r\n\r\n", 400},
        BadRequest{"HostOfTwo", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
        BadRequest{"LongBodyExpected", kHead + "Content-Length: 9999999999\r\nExpect: 100-continue\r\n\r\n", 413},
        BadRequest{"TrailerWithoutAColon", kHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nnothing\r\n\r\n", 400},
        BadRequest{"FoldedTrailer", kHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c: d\r\n\r\n", 400},
        BadRequest{"NoHost", "GET / HTTP/1.1\r\nAccept: */*\r\n\r\n", 400},
        BadRequest{"TwoHosts", "GET / HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n", 400},
        BadRequest{"TargetOfTwoLines", "GET /\nX:y HTTP/1.1\r\nHost: h\r\n\r\n", 400},
        BadRequest{"FoldedField", "GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400},
        BadRequest{"LongHead", kHead + "A: " + std::string(40'000, 'x'), 431},
        BadRequest{"BothLengths", kHead + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        BadRequest{"OtherCoding", kHead + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        BadRequest{"LengthIsNoNumber", kHead + "Content-Length: 1x\r\n\r\n", 400},
        BadRequest{"LengthIsNegative", kHead + "Content-Length: -1\r\n\r\n", 400},
        BadRequest{"LengthIsEmpty", kHead + "Content-Length: \r\n\r\n", 400},
        BadRequest{"TwoLengths", kHead + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
        BadRequest{"HugeLength", kHead + "Content-Length: 99999999999999999999999\r\n\r\n", 400},
        BadRequest{"LongBody", kHead + "Content-Length: 9999999999\r\n\r\n", 413},
        BadRequest{"ChunkSize", kHead + "Transfer-Encoding: chunked\r\n\r\nz\r\n", 400},
        BadRequest{"ChunkSizeWithoutEnd", kHead + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300, 'x'), 400},
        BadRequest{"LongChunkSize", kHead + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(300, 'x') + "\r\n",
                   400},
        BadRequest{"ChunkWithLineFeedsAlone", kHead + "Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", 400},
        BadRequest{"TrailerWithLineFeedsAlone", kHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\n", 400},
        BadRequest{"ChunkSizeOfTwoLines", kHead + "Transfer-Encoding: chunked\r\n\r\n1;\n\r\na\r\n", 400},
        BadRequest{"TrailerOfTwoLines", kHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\nGET /\r\n\r\n", 400},
        BadRequest{"ChunkWithoutEnd", kHead + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc", 400},
        BadRequest{"HugeChunk", kHead + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff0\r\n", 413},
        BadRequest{"LongTrailers", kHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: " + std::string(40'000, 'x'),
                   431}),
    [](const auto& request) { return std::string(request.param.name); });

// However the bytes of a connection are cut, they are the same requests.
TEST(HttpRequestReaderTest, TakesRequestsOutOfAnyPieces) {
  const std::string bytes =
      "\r\nPOST /1?q HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "4;name=value\r\nWiki\r\n0A \r\npedia in\r\n\r\n0\r\nX-Trailer: 1\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Close\r\n\r\n"
      "PUT /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nabc\r\n"
      "POST /4 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
  const auto read = [&](std::size_t first, std::size_t step) {
    HttpRequestReader reader(100);
    std::string requests;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t piece = at == 0 ? first : step;
      reader.append(std::string_view(bytes).substr(at, piece));
      at += piece;
      for (auto event = reader.next(); event != HttpRequestReader::Event::kNone; event = reader.next()) {
        if (event == HttpRequestReader::Event::kRefused) {
          return requests + "refused: " + reader.refusal().body;
        }
        if (event == HttpRequestReader::Event::kHead) {
          EXPECT_EQ(reader.request().body, "");
          continue;
        }
        const bool close = reader.asks_to_close();
        const HttpServerRequest request = reader.take();
        requests += request.method + " " + request.path + "?" + request.query + " [" + request.body + "]" +
                    (close ? " close\n" : "\n");
      }
    }
    EXPECT_FALSE(reader.begun());
    return requests;
  };
  const std::string expected = "POST /1?q [Wikipedia in\r\n]\nGET /2? [] close\nPUT /3? [abc\r\n]\nPOST /4? []\n";
  for (std::size_t first = 1; first <= bytes.size(); ++first) {
    EXPECT_EQ(read(first, bytes.size()), expected) << "cut at " << first;
    EXPECT_EQ(read(first, 1), expected) << "byte by byte behind " << first;
  }
}

// What is as long as it may be is so whether its end comes with it or behind it.
TEST(HttpRequestReaderTest, BoundsALineTheSameInAnyPieces) {
  const auto refuses = [](const std::string& bytes, std::size_t last) {
    HttpRequestReader reader(100);
    auto event = HttpRequestReader::Event::kNone;
    for (const std::string& piece : {bytes.substr(0, bytes.size() - last), bytes.substr(bytes.size() - last)}) {
      reader.append(piece);
      do {
        event = reader.next();
      } while (event == HttpRequestReader::Event::kHead);
    }
    return event == HttpRequestReader::Event::kRefused;
  };
  const auto head = [](std::size_t size) {
    return kHead + "A: " + std::string(size - kHead.size() - 3, 'x') + "\r\n\r\n";
  };
  const auto chunk = [](std::size_t size) {
    return kHead + "Transfer-Encoding: chunked\r\n\r\n0;" + std::string(size - 2, 'x') + "\r\n\r\n";
  };
  for (std::size_t last = 0; last <= 4; ++last) {
    EXPECT_FALSE(refuses(head(32'768), last)) << last;
    EXPECT_TRUE(refuses(head(32'769), last)) << last;
    EXPECT_FALSE(refuses(chunk(256), last)) << last;
    EXPECT_TRUE(refuses(chunk(257), last)) << last;
  }
}

}  // namespace
}  // namespace soak::net
