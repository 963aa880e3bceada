// SPDX-License-Identifier: Apache-2.0
#include "lib/fault/tcp_end.h"

#include <netinet/in.h>

#include <array>
#include <deque>
#include <utility>

#include "lib/net/broken_pipes.h"
#include "soak/event.h"

namespace soak::fault {
namespace {

constexpr std::size_t kUnreadMax = std::size_t{64} << 10;

}  // namespace

struct TcpEnd::Handle {
  struct Write {
    uv_write_t request{};
    std::string bytes;
    std::shared_ptr<Handle> handle;  // Until libuv is done with it.
    bool done = false;
  };
  struct Connect {
    uv_connect_t request{};
    std::shared_ptr<Handle> handle;
  };

  explicit Handle(UvLoop& own_loop) : loop(own_loop) { net::ignore_broken_pipes(); }

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp); }
  bool is_closing() { return uv_is_closing(reinterpret_cast<uv_handle_t*>(&tcp)) != 0; }
  static void closed(uv_handle_t* handle) {
    auto* const self = static_cast<Handle*>(handle->data);
    const std::shared_ptr<Handle> last = std::exchange(self->open, nullptr);
  }

  void start_reading() {
    if (reading || ended || is_closing()) {
      return;
    }
    reading = uv_read_start(
                  stream(),
                  [](uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
                    auto* const self = static_cast<Handle*>(handle->data);
                    *buffer = uv_buf_init(self->room.data(), static_cast<unsigned>(self->room.size()));
                  },
                  [](uv_stream_t* stream, ssize_t got, const uv_buf_t*) {
                    static_cast<Handle*>(stream->data)->arrived(got);
                  }) == 0;
  }
  void stop_reading() {
    if (std::exchange(reading, false) && !is_closing()) {
      uv_read_stop(stream());
    }
  }
  void arrived(ssize_t got) {
    if (got > 0) {
      pieces.push_back({std::string(room.data(), static_cast<std::size_t>(got)), loop.now()});
      unread += static_cast<std::size_t>(got);
      if (unread >= kUnreadMax) {
        stop_reading();
      }
    } else if (got < 0) {
      stop_reading();
      ended = true;
      lost = lost || got != UV_EOF;
    }
    changed.set();
  }

  UvLoop& loop;
  uv_tcp_t tcp{};
  std::shared_ptr<Handle> open;  // Itself, until libuv has let go of it.
  Event changed;                 // Something below has.
  std::array<char, 16384> room{};
  std::deque<Piece> pieces;
  std::size_t unread = 0;
  bool reading = false;
  bool connected = false;
  bool ended = false;
  bool lost = false;
};

TcpEnd::TcpEnd(UvLoop& loop) : handle_(std::make_shared<Handle>(loop)) {
  uv_tcp_init(loop.handle(), &handle_->tcp);
  handle_->tcp.data = handle_.get();
  handle_->open = handle_;
}

TcpEnd::~TcpEnd() {
  if (!handle_->is_closing()) {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_->tcp), &Handle::closed);
  }
}

bool TcpEnd::open(net::Fd connected) {
  if (uv_tcp_open(&handle_->tcp, connected.get()) != 0) {
    return false;
  }
  (void)connected.release();  // It is libuv's.
  return true;
}

Task<bool> TcpEnd::connect(std::uint16_t port) {
  const std::shared_ptr<Handle> handle = handle_;
  sockaddr_in address{};
  uv_ip4_addr("127.0.0.1", port, &address);
  auto connect = std::make_unique<Handle::Connect>();
  connect->handle = handle;
  connect->request.data = connect.get();
  const int failed =
      uv_tcp_connect(&connect->request, &handle->tcp, reinterpret_cast<const sockaddr*>(&address),
                     [](uv_connect_t* request, int status) {
                       const std::unique_ptr<Handle::Connect> done(static_cast<Handle::Connect*>(request->data));
                       done->handle->connected = status == 0;
                       done->handle->lost = status != 0;
                       done->handle->changed.set();
                     });
  if (failed != 0) {
    co_return false;
  }
  (void)connect.release();  // The callback comes in any case.
  while (!handle->connected && !handle->lost) {
    handle->changed.reset();
    co_await handle->changed.wait();
  }
  if (handle->connected && !handle->is_closing()) {
    uv_tcp_nodelay(&handle->tcp, 1);
  }
  co_return handle->connected;
}

Task<TcpEnd::Piece> TcpEnd::read() {
  const std::shared_ptr<Handle> handle = handle_;
  while (handle->pieces.empty() && !handle->ended && !handle->lost) {
    handle->start_reading();
    handle->changed.reset();
    co_await handle->changed.wait();
  }
  Piece piece;
  piece.arrived = handle->loop.now();
  if (handle->pieces.empty()) {
    co_return piece;
  }
  piece = std::move(handle->pieces.front());
  handle->pieces.pop_front();
  handle->unread -= piece.bytes.size();
  if (handle->unread < kUnreadMax) {
    handle->start_reading();
  }
  co_return piece;
}

void TcpEnd::stop_reading() { handle_->stop_reading(); }

Task<bool> TcpEnd::write(std::string bytes) {
  const std::shared_ptr<Handle> handle = handle_;
  if (handle->lost || handle->is_closing()) {
    co_return false;
  }
  auto write = std::make_shared<Handle::Write>();
  write->bytes = std::move(bytes);
  write->handle = handle;
  auto* const kept = new std::shared_ptr<Handle::Write>(write);
  write->request.data = kept;
  const uv_buf_t buffer = uv_buf_init(write->bytes.data(), static_cast<unsigned>(write->bytes.size()));
  const int failed = uv_write(&write->request, handle->stream(), &buffer, 1, [](uv_write_t* request, int status) {
    const std::unique_ptr<std::shared_ptr<Handle::Write>> last(
        static_cast<std::shared_ptr<Handle::Write>*>(request->data));
    Handle::Write& done = **last;
    const std::shared_ptr<Handle> own = std::exchange(done.handle, nullptr);
    done.done = true;
    own->lost = own->lost || status != 0;
    own->changed.set();
  });
  if (failed != 0) {
    delete kept;
    co_return false;
  }
  while (!write->done) {
    handle->changed.reset();
    co_await handle->changed.wait();
  }
  co_return !handle->lost;
}

bool TcpEnd::is_lost() const { return handle_->lost; }

void TcpEnd::send_end() {
  if (handle_->lost || handle_->is_closing()) {
    return;
  }
  auto* const request = new uv_shutdown_t;
  const int failed = uv_shutdown(request, handle_->stream(), [](uv_shutdown_t* done, int) { delete done; });
  if (failed != 0) {
    delete request;
  }
}

void TcpEnd::reset() {
  if (handle_->is_closing()) {
    return;
  }
  handle_->stop_reading();
  // libuv does not reset what it is shutting down.
  if (uv_tcp_close_reset(&handle_->tcp, &Handle::closed) != 0) {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle_->tcp), &Handle::closed);
  }
  handle_->lost = true;
  handle_->changed.set();
}

}  // namespace soak::fault
