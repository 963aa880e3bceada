// SPDX-License-Identifier: Apache-2.0
#include "lib/net_client/curl_http_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <utility>

#include "lib/net/tls_context.h"
#include "lib/net_client/curl_transfer.h"

namespace soak::net {
namespace {

// Where a body has to wait for the server's window of HTTP/2, and its response begins before all of it is there,
// libcurl 7.88.1 now and then loses the end of the response: all bytes have come, the server has closed the stream, and
// the transfer never ends, whatever events it is told of. libcurl alone does so too, once in a hundred to some thousand
// requests. 8.1 has other buffers (github.com/curl/curl/pull/10771) in which uploads got stuck (pull 11176, issue
// 11426); 8.2 has the fixes.
bool waits_for_windows_well() {
  constexpr unsigned kSince = 0x080200;
  return curl_version_info(CURLVERSION_NOW)->version_num >= kSince;
}

// Bodies of so many bytes together do not wait: the first window is 65,535 (RFC 9113, section 6.9.2), and servers that
// read what they get open it again when half of it is used.
constexpr std::size_t kWindowUsed = std::size_t{32} << 10;

bool is_connected(curl_socket_t fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  return getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

CurlHttpClient::CurlHttpClient(EventLoop& event_loop, HttpClientOptions client_options)
    : HttpClientBackend(event_loop, std::move(client_options)),
      window_(waits_for_windows_well() ? std::numeric_limits<std::size_t>::max() : kWindowUsed) {
  if (!options.ca_file.empty()) {
    make_tls_client_context(read_ca_file(options.ca_file), options.ca_file);
  }
  start_curl();
  multi_.emplace(*this);
}

CurlHttpClient::~CurlHttpClient() { drop_all(); }

void CurlHttpClient::drop_all() {
  if (!multi_) {
    return;
  }
  for (const std::unique_ptr<CurlTransfer>& transfer : transfers_) {
    if (transfer->multi == nullptr) {
      continue;
    }
    curl_multi_remove_handle(std::exchange(transfer->multi, nullptr), transfer->easy());
    transfer->changed().wake();
  }
  multi_.reset();
  http1_multi_.reset();
  sockets_.clear();
}

std::size_t CurlHttpClient::concurrency(const std::string& origin) const {
  const auto known = speaks_http2_.find(origin);
  const bool one_for_all = known != speaks_http2_.end() && known->second;
  return one_for_all ? std::numeric_limits<std::size_t>::max() : options.connections_max;
}

std::size_t CurlHttpClient::open_connections() const {
  return static_cast<std::size_t>(std::count_if(sockets_.begin(), sockets_.end(), [](const auto& entry) {
    return entry.second.connection && !entry.second.ended;
  }));
}

curl_socket_t CurlHttpClient::open_socket(const curl_sockaddr& address) {
  const int fd = socket(address.family, address.socktype | SOCK_CLOEXEC, address.protocol);
  if (fd < 0) {
    return fd;
  }
  // libcurl 7.88 closes a socket that does not connect by itself, so its number may still be known here, and libcurl
  // believes that it is watched.
  const auto before = sockets_.find(fd);
  Multi* const multi = before != sockets_.end() ? before->second.multi : nullptr;
  const int wanted = before != sockets_.end() ? before->second.wanted : 0;
  sockets_.erase(fd);
  sockets_[fd].connection = true;
  if (multi != nullptr && wanted != 0) {
    watch_for(sockets_[fd], *multi, fd, wanted);
  }
  return fd;
}

int CurlHttpClient::on_close_socket(void* self, curl_socket_t fd) {
  auto& client = *static_cast<CurlHttpClient*>(self);
  tcp_info info{};
  socklen_t size = sizeof info;
  client.ended_by_reset_ = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_CLOSE;
  client.sockets_.erase(fd);  // Before the descriptor is someone else's.
  return ::close(fd);
}

CurlHttpClient::Multi::Multi(CurlHttpClient& client) : client_(client), multi_(curl_multi_init()) {
  if (multi_ == nullptr) {
    throw Error(Errc::kSystem, "cannot initialise libcurl");
  }
  constexpr long kKeptMax = 1024;
  const auto connections = static_cast<long>(std::min<std::size_t>(client.options.connections_max, kKeptMax));
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
  // Of several origins. libcurl's own choice falls with the number of requests under way.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, std::min(connections * 8, kKeptMax));
}

CurlHttpClient::Multi::~Multi() {
  curl_multi_cleanup(multi_);
  client_.loop.core().timers.disarm(*this);
}

void CurlHttpClient::Multi::work(curl_socket_t fd, int events) {
  const std::shared_ptr<HttpClientBackend> keep = client_.shared_from_this();
  int running = 0;
  client_.ended_by_reset_ = false;
  curl_multi_socket_action(multi_, fd, events, &running);
  client_.take_results(multi_);
}

int CurlHttpClient::Multi::on_socket(CURL* /*easy*/, curl_socket_t fd, int what, void* self, void* /*unused*/) {
  auto& multi = *static_cast<Multi*>(self);
  multi.client_.watch(multi, fd, what);
  return 0;
}

int CurlHttpClient::Multi::on_timer(CURLM* /*multi*/, long milliseconds, void* self) {
  auto& multi = *static_cast<Multi*>(self);
  soak::detail::LoopCore& core = multi.client_.loop.core();
  core.timers.disarm(multi);
  if (milliseconds >= 0) {
    core.timers.arm(multi, soak::detail::later(core.now(), std::chrono::milliseconds(milliseconds)));
  }
  return 0;
}

void CurlHttpClient::watch(Multi& multi, curl_socket_t fd, int what) {
  Socket& socket = sockets_[fd];
  socket.wanted = 0;
  if ((what & CURL_POLL_IN) != 0 && what != CURL_POLL_REMOVE) {
    socket.wanted |= UV_READABLE;
  }
  if ((what & CURL_POLL_OUT) != 0 && what != CURL_POLL_REMOVE) {
    socket.wanted |= UV_WRITABLE;
  }
  if (what == CURL_POLL_REMOVE) {
    // A kept connection is watched on: most are used again at once, and its end should be known. A socket that did not
    // connect may have been closed already.
    if (!socket.connection || (!socket.was_read && !is_connected(fd))) {
      sockets_.erase(fd);
    } else if (socket.poll) {
      socket.poll->watch(UV_READABLE);
    }
    return;
  }
  watch_for(socket, multi, fd, socket.wanted);
}

void CurlHttpClient::watch_for(Socket& socket, Multi& multi, curl_socket_t fd, int wanted) {
  socket.multi = &multi;
  socket.wanted = wanted;
  socket.was_read |= (wanted & UV_READABLE) != 0;
  socket.kept = false;
  if (!socket.poll) {
    socket.poll.emplace(static_cast<UvLoop&>(loop).handle(), fd, [this, fd](int events) { on_event(fd, events); });
  }
  socket.poll->watch_or_pause(wanted);
}

void CurlHttpClient::on_event(curl_socket_t fd, int events) {
  Socket& socket = sockets_.at(fd);
  if (socket.wanted == 0) {
    socket.poll->pause();
    if (socket.kept) {
      drop_kept(fd, socket);
    }
    return;
  }
  int seen = 0;
  if ((events & UV_READABLE) != 0) {
    seen |= CURL_CSELECT_IN;
  }
  if ((events & UV_WRITABLE) != 0) {
    seen |= CURL_CSELECT_OUT;
  }
  socket.multi->work(fd, seen);
}

// The peer has ended a kept connection, or says something where nothing was asked. libcurl sees an end only where
// nothing stands before it: the farewell of TLS does, and 7.88 would take the connection for a good one.
void CurlHttpClient::drop_kept(curl_socket_t fd, Socket& socket) {
  socket.kept = false;
  socket.ended = true;
  std::array<char, 1024> unread;
  for (int reads = 0; reads < 64 && recv(fd, unread.data(), unread.size(), MSG_DONTWAIT) > 0; ++reads) {
    continue;
  }
  shutdown(fd, SHUT_RDWR);
}

// What has come since the loop last looked.
void CurlHttpClient::drop_ended() {
  std::vector<pollfd> kept;
  for (const auto& [fd, socket] : sockets_) {
    if (socket.kept) {
      kept.push_back({fd, POLLIN, 0});
    }
  }
  if (kept.empty() || poll(kept.data(), kept.size(), 0) <= 0) {
    return;
  }
  for (const pollfd& seen : kept) {
    if (seen.revents != 0) {
      drop_kept(seen.fd, sockets_.at(seen.fd));
    }
  }
}

void CurlHttpClient::take_results(CURLM* multi) {
  int left = 0;
  while (const CURLMsg* const message = curl_multi_info_read(multi, &left)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    CURL* const easy = message->easy_handle;
    const CURLcode result = message->data.result;
    char* transfer = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    auto& ended = *reinterpret_cast<CurlTransfer*>(transfer);
    curl_socket_t fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    const bool alone = ended.info(CURLINFO_HTTP_VERSION) == CURL_HTTP_VERSION_1_1;
    ended.finish(result);
    end(ended);
    if (const auto socket = sockets_.find(fd); socket != sockets_.end()) {
      socket->second.kept = alone && socket->second.wanted == 0;
    }
  }
}

void CurlHttpClient::begin(CurlTransfer& transfer, bool secure, bool http2) {
  if (secure) {
    drop_ended();
  }
  const bool apart = secure && options.http2 && !http2;
  if (apart && !http1_multi_) {
    http1_multi_.emplace(*this);
  }
  Multi& multi = apart ? *http1_multi_ : *multi_;
  if (const CURLMcode code = curl_multi_add_handle(multi.get(), transfer.easy()); code != CURLM_OK) {
    throw Error(Errc::kSystem, std::string("libcurl rejects the request: ") + curl_multi_strerror(code));
  }
  transfer.multi = multi.get();
  multi.work(CURL_SOCKET_TIMEOUT, 0);
}

void CurlHttpClient::end(CurlTransfer& transfer) {
  CURLM* const multi = std::exchange(transfer.multi, nullptr);
  if (multi == nullptr) {
    return;
  }
  counters.connections_opened += static_cast<std::uint64_t>(transfer.info(CURLINFO_NUM_CONNECTS));
  curl_multi_remove_handle(multi, transfer.easy());
}

// The bytes of the window of HTTP/2 that the request takes, or none where it is not offered.
std::optional<std::size_t> CurlHttpClient::http2_bytes(const HttpCall& call) const {
  const auto known = speaks_http2_.find(call.origin);
  const bool in_vain = known != speaks_http2_.end() && !known->second;
  const std::size_t bytes = in_vain ? 0 : call.request.body.size();
  if (!options.http2 || !call.url.secure() || bytes > window_) {
    return std::nullopt;
  }
  return bytes;
}

// A transfer while a request has it.
class CurlHttpClient::Use {
 public:
  Use(CurlHttpClient& client, HttpCall& call) : client_(client), http2_bytes_(client.http2_bytes(call)) {
    if (client.free_.empty()) {
      client.transfers_.push_back(std::make_unique<CurlTransfer>(client, client.options));
      transfer_ = client.transfers_.back().get();
      curl_easy_setopt(transfer_->easy(), CURLOPT_CLOSESOCKETFUNCTION, &CurlHttpClient::on_close_socket);
      curl_easy_setopt(transfer_->easy(), CURLOPT_CLOSESOCKETDATA, &client);
    } else {
      transfer_ = client.free_.back();
      client.free_.pop_back();
    }
    client.window_ -= http2_bytes_.value_or(0);
  }
  ~Use() {
    client_.window_ += http2_bytes_.value_or(0);
    client_.end(*transfer_);
    transfer_->forget();
    client_.free_.push_back(transfer_);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

  CurlTransfer* operator->() const { return transfer_; }
  CurlTransfer& operator*() const { return *transfer_; }
  bool http2() const { return http2_bytes_.has_value(); }

 private:
  CurlHttpClient& client_;
  CurlTransfer* transfer_;
  const std::optional<std::size_t> http2_bytes_;
};

Task<HttpResponse> CurlHttpClient::exchange(HttpCall& call) {
  Use transfer(*this, call);
  transfer->prepare(call, transfer.http2());
  begin(*transfer, call.url.secure(), transfer.http2());
  while (!transfer->done()) {
    const bool woken = co_await transfer->changed().wait(call.deadline);
    if (stopped) {
      call.fail_by_stop(transfer->may_have_arrived());
    }
    if (woken || transfer->done()) {
      continue;
    }
    call.fail_by_timeout(transfer->request_begun() ? "before the response" : "while connecting",
                         transfer->may_have_arrived());
  }
  if (!transfer->succeeded()) {
    transfer->fail(call);
  }
  if (transfer.http2()) {
    speaks_http2_[call.origin] = transfer->info(CURLINFO_HTTP_VERSION) == CURL_HTTP_VERSION_2_0;
  }
  HttpResponse response = transfer->take_response();
  co_return response;
}

std::shared_ptr<HttpClientBackend> make_curl_http_client(EventLoop& loop, HttpClientOptions options) {
  return std::make_shared<CurlHttpClient>(loop, std::move(options));
}

}  // namespace soak::net
