// SPDX-License-Identifier: Apache-2.0
#include "lib/net_client/lws_context.h"

#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <utility>

#include "lib/async/descriptors.h"
#include "lib/net/tls_context.h"
#include "lib/text/format.h"
#include "soak/error.h"

namespace soak::net {
namespace {

constexpr char kProtocol[] = "soak";

// Bytes that one read may bring, and that every connection holds as a buffer.
constexpr std::size_t kReadBytes = 4096;
// Bytes of a big frame that go to the socket at once.
constexpr std::size_t kWriteBytes = std::size_t{256} << 10;
// Room for the head of a request or response; shared by all connections.
constexpr unsigned kHeadBytes = 32 << 10;
// libwebsockets has limits of its own on every step. Ours apply, so these are out of the way.
constexpr unsigned kOutOfTheWaySeconds = 24 * 3600;
// libwebsockets keeps tables of as many entries as the process may have descriptors, and clears them.
constexpr rlim_t kDescriptorsMax = 65536;

// A context has fewer. libwebsockets 4.1 to 4.3 crash in the destruction of one that they could make but half.
constexpr std::size_t kDescriptorsOfAContext = 8;

// Lowers the soft limit of descriptors for as long as it lives.
class LimitDescriptors {
 public:
  LimitDescriptors() {
    if (getrlimit(RLIMIT_NOFILE, &before_) != 0 || before_.rlim_cur <= kDescriptorsMax) {
      return;
    }
    rlimit lower = before_;
    lower.rlim_cur = kDescriptorsMax;
    lowered_ = setrlimit(RLIMIT_NOFILE, &lower) == 0;
  }
  ~LimitDescriptors() {
    if (lowered_) {
      setrlimit(RLIMIT_NOFILE, &before_);
    }
  }

 private:
  rlimit before_{};
  bool lowered_ = false;
};

// libwebsockets would ping by itself and hang up, and for that keep a list of all connections that it walks through for
// each of them. The limits of a connection decide who pings, and when.
constexpr lws_retry_bo_t kNoKeepAlive{};

lws_context_creation_info creation_info() {
  lws_context_creation_info info{};
  info.port = CONTEXT_PORT_NO_LISTEN;
  info.gid = static_cast<decltype(info.gid)>(-1);
  info.uid = static_cast<decltype(info.uid)>(-1);
  info.timeout_secs = kOutOfTheWaySeconds;
  info.connect_timeout_secs = kOutOfTheWaySeconds;
  info.retry_and_idle_policy = &kNoKeepAlive;
  info.vhost_name = kProtocol;
  return info;
}

}  // namespace

LwsContext::LwsContext(UvLoop& loop) : loop_(loop) {
  // It logs ordinary events as errors; what matters comes back as an Error or a CloseStatus.
  lws_set_log_level(0, nullptr);

  if (const int error = soak::detail::descriptors_error(kDescriptorsOfAContext); error != 0) {
    throw Error(Errc::kSystem, "cannot initialise libwebsockets: " + text::format_errno(error));
  }
  void* loops[] = {loop.handle()};
  lws_context_creation_info info = creation_info();
  // The TLS library is made ready, which costs nothing that a process without `wss:` would notice.
  info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
  info.foreign_loops = loops;
  info.pcontext = &context_;
  info.user = this;
  info.pt_serv_buf_size = kHeadBytes;
  info.max_http_header_data = kHeadBytes;

  const LimitDescriptors limit;
  context_ = lws_create_context(&info);
  if (context_ == nullptr) {
    throw Error(Errc::kSystem,
                "cannot initialise libwebsockets; is its libuv plugin (libwebsockets-evlib-uv) installed?");
  }
  vhost_ = make_vhost(kProtocol, nullptr);
  if (vhost_ == nullptr) {
    lws_context_destroy(context_);
    throw Error(Errc::kSystem, "libwebsockets cannot create a virtual host");
  }
}

lws_vhost* LwsContext::make_vhost(const char* name, SSL_CTX* tls) {
  static const std::array<lws_protocols, 2> kProtocols = [] {
    std::array<lws_protocols, 2> protocols{};
    protocols[0].name = kProtocol;
    protocols[0].callback = &LwsContext::on_event;
    protocols[0].rx_buffer_size = kReadBytes;
    protocols[0].tx_packet_size = kWriteBytes;
    return protocols;
  }();

  lws_context_creation_info info = creation_info();
  info.protocols = kProtocols.data();
  info.vhost_name = name;
  if (tls != nullptr) {
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;  // Without it the next line counts for nothing.
    info.provided_client_ssl_ctx = tls;
#ifdef LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE  // libwebsockets 4.2 and later.
    info.options |= LWS_SERVER_OPTION_DISABLE_TLS_SESSION_CACHE;
#endif
  }
  return lws_create_vhost(context_, &info);
}

lws_vhost* LwsContext::tls_vhost(const std::string& ca_file) {
  std::string ca_pem = read_ca_file(ca_file);
  if (const auto known = tls_vhosts_.find(ca_pem); known != tls_vhosts_.end()) {
    return known->second.vhost;
  }
  OwnedSslContext tls = make_tls_client_context(ca_pem, ca_file);
  const std::string name = "soak-tls-" + std::to_string(tls_vhosts_.size());
  lws_vhost* const vhost = make_vhost(name.c_str(), tls.get());
  if (vhost == nullptr) {
    throw Error(Errc::kSystem, "libwebsockets cannot create a virtual host for wss:");
  }
  tls_vhosts_.emplace(std::move(ca_pem), TlsVhost{std::move(tls), vhost});
  return vhost;
}

LwsContext::~LwsContext() {
  // With a foreign loop it takes several calls: the first closes, the last frees and resets context_.
  for (int call = 0; call < 4 && context_ != nullptr; ++call) {
    lws_context_destroy(context_);
    for (int turn = 0; turn < 8; ++turn) {
      uv_run(loop_.handle(), UV_RUN_NOWAIT);
    }
  }
}

void LwsContext::wake() { lws_cancel_service(context_); }

unsigned char* LwsContext::frame_buffer(std::size_t size) {
  if (frame_.size() < size) {
    frame_.resize(size);
  }
  return frame_.data();
}

void LwsContext::release_frame_buffer() {
  if (frame_.size() > std::size_t{1} << 20) {
    std::vector<unsigned char>().swap(frame_);
  }
}

int LwsContext::on_event(lws* wsi, lws_callback_reasons reason, void* user, void* in, std::size_t size) {
  auto* events = static_cast<LwsEvents*>(lws_get_opaque_user_data(wsi));
  switch (reason) {
    case LWS_CALLBACK_PROTOCOL_INIT:
    case LWS_CALLBACK_PROTOCOL_DESTROY:
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
    case LWS_CALLBACK_GET_THREAD_ID:
      return 0;  // Not about a connection.

    case LWS_CALLBACK_CLIENT_RECEIVE:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
      return events == nullptr ? -1 : events->on_event(wsi, reason, in, size);  // Its owner dropped it.

    // `in` is the SSL, `user` the certificate chain where its verification is, `size` whether OpenSSL agrees.
    case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
      return events != nullptr && events->verify(*static_cast<X509_STORE_CTX*>(user), size != 0) ? 0 : 1;

    default:
      return events == nullptr ? 0 : events->on_event(wsi, reason, in, size);
  }
}

}  // namespace soak::net
