// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CLIENT_CURL_HTTP_CLIENT_H_
#define SOAK_LIB_NET_CLIENT_CURL_HTTP_CLIENT_H_

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
#include <vector>

#include "lib/net/http_client_backend.h"
#include "lib/net/uv_poll.h"
#include "lib/net_client/curl_transfer.h"
#include "soak/detail/timer_heap.h"

namespace soak::net {

class CurlHttpClient final : public HttpClientBackend, public CurlSockets {
 public:
  CurlHttpClient(EventLoop& event_loop, HttpClientOptions client_options);
  ~CurlHttpClient() override;

  std::size_t open_connections() const override;

  curl_socket_t open_socket(const curl_sockaddr& address) override;
  bool ended_by_reset() const override { return ended_by_reset_; }

 protected:
  Task<HttpResponse> exchange(HttpCall& call) override;
  void drop_all() override;
  std::size_t concurrency(const std::string& origin) const override;

 private:
  class Use;

  // libcurl's connections, and its one timer.
  class Multi final : public soak::detail::TimerNode {
   public:
    explicit Multi(CurlHttpClient& client);
    ~Multi();
    Multi(const Multi&) = delete;
    Multi& operator=(const Multi&) = delete;

    CURLM* get() const { return multi_; }
    void work(curl_socket_t fd, int events);
    void expire() noexcept override { work(CURL_SOCKET_TIMEOUT, 0); }

   private:
    static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* unused);
    static int on_timer(CURLM* multi, long milliseconds, void* self);

    CurlHttpClient& client_;
    CURLM* const multi_;
  };

  struct Socket {
    Multi* multi = nullptr;  // That uses it.
    std::optional<UvPoll> poll;
    int wanted = 0;           // By libcurl.
    bool connection = false;  // Ours, and not one of libcurl's for itself.
    bool was_read = false;    // libcurl asked for what it can read, as it does of a connection that stands.
    bool kept = false;        // For the next request, which HTTP/1.1 allows one at a time.
    bool ended = false;       // By the peer, while it was kept.
  };

  static int on_close_socket(void* self, curl_socket_t fd);

  void begin(CurlTransfer& transfer, bool secure, bool http2);
  void end(CurlTransfer& transfer);  // Under way or not.

  void watch(Multi& multi, curl_socket_t fd, int what);
  void watch_for(Socket& socket, Multi& multi, curl_socket_t fd, int wanted);
  void on_event(curl_socket_t fd, int events);
  void take_results(CURLM* multi);
  static void drop_kept(curl_socket_t fd, Socket& socket);
  void drop_ended();
  std::optional<std::size_t> http2_bytes(const HttpCall& call) const;

  // What bodies under way may yet take of an HTTP/2 window, over all origins.
  std::size_t window_;
  std::optional<Multi> multi_;  // Until all is dropped, as the next.
  // For what HTTP/2 is not offered to: libcurl 7.88 mixes connections up where one server is spoken to by both.
  std::optional<Multi> http1_multi_;
  std::unordered_map<curl_socket_t, Socket> sockets_;
  std::vector<std::unique_ptr<CurlTransfer>> transfers_;  // All there are, until the client goes.
  std::vector<CurlTransfer*> free_;
  // Whether an origin took HTTP/2 when it was last offered: one connection serves all requests then.
  std::unordered_map<std::string, bool> speaks_http2_;
  bool ended_by_reset_ = false;
};

std::shared_ptr<HttpClientBackend> make_curl_http_client(EventLoop& loop, HttpClientOptions options);

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CLIENT_CURL_HTTP_CLIENT_H_
