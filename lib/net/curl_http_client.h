// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CURL_HTTP_CLIENT_H_
#define SOAK_LIB_NET_CURL_HTTP_CLIENT_H_

// An HTTP client on libcurl's multi-socket interface: the loop watches its sockets and keeps its time.
//
// What libcurl calls back records and marks ready; coroutines go on in the loop's own turn, and libcurl is asked to
// work from there or from the loop's polls and timers, never from within a callback.

#include <curl/curl.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "lib/net/http_client_backend.h"
#include "lib/net/uv_poll.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {

class CurlTransfer;

class CurlHttpClient final : public HttpClient::Backend {
 public:
  CurlHttpClient(EventLoop& event_loop, HttpClientOptions client_options);
  ~CurlHttpClient() override;

  std::size_t open_connections() const override;

  // For transfers.
  curl_socket_t open_socket(const curl_sockaddr& address);
  void begin(CurlTransfer& transfer, bool secure);
  void end(CurlTransfer& transfer);  // Under way or not.
  // Whether it is offered.
  bool http2() const { return http2_; }
  // The connection that ended last was reset.
  bool ended_by_reset() const { return ended_by_reset_; }

 protected:
  Task<HttpResponse> exchange(HttpCall& call) override;
  void drop_all() override;
  std::size_t concurrency(const std::string& origin) const override;

 private:
  class Use;

  struct Socket {
    std::optional<UvPoll> poll;
    int wanted = 0;           // By libcurl.
    bool connection = false;  // Ours, and not one of libcurl's for itself.
    bool kept = false;        // For the next request, which HTTP/1.1 allows one at a time.
    bool ended = false;       // By the peer, while it was kept.
  };

  class Timer final : public soak::detail::TimerNode {
   public:
    explicit Timer(CurlHttpClient& client) : client_(client) {}
    ~Timer() { stop(); }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    void start(long milliseconds);
    void stop();
    void expire() noexcept override { client_.work(CURL_SOCKET_TIMEOUT, 0); }

   private:
    CurlHttpClient& client_;
  };

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* unused);
  static int on_timer(CURLM* multi, long milliseconds, void* self);
  static int on_close_socket(void* self, curl_socket_t fd);

  void watch(curl_socket_t fd, int what);
  void on_event(curl_socket_t fd, int events);
  void work(curl_socket_t fd, int events);
  void take_results();
  static void drop_kept(curl_socket_t fd, Socket& socket);
  void drop_ended();

  const bool http2_;
  CURLM* multi_;
  Timer timer_{*this};
  std::unordered_map<curl_socket_t, Socket> sockets_;
  std::vector<std::unique_ptr<CurlTransfer>> transfers_;  // All there are, until the client goes.
  std::vector<CurlTransfer*> free_;
  std::unordered_set<std::string> http2_origins_;  // Where one connection serves all.
  bool ended_by_reset_ = false;
};

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CURL_HTTP_CLIENT_H_
