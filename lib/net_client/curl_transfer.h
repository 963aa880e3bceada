// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_LIB_NET_CLIENT_CURL_TRANSFER_H_
#define SOAK_LIB_NET_CLIENT_CURL_TRANSFER_H_

// One request at a time on one handle of libcurl's, which is kept for the next one.

#include <curl/curl.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "lib/net/http_client_backend.h"
#include "lib/net/openssl.h"
#include "lib/net/signal.h"

namespace soak::net {

// What a transfer needs of its client.
class CurlSockets {
 public:
  virtual curl_socket_t open_socket(const curl_sockaddr& address) = 0;
  // The connection that ended last was reset.
  virtual bool ended_by_reset() const = 0;

 protected:
  ~CurlSockets() = default;
};

class CurlTransfer {
 public:
  CurlTransfer(CurlSockets& sockets, const HttpClientOptions& options);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  CURL* easy() const { return easy_; }
  // The call outlives the transfer.
  void prepare(HttpCall& call, bool http2);
  // Drops what belongs to the call.
  void forget();

  // For the client.
  CURLM* multi = nullptr;  // That has it, while one does.
  void finish(CURLcode result) {
    result_ = result;
    reset_ = sockets_.ended_by_reset();
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
  void set_body(const HttpRequest& request);
  void set_fields(const HttpRequest& request);
  [[noreturn]] void fail_connecting(const HttpCall& call) const;

  CurlSockets& sockets_;
  const HttpClientOptions& options_;
  CURL* const easy_;
  // What libcurl keeps from the request before. Most requests of a client are alike: only what differs is set.
  std::string url_;
  std::optional<bool> http2_;
  std::string method_;
  bool announces_body_ = false;
  std::optional<Headers> headers_;
  bool has_body_ = false;
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

}  // namespace soak::net

#endif  // SOAK_LIB_NET_CLIENT_CURL_TRANSFER_H_
