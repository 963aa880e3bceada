// SPDX-License-Identifier: Apache-2.0
#include "lib/net_server/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "lib/net/broken_pipes.h"

namespace soak::net {
namespace {

bool is_transient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int length_for_tls(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

}  // namespace

Stream::Stream(Fd fd, SSL_CTX* tls) : fd_(std::move(fd)) {
  if (tls == nullptr) {
    return;
  }
  ignore_broken_pipes();
  ssl_.reset(SSL_new(tls));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd_.get()) != 1) {
    ERR_clear_error();
    fd_.reset();
    return;
  }
  SSL_set_accept_state(ssl_.get());
  SSL_set_read_ahead(ssl_.get(), 1);  // Else the head of each record is read by itself.
}

Stream::Moved Stream::read(char* buffer, std::size_t size) {
  if (ssl_ != nullptr) {
    if (broken_) {
      return {0, State::kLost};
    }
    ERR_clear_error();
    return moved_by_tls(SSL_read(ssl_.get(), buffer, length_for_tls(size)), true);
  }
  const ssize_t got = recv(fd_.get(), buffer, size, 0);
  if (got > 0) {
    read_bytes_ += static_cast<std::uint64_t>(got);
    return {static_cast<std::size_t>(got), State::kMoved};
  }
  return {0, got == 0 ? State::kEnded : is_transient(errno) ? State::kBlocked : State::kLost};
}

Stream::Moved Stream::write(std::string_view bytes) {
  if (ssl_ != nullptr) {
    if (broken_) {
      return {0, State::kLost};
    }
    ERR_clear_error();
    return moved_by_tls(SSL_write(ssl_.get(), bytes.data(), length_for_tls(bytes.size())), false);
  }
  const ssize_t sent = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) {
    return {static_cast<std::size_t>(sent), State::kMoved};
  }
  return {0, is_transient(errno) ? State::kBlocked : State::kLost};
}

Stream::Moved Stream::moved_by_tls(int result, bool reading) {
  if (result > 0) {
    (reading ? read_wants_write_ : write_wants_read_) = false;
    return {static_cast<std::size_t>(result), State::kMoved};
  }
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      (reading ? read_wants_write_ : write_wants_read_) = !reading;
      return {0, State::kBlocked};
    case SSL_ERROR_WANT_WRITE:
      (reading ? read_wants_write_ : write_wants_read_) = reading;
      return {0, State::kBlocked};
    case SSL_ERROR_ZERO_RETURN:
      return {0, State::kEnded};
    default:
      broken_ = true;
      return {0, State::kLost};
  }
}

bool Stream::has_pending() const { return ssl_ != nullptr && !broken_ && SSL_has_pending(ssl_.get()) != 0; }

std::uint64_t Stream::heard_bytes() const {
  return ssl_ != nullptr ? BIO_number_read(SSL_get_rbio(ssl_.get())) : read_bytes_;
}

int Stream::read_events() const { return read_wants_write_ ? UV_READABLE | UV_WRITABLE : UV_READABLE; }

int Stream::write_events() const { return write_wants_read_ ? UV_READABLE | UV_WRITABLE : UV_WRITABLE; }

bool Stream::shut() {
  if (ssl_ != nullptr && !broken_ && SSL_is_init_finished(ssl_.get()) != 0) {
    ERR_clear_error();
    const int told = SSL_shutdown(ssl_.get());
    if (told < 0 && SSL_get_error(ssl_.get(), told) == SSL_ERROR_WANT_WRITE) {
      return false;
    }
    ERR_clear_error();
  }
  shutdown(fd_.get(), SHUT_WR);
  return true;
}

std::chrono::nanoseconds Stream::silence() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
    return std::chrono::nanoseconds::max();
  }
  return std::chrono::milliseconds(info.tcpi_last_data_recv);
}

}  // namespace soak::net
