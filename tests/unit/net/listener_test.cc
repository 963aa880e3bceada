// SPDX-License-Identifier: Apache-2.0
// The listener that all servers accept through, where the process has no descriptor left.

#include <sys/resource.h>

#include <future>
#include <string>
#include <vector>

#include "soak/log.h"
#include "soak/net/http_server.h"
#include "soak/net/websocket_server.h"
#include "tests/unit/net/raw_socket.h"
#include "tests/unit/net/transports.h"

namespace soak::net {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// As long as it lives, the process can open nothing more.
class NoDescriptorLeft {
 public:
  NoDescriptorLeft() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = dup(STDERR_FILENO);
    ::close(lowest_free);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptorLeft() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptorLeft(const NoDescriptorLeft&) = delete;
  NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;

 private:
  rlimit before_{};
};

// What the listeners log, as long as it lives.
class ListenerLog {
 public:
  ListenerLog() {
    before_ = set_log_sink([this](const LogRecord& record) {
      if (record.source == "listener") {
        lines_.emplace_back(record.message);
      }
    });
  }
  ~ListenerLog() { set_log_sink(std::move(before_)); }
  ListenerLog(const ListenerLog&) = delete;
  ListenerLog& operator=(const ListenerLog&) = delete;

  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
  LogSink before_;
};

class ListenerTest : public TransportTest<Real> {
 protected:
  // A request of `raw` waits for its answer until the process has a descriptor for it again, and gets it then.
  void expect_to_wait_for_a_descriptor(std::uint16_t port, const RawClient& raw, std::string_view answer) {
    const ListenerLog log;
    {
      const NoDescriptorLeft none;
      run([&]() -> Task<> {
        while (log.lines().empty()) {
          co_await sleep_for(1ms);
        }
        co_await sleep_for(200ms);  // It has tried again by now, several times.
      });
    }
    EXPECT_THAT(log.lines(),
                ElementsAre(AllOf(StartsWith("127.0.0.1:" + std::to_string(port) + " cannot accept connections: "),
                                  HasSubstr("too many open files"))));
    std::future<std::string> answered = std::async(std::launch::async, [&] { return raw.read_to("\r\n"); });
    run([&]() -> Task<> {
      while (answered.wait_for(0s) != std::future_status::ready) {
        co_await sleep_for(1ms);
      }
    });
    EXPECT_THAT(answered.get(), StartsWith(answer));
    EXPECT_EQ(log.lines().size(), 1u);
  }
};

TEST_F(ListenerTest, AWebSocketServerAcceptsAgainOnceADescriptorIsFree) {
  WebSocketServer server(loop_);
  const RawClient raw(server.port());
  raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  expect_to_wait_for_a_descriptor(server.port(), raw, "HTTP/1.1 426 ");
}

TEST_F(ListenerTest, AnHttpServerAcceptsAgainOnceADescriptorIsFree) {
  HttpServer server(loop_, [](HttpServerRequest) -> Task<HttpReply> { co_return HttpReply(200); });
  const RawClient raw(server.port());
  raw.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  expect_to_wait_for_a_descriptor(server.port(), raw, "HTTP/1.1 200 ");
}

}  // namespace
}  // namespace soak::net
