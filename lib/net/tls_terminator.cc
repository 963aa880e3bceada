// SPDX-License-Identifier: Apache-2.0
#include "lib/net/tls_terminator.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "lib/net/broken_pipes.h"

namespace soak::net {
namespace {

// Records that one connection may send before others have their turn.
constexpr int kRecordsATurn = 16;

// For a client that does not take what the server left behind.
constexpr std::chrono::seconds kLinger{5};

bool is_transient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

TlsTerminator::TlsTerminator(TlsTerminators& owner, OwnedSsl ssl, Fd wire, Fd plain)
    : owner_(owner), ssl_(std::move(ssl)), wire_(std::move(wire)), plain_(std::move(plain)) {
  uv_loop_t* const loop = owner_.loop_.handle();
  // An event moves the direction that its descriptor is the source of, and the other one if that waits for it.
  wire_poll_.emplace(loop, wire_.get(), [this] { pump(!to_wire_.empty() || out_ == Flow::kEnded, true); });
  plain_poll_.emplace(loop, plain_.get(), [this] { pump(true, !to_plain_.empty()); });
  watch();
}

TlsTerminator::~TlsTerminator() { owner_.loop_.core().timers.disarm(*this); }

void TlsTerminator::reset() {
  if (wire_.get() < 0) {
    return;
  }
  reset_on_close(wire_);
  finish();
}

void TlsTerminator::expire() noexcept { finish(); }

void TlsTerminator::pump(bool out, bool in) {
  const std::shared_ptr<TlsTerminator> keep = *position_;
  progress_ = false;
  if (out) {
    pump_out();
  }
  if (in) {
    pump_in();
  }
  if (over()) {
    return finish();
  }
  watch();
  if (!abandoned_ || (armed() && !progress_)) {
    return;
  }
  soak::detail::LoopCore& core = owner_.loop_.core();
  core.timers.disarm(*this);
  core.timers.arm(*this, soak::detail::later(core.now(), kLinger));
}

bool TlsTerminator::over() const { return lost_ || (out_ == Flow::kClosed && (in_ == Flow::kClosed || abandoned_)); }

// The bytes go out, or some of them, and the rest waits; false if nothing goes out now.
bool TlsTerminator::write_wire(std::string_view bytes) {
  ERR_clear_error();
  out_wants_write_ = false;
  const int sent = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (sent > 0) {
    progress_ = true;
    to_wire_ = std::string(bytes.substr(static_cast<std::size_t>(sent)));
    return true;
  }
  const int error = SSL_get_error(ssl_.get(), sent);
  out_wants_write_ = error == SSL_ERROR_WANT_WRITE;
  lost_ = !out_wants_write_ && error != SSL_ERROR_WANT_READ;
  if (bytes.data() != to_wire_.data()) {
    to_wire_ = std::string(bytes);
  }
  return false;
}

void TlsTerminator::pump_out() {
  for (int records = 0; out_ == Flow::kOpen && records < kRecordsATurn; ++records) {
    if (!to_wire_.empty()) {
      if (!write_wire(to_wire_)) {
        break;
      }
      continue;
    }
    const ssize_t got = recv(plain_.get(), owner_.record_.data(), owner_.record_.size(), 0);
    if (got < 0 && is_transient(errno)) {
      break;
    }
    if (got <= 0) {
      out_ = Flow::kEnded;
      break;
    }
    if (!write_wire({owner_.record_.data(), static_cast<std::size_t>(got)})) {
      break;
    }
    if (static_cast<std::size_t>(got) < owner_.record_.size()) {
      break;  // That was all.
    }
  }
  const bool reading = out_ == Flow::kOpen && to_wire_.empty();
  if (!reading && !abandoned_) {
    abandoned_ = server_is_gone();
  }
  if (out_ != Flow::kEnded) {
    return;
  }

  ERR_clear_error();
  const int told = SSL_shutdown(ssl_.get());
  out_wants_write_ = told < 0 && SSL_get_error(ssl_.get(), told) == SSL_ERROR_WANT_WRITE;
  if (out_wants_write_) {
    return;
  }
  shutdown(wire_.get(), SHUT_WR);
  out_ = Flow::kClosed;
}

void TlsTerminator::pump_in() {
  // What OpenSSL has read ahead gives no event, so all of it is taken; the pair holds as much as a turn may move.
  while (in_ == Flow::kOpen && !abandoned_) {
    std::string_view bytes = to_plain_;
    if (bytes.empty()) {
      ERR_clear_error();
      const int got = SSL_read(ssl_.get(), owner_.record_.data(), static_cast<int>(owner_.record_.size()));
      const int error = got > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), got);
      in_wants_write_ = error == SSL_ERROR_WANT_WRITE;
      if (in_wants_write_ || error == SSL_ERROR_WANT_READ) {
        break;
      }
      if (error == SSL_ERROR_ZERO_RETURN) {
        in_ = Flow::kEnded;
        break;
      }
      if (error != SSL_ERROR_NONE) {
        lost_ = true;
        break;
      }
      bytes = {owner_.record_.data(), static_cast<std::size_t>(got)};
    }
    const ssize_t sent = send(plain_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && !is_transient(errno)) {
      abandoned_ = true;
      break;
    }
    to_plain_ = std::string(bytes.substr(sent < 0 ? 0 : static_cast<std::size_t>(sent)));
    if (!to_plain_.empty() || SSL_has_pending(ssl_.get()) == 0) {
      break;
    }
  }
  if (in_ == Flow::kEnded) {
    shutdown(plain_.get(), SHUT_WR);
    in_ = Flow::kClosed;
  }
}

bool TlsTerminator::server_is_gone() const {
  pollfd end{plain_.get(), 0, 0};
  return poll(&end, 1, 0) > 0 && (end.revents & (POLLHUP | POLLERR)) != 0;
}

void TlsTerminator::watch() {
  const bool out = out_ == Flow::kOpen && to_wire_.empty();
  const bool in = in_ == Flow::kOpen && to_plain_.empty() && !abandoned_;
  int wire = in ? UV_READABLE : 0;
  if (in_wants_write_ || out_wants_write_) {
    wire |= UV_WRITABLE;
  }
  int plain = out ? UV_READABLE : 0;
  if (!to_plain_.empty() && !abandoned_) {
    plain |= UV_WRITABLE;
  }
  // Nothing ever comes with priority here: this is to hear of the other end's closing, and of nothing else.
  if (!out && !abandoned_) {
    plain |= UV_PRIORITIZED;
  }
  wire_poll_->watch_or_pause(wire);
  plain_poll_->watch_or_pause(plain);
}

void TlsTerminator::finish() {
  const std::shared_ptr<TlsTerminator> keep = *position_;
  owner_.running_.erase(position_);
  owner_.loop_.core().timers.disarm(*this);
  wire_poll_.reset();
  plain_poll_.reset();
  ssl_.reset();
  plain_.reset();
  wire_.reset();
}

TlsTerminators::TlsTerminators(EventLoop& loop) : loop_(static_cast<UvLoop&>(loop)) { ignore_broken_pipes(); }

TlsTerminators::~TlsTerminators() {
  while (!running_.empty()) {
    running_.front()->finish();
  }
}

TlsTerminators::Started TlsTerminators::start(SSL_CTX& context, Fd wire) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
    return {};
  }
  Fd plain(ends[0]);
  Fd ours(ends[1]);
  OwnedSsl ssl(SSL_new(&context));
  if (ssl == nullptr || SSL_set_fd(ssl.get(), wire.get()) != 1) {
    return {};
  }
  SSL_set_accept_state(ssl.get());
  SSL_set_read_ahead(ssl.get(), 1);  // Else the head of each record is read by itself.
  running_.push_front(std::make_shared<TlsTerminator>(*this, std::move(ssl), std::move(wire), std::move(ours)));
  running_.front()->position_ = running_.begin();
  return {std::move(plain), running_.front()};
}

}  // namespace soak::net
