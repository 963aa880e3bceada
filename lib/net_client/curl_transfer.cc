// SPDX-License-Identifier: Apache-2.0
#include "lib/net_client/curl_transfer.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "lib/async/descriptors.h"
#include "lib/net/tls_context.h"
#include "lib/text/ascii.h"
#include "lib/text/format.h"

namespace soak::net {
namespace {

// libcurl sends a body up to this size together with the head, in one piece.
constexpr std::size_t kWithHeadMax = std::size_t{32} << 10;

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

CurlTransfer::CurlTransfer(CurlSockets& sockets, const HttpClientOptions& options)
    : sockets_(sockets), options_(options), easy_(curl_easy_init()) {
  if (easy_ == nullptr) {
    throw Error(Errc::kSystem, "cannot initialise libcurl");
  }
  set_up();
}

CurlTransfer::~CurlTransfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(fields_);
}

void CurlTransfer::set_up() {
  const HttpClientOptions& options = options_;
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
  if (url_ != call.request.url) {
    set(easy_, CURLOPT_URL, call.request.url.c_str());
    url_ = call.request.url;
  }
  if (http2_ != http2) {
    set(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    // Where HTTP/2 may come of it, a connection that is being made is waited for, to share it.
    set(easy_, CURLOPT_PIPEWAIT, http2 ? 1L : 0L);
    http2_ = http2;
  }
  set_method(call.request);
  set_body(call.request);
  set_fields(call.request);
}

void CurlTransfer::set_method(const HttpRequest& request) {
  const bool announces = announces_body(request.method, body_);
  if (method_ == request.method && announces_body_ == announces) {
    return;
  }
  method_.clear();  // Until all of it is set.
  // It also takes back what the request before has set.
  set(easy_, CURLOPT_HTTPGET, 1L);
  if (request.method == "HEAD") {
    set(easy_, CURLOPT_CUSTOMREQUEST, static_cast<const char*>(nullptr));
    set(easy_, CURLOPT_NOBODY, 1L);
  } else {
    set(easy_, CURLOPT_CUSTOMREQUEST, request.method == "GET" && !announces ? nullptr : request.method.c_str());
    if (announces) {
      set(easy_, CURLOPT_POST, 1L);
    }
  }
  method_ = request.method;
  announces_body_ = announces;
}

void CurlTransfer::set_body(const HttpRequest& request) {
  if (!announces_body_) {
    return;
  }
  set(easy_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body_.size()));
  if (body_.size() <= kWithHeadMax) {
    body_given_ = body_.size();
    set(easy_, CURLOPT_POSTFIELDS, request.body.c_str());
  } else {
    set(easy_, CURLOPT_POSTFIELDS, static_cast<const char*>(nullptr));  // From on_read(), which counts.
  }
}

void CurlTransfer::set_fields(const HttpRequest& request) {
  const Headers& wanted = request.headers;
  const bool is_same = headers_ && std::equal(wanted.begin(), wanted.end(), headers_->begin(), headers_->end());
  if (is_same && has_body_ == !body_.empty()) {
    return;
  }
  const auto add = [this](const char* line) {
    curl_slist* const longer = curl_slist_append(fields_, line);
    if (longer == nullptr) {
      throw Error(Errc::kSystem, "out of memory");
    }
    fields_ = longer;
  };
  set(easy_, CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
  curl_slist_free_all(std::exchange(fields_, nullptr));
  headers_.reset();  // Until all of them are set.
  has_body_ = !body_.empty();
  std::string line;
  bool has_type = false;
  for (const auto& [name, value] : wanted) {
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
  if (has_body_) {
    add("Expect:");
  }
  if (!has_type) {
    add("Content-Type:");
  }
  set(easy_, CURLOPT_HTTPHEADER, fields_);
  headers_ = wanted;
}

// libcurl still has the address of the body. It reads there in a transfer alone, and the next one sets it first.
void CurlTransfer::forget() {
  body_ = {};
  response_ = HttpResponse();
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
  if (size * count > transfer.options_.response_bytes_max - body.size()) {
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
  const curl_socket_t fd = transfer.sockets_.open_socket(*address);
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
  std::string failure = certificate_failure(*chain, ok != 0, transfer.host_, transfer.options_.ca_file);
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

}  // namespace soak::net
