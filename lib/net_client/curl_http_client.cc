// SPDX-License-Identifier: Apache-2.0
#include "lib/net_client/curl_http_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <mutex>
#include <string_view>
#include <utility>

#include "lib/async/descriptors.h"
#include "lib/net/tls_context.h"
#include "lib/text/ascii.h"
#include "lib/text/format.h"

namespace soak::net {
namespace {

// libcurl sends a body up to this size together with the head, in one piece.
constexpr std::size_t kWithHeadMax = std::size_t{32} << 10;

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

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  // What libcurl refuses was compiled out of it, or there is no memory left.
  if (const CURLcode code = curl_easy_setopt(easy, option, value); code != CURLE_OK) {
    throw Error(Errc::kSystem, std::string("libcurl refuses an option: ") + curl_easy_strerror(code));
  }
}

long milliseconds(std::chrono::nanoseconds duration) {
  const auto count = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<long>(std::clamp<decltype(count)>(count, 1, std::numeric_limits<int>::max()));
}

}  // namespace

// One request at a time on one handle of libcurl's, which is kept for the next one.
class CurlTransfer {
 public:
  explicit CurlTransfer(CurlHttpClient& client) : client_(client), easy_(curl_easy_init()) {
    if (easy_ == nullptr) {
      throw Error(Errc::kSystem, "cannot initialise libcurl");
    }
    set_up();
  }
  ~CurlTransfer() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(fields_);
  }
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  CURL* easy() const { return easy_; }
  void prepare(HttpCall& call, bool http2);
  void forget();

  // For the client.
  CURLM* multi = nullptr;  // That has it, while one does.
  void finish(CURLcode result) {
    result_ = result;
    reset_ = client_.ended_by_reset();
    done_ = true;
    changed_.wake();
  }
  Signal& changed() { return changed_; }
  bool done() const { return done_; }
  bool succeeded() const { return result_ == CURLE_OK; }
  bool request_begun() const { return begun_; }
  // Nobody knows, once the last byte has been handed to libcurl.
  bool may_have_arrived() const { return begun_ && body_given_ == body_.size(); }
  HttpResponse take_response();
  long info(CURLINFO which) const {
    long value = 0;
    curl_easy_getinfo(easy_, which, &value);
    return value;
  }
  [[noreturn]] void fail(const HttpCall& call) const;

 private:
  static CurlTransfer& from(void* self) { return *static_cast<CurlTransfer*>(self); }
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_read(char* room, std::size_t size, std::size_t count, void* self);
  static int on_rewind(void* self, curl_off_t offset, int origin);
  static int on_begin(void* self, char* remote, char* local, int remote_port, int local_port);
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static CURLcode on_tls(CURL* easy, void* context, void* self);
  static int on_certificate(int ok, X509_STORE_CTX* chain);
  static void on_tls_progress(const SSL* ssl, int where, int result);
  static int tls_index();

  void set_up();
  void set_method(const HttpRequest& request);
  void set_fields(const HttpRequest& request);
  [[noreturn]] void fail_connecting(const HttpCall& call) const;

  CurlHttpClient& client_;
  CURL* const easy_;
  curl_slist* fields_ = nullptr;
  std::string host_;
  std::string_view body_;
  std::size_t body_given_ = 0;
  bool begun_ = false;  // The connection is there, the request goes out.
  bool done_ = false;
  bool reset_ = false;
  bool too_long_ = false;
  CURLcode result_ = CURLE_OK;
  HttpResponse response_;
  bool answered_ = false;  // The response has begun.
  std::string certificate_failure_;
  int socket_error_ = 0;  // Why it has none.
  unsigned long tls_error_ = 0;
  Signal changed_{"HTTP response"};
};

void CurlTransfer::set_up() {
  const HttpClientOptions& options = client_.options;
  set(easy_, CURLOPT_PRIVATE, this);
  set(easy_, CURLOPT_NOSIGNAL, 1L);
  set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy_, CURLOPT_PATH_AS_IS, 1L);
  set(easy_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy_, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.connect_timeout));
  // A lookup that nobody waits for any more ends by itself, instead of being waited for.
  set(easy_, CURLOPT_QUICK_EXIT, 1L);
  if (options.proxy) {
    set(easy_, CURLOPT_PROXY, options.proxy->c_str());
  }
  if (!options.ca_file.empty()) {
    set(easy_, CURLOPT_CAINFO, options.ca_file.c_str());
    set(easy_, CURLOPT_CAPATH, static_cast<const char*>(nullptr));  // The system's.
  }
  set(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));

  set(easy_, CURLOPT_HEADERFUNCTION, &CurlTransfer::on_header);
  set(easy_, CURLOPT_HEADERDATA, this);
  set(easy_, CURLOPT_WRITEFUNCTION, &CurlTransfer::on_body);
  set(easy_, CURLOPT_WRITEDATA, this);
  set(easy_, CURLOPT_READFUNCTION, &CurlTransfer::on_read);
  set(easy_, CURLOPT_READDATA, this);
  set(easy_, CURLOPT_SEEKFUNCTION, &CurlTransfer::on_rewind);
  set(easy_, CURLOPT_SEEKDATA, this);
  set(easy_, CURLOPT_PREREQFUNCTION, &CurlTransfer::on_begin);
  set(easy_, CURLOPT_PREREQDATA, this);
  set(easy_, CURLOPT_OPENSOCKETFUNCTION, &CurlTransfer::on_open_socket);
  set(easy_, CURLOPT_OPENSOCKETDATA, this);
  set(easy_, CURLOPT_SSL_CTX_FUNCTION, &CurlTransfer::on_tls);
  set(easy_, CURLOPT_SSL_CTX_DATA, this);
}

// The call outlives the transfer.
void CurlTransfer::prepare(HttpCall& call, bool http2) {
  host_ = call.url.host;
  body_ = call.request.body;
  body_given_ = 0;
  begun_ = done_ = reset_ = too_long_ = answered_ = false;
  result_ = CURLE_OK;
  response_ = HttpResponse();
  certificate_failure_.clear();
  socket_error_ = 0;
  tls_error_ = 0;
  set(easy_, CURLOPT_URL, call.request.url.c_str());
  set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  // Where HTTP/2 may come of it, a connection that is being made is waited for, to share it.
  set(easy_, CURLOPT_PIPEWAIT, http2 ? 1L : 0L);
  set_method(call.request);
  set_fields(call.request);
}

void CurlTransfer::set_method(const HttpRequest& request) {
  // It also takes back what the request before has set.
  set(easy_, CURLOPT_HTTPGET, 1L);
  if (request.method == "HEAD") {
    set(easy_, CURLOPT_CUSTOMREQUEST, static_cast<const char*>(nullptr));
    set(easy_, CURLOPT_NOBODY, 1L);
    return;
  }
  set(easy_, CURLOPT_CUSTOMREQUEST, request.method == "GET" ? nullptr : request.method.c_str());
  if (!announces_body(request.method, body_)) {
    return;
  }
  set(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  set(easy_, CURLOPT_POST, 1L);
  set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
  if (body_.size() <= kWithHeadMax) {
    body_given_ = body_.size();
    set(easy_, CURLOPT_POSTFIELDS, request.body.c_str());
  } else {
    set(easy_, CURLOPT_POSTFIELDS, static_cast<const char*>(nullptr));  // From on_read(), which counts.
  }
}

void CurlTransfer::set_fields(const HttpRequest& request) {
  const auto add = [this](const char* line) {
    curl_slist* const longer = curl_slist_append(fields_, line);
    if (longer == nullptr) {
      throw Error(Errc::kSystem, "out of memory");
    }
    fields_ = longer;
  };
  curl_slist_free_all(std::exchange(fields_, nullptr));
  std::string line;
  bool has_type = false;
  for (const auto& [name, value] : request.headers) {
    has_type = has_type || text::equal_ignoring_case(name, "Content-Type");
    line = name;
    // A semicolon is libcurl's way to ask for a field without a value.
    if (text::trim(value).empty()) {
      line += ';';
    } else {
      line += ": ";
      line += value;
    }
    add(line.c_str());
  }
  // What libcurl would add by itself.
  if (!body_.empty()) {
    add("Expect:");
  }
  if (!has_type) {
    add("Content-Type:");
  }
  set(easy_, CURLOPT_HTTPHEADER, fields_);
}

void CurlTransfer::forget() {
  body_ = {};
  response_ = HttpResponse();
  curl_slist_free_all(std::exchange(fields_, nullptr));
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
  curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, static_cast<const char*>(nullptr));
}

HttpResponse CurlTransfer::take_response() {
  response_.status = static_cast<int>(info(CURLINFO_RESPONSE_CODE));
  return std::move(response_);
}

std::size_t CurlTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  CurlTransfer& transfer = from(self);
  std::string_view line(data, size * count);
  transfer.answered_ = true;
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) {
    line.remove_suffix(1);
  }
  const std::size_t colon = line.find(':');
  if (line.starts_with("HTTP/")) {
    transfer.response_.headers = Headers();  // Those of a 100 came before.
  } else if (colon != std::string_view::npos) {
    transfer.response_.headers.add(std::string(line.substr(0, colon)), std::string(text::trim(line.substr(colon + 1))));
  }
  return size * count;
}

std::size_t CurlTransfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  CurlTransfer& transfer = from(self);
  std::string& body = transfer.response_.body;
  if (size * count > transfer.client_.options.response_bytes_max - body.size()) {
    transfer.too_long_ = true;
    return 0;
  }
  body.append(data, size * count);
  return size * count;
}

std::size_t CurlTransfer::on_read(char* room, std::size_t size, std::size_t count, void* self) {
  CurlTransfer& transfer = from(self);
  const std::size_t piece = std::min(size * count, transfer.body_.size() - transfer.body_given_);
  std::copy_n(transfer.body_.data() + transfer.body_given_, piece, room);
  transfer.body_given_ += piece;
  return piece;
}

// libcurl remembers a repetition that was not to be, and asks for this at the next request on the same handle, whose
// body is where it should be. For a repetition it is not.
int CurlTransfer::on_rewind(void* self, curl_off_t offset, int /*origin*/) {
  return from(self).body_given_ == static_cast<std::size_t>(offset) ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

// A second time it is libcurl's own repetition of a request whose kept connection died under it.
int CurlTransfer::on_begin(void* self, char* /*remote*/, char* /*local*/, int /*remote_port*/, int /*local_port*/) {
  return std::exchange(from(self).begun_, true) ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

// The same repetition would begin with a new connection.
curl_socket_t CurlTransfer::on_open_socket(void* self, curlsocktype /*purpose*/, curl_sockaddr* address) {
  CurlTransfer& transfer = from(self);
  if (transfer.begun_) {
    return CURL_SOCKET_BAD;
  }
  const curl_socket_t fd = transfer.client_.open_socket(*address);
  transfer.socket_error_ = fd < 0 ? errno : 0;
  return fd;
}

int CurlTransfer::tls_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// A context of OpenSSL's belongs to one connection, and no connection outlives the client's transfers.
CURLcode CurlTransfer::on_tls(CURL* /*easy*/, void* context, void* self) {
  auto* const tls = static_cast<SSL_CTX*>(context);
  SSL_CTX_set_ex_data(tls, tls_index(), self);
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, &CurlTransfer::on_certificate);
  SSL_CTX_set_info_callback(tls, &CurlTransfer::on_tls_progress);
  return CURLE_OK;
}

int CurlTransfer::on_certificate(int ok, X509_STORE_CTX* chain) {
  const auto* const ssl =
      static_cast<const SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
  CurlTransfer& transfer = from(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tls_index()));
  std::string failure = certificate_failure(*chain, ok != 0, transfer.host_, transfer.client_.options.ca_file);
  if (failure.empty()) {
    return ok;
  }
  transfer.certificate_failure_ = std::move(failure);
  return 0;
}

void CurlTransfer::on_tls_progress(const SSL* ssl, int where, int result) {
  if (where != SSL_CB_CONNECT_EXIT || result > 0) {
    return;
  }
  from(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tls_index())).tls_error_ = ERR_peek_error();
}

void CurlTransfer::fail(const HttpCall& call) const {
  if (!begun_) {
    fail_connecting(call);
  }
  if (too_long_) {
    call.fail(Errc::kProtocol, "the response is longer than " + text::format_bytes(call.options.response_bytes_max),
              true);
  }
  switch (result_) {
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2_STREAM:
    case CURLE_COULDNT_CONNECT:  // These three: libcurl wanted to try again.
    case CURLE_ABORTED_BY_CALLBACK:
    case CURLE_SEND_FAIL_REWIND:
      call.fail(Errc::kConnectionClosed,
                answered_ ? "the connection ended within the response"
                : reset_  ? "the connection was reset"
                          : "the connection ended before the response",
                answered_ || may_have_arrived());
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
      call.fail(Errc::kProtocol, "the response is not HTTP", true);
    default:
      call.fail(Errc::kProtocol, curl_easy_strerror(result_), true);
  }
}

void CurlTransfer::fail_connecting(const HttpCall& call) const {
  const bool by_proxy = call.options.proxy && !call.options.proxy->empty();
  // What libcurl does not say: that there was no descriptor, for the socket or to look the name up.
  long system_error = socket_error_ != 0 ? socket_error_ : info(CURLINFO_OS_ERRNO);
  if (system_error == 0) {
    system_error = soak::detail::descriptors_error(1);
  }
  std::string why;
  switch (result_) {
    case CURLE_OPERATION_TIMEDOUT:
      call.fail_by_connect_timeout();
    case CURLE_COULDNT_RESOLVE_HOST:
      why = "the name does not resolve";
      if (system_error != 0) {
        why += ": " + text::format_errno(static_cast<int>(system_error));
      }
      break;
    case CURLE_COULDNT_RESOLVE_PROXY:
      why = "the name of the proxy does not resolve";
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
      why = certificate_failure_.empty()
                ? handshake_failure(tls_error_,
                                    system_error == 0 ? "" : text::format_errno(static_cast<int>(system_error)))
                : certificate_failure_;
      break;
    case CURLE_SSL_CACERT_BADFILE:
      why = "the certificate authorities cannot be read: " + call.options.ca_file;
      break;
    default:
      if (const long answer = info(CURLINFO_HTTP_CONNECTCODE); answer != 0 && answer / 100 != 2) {
        why = "the proxy answered CONNECT with " + std::to_string(answer);
      } else {
        if (by_proxy) {
          why = "the proxy: ";
        }
        why += system_error != 0 ? text::format_errno(static_cast<int>(system_error)) : curl_easy_strerror(result_);
      }
  }
  call.fail(certificate_failure_.empty() ? Errc::kConnectFailed : Errc::kCertificate, why, false);
}

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
  if (fd >= 0) {
    sockets_[fd].connection = true;
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
  socket.multi = &multi;
  socket.wanted = 0;
  if ((what & CURL_POLL_IN) != 0 && what != CURL_POLL_REMOVE) {
    socket.wanted |= UV_READABLE;
  }
  if ((what & CURL_POLL_OUT) != 0 && what != CURL_POLL_REMOVE) {
    socket.wanted |= UV_WRITABLE;
  }
  if (what == CURL_POLL_REMOVE) {
    // A kept connection is watched on: most are used again at once, and its end should be known.
    if (!socket.connection) {
      sockets_.erase(fd);
    } else if (socket.poll) {
      socket.poll->watch(UV_READABLE);
    }
    return;
  }
  socket.kept = false;
  if (!socket.poll) {
    socket.poll.emplace(static_cast<UvLoop&>(loop).handle(), fd, [this, fd](int events) { on_event(fd, events); });
  }
  socket.poll->watch_or_pause(socket.wanted);
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
      client.transfers_.push_back(std::make_unique<CurlTransfer>(client));
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
