// SPDX-License-Identifier: Apache-2.0
// The traffic of voice_bench.cc on libwebsockets alone, in the form of its own examples: a frame is asked for by a
// writeable callback, and written there.
//
//   lws_voice_bench paced poll|libuv FROM TO
//   lws_voice_bench flat poll|libuv SESSIONS
//   lws_voice_bench memory PORT CA FEW MANY   clients alone, on libuv; CA is "-" for ws:
//
// Left out, beside what voice_bench does: sessions that are configured and validated, limits, timeouts, any report.

#include <libwebsockets.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "../resident.h"
#include "../voice_frame.h"
#include "../voice_load.h"

namespace soak::bench {
namespace {

constexpr char kAuthorization[] = "Authorization: Bearer sk-soak\r\n";

struct Session {
  lws* wsi = nullptr;
  unsigned owed = 0;  // Frames that are due.
};

struct Due {
  Clock::time_point at;
  Session* session;
  bool operator<(const Due& other) const { return at > other.at; }  // The earliest is on top.
};

class Program {
 public:
  Program(bool libuv, bool pace, bool server, int port, std::string ca_file)
      : libuv_(libuv), pace_(pace), port_(port), ca_file_(std::move(ca_file)) {
    lws_set_log_level(LLL_ERR, nullptr);
    protocols_[0] = lws_protocols{};
    protocols_[0].name = "voice";
    protocols_[0].callback = &Program::on_event;
    protocols_[0].rx_buffer_size = 4096;
    protocols_[1] = lws_protocols{};
    lws_context_creation_info info{};
    info.port = server ? 0 : CONTEXT_PORT_NO_LISTEN;
    info.iface = "127.0.0.1";
    info.protocols = protocols_.data();
    info.user = this;
    info.gid = static_cast<decltype(info.gid)>(-1);
    info.uid = static_cast<decltype(info.uid)>(-1);
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    if (tls()) {
      info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
      info.client_ssl_ca_filepath = ca_file_.c_str();
    }
    void* loops[] = {&loop_};
    if (libuv_) {
      uv_loop_init(&loop_);
      info.options |= LWS_SERVER_OPTION_LIBUV;
      info.foreign_loops = loops;
    }
    context_ = lws_create_context(&info);
    lws_vhost* const vhost = context_ == nullptr ? nullptr : lws_create_vhost(context_, &info);
    if (vhost == nullptr) {
      std::fprintf(stderr, "libwebsockets does not start\n");
      std::exit(1);
    }
    vhost_ = vhost;
    if (server) {
      port_ = lws_get_vhost_listen_port(vhost);
    }
  }

  // Opens sessions until there are `sessions`, then calls `then`.
  void open(std::size_t sessions, std::function<void()> then) {
    wanted_ = sessions;
    opened_ = std::move(then);
  }
  void after(std::chrono::microseconds time, std::function<void()> then) {
    step_ = std::move(then);
    step_at_ = Clock::now() + time;
  }
  void end() { std::_Exit(0); }

  std::size_t open_sessions() const { return established_; }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t received() const { return received_; }
  // Without pace: from now on, sessions send.
  void let_go() {
    going_ = true;
    for (Session& session : sessions_) {
      lws_callback_on_writable(session.wsi);
    }
  }

  void run() {
    tick();
    if (libuv_) {
      uv_run(&loop_, UV_RUN_DEFAULT);
    } else {
      while (lws_service(context_, 0) >= 0) {
      }
    }
  }

 private:
  struct Tick {
    lws_sorted_usec_list_t sul;
    Program* program;
  };

  bool tls() const { return ca_file_ != "-"; }

  void tick() {
    const Clock::time_point now = Clock::now();
    while (sessions_.size() < wanted_ && sessions_.size() - established_ < kConnectsAtOnce) {
      connect();
    }
    if (opened_ && established_ == wanted_) {
      std::exchange(opened_, nullptr)();
    }
    if (step_ && now >= step_at_) {
      std::exchange(step_, nullptr)();
    }
    while (!due_.empty() && due_.top().at <= now) {
      const Due due = due_.top();
      due_.pop();
      ++due.session->owed;
      lws_callback_on_writable(due.session->wsi);
      due_.push({due.at + kFrameInterval, due.session});
    }
    // What opens sessions, and the step, look up once a millisecond.
    auto next = std::chrono::microseconds(1000);
    if (!due_.empty()) {
      next = std::clamp(std::chrono::ceil<std::chrono::microseconds>(due_.top().at - Clock::now()),
                        std::chrono::microseconds(1), next);
    }
    lws_sul_schedule(
        context_, 0, &tick_.sul, [](lws_sorted_usec_list_t* sul) { lws_container_of(sul, Tick, sul)->program->tick(); },
        next.count());
  }

  void connect() {
    Session& session = sessions_.emplace_back();
    lws_client_connect_info info{};
    info.context = context_;
    info.vhost = vhost_;
    info.address = "127.0.0.1";
    info.port = port_;
    info.path = "/v1/realtime?model=gpt-realtime";
    info.host = "127.0.0.1";
    info.local_protocol_name = "voice";
    info.ietf_version_or_minus_one = -1;
    info.alpn = "http/1.1";
    if (tls()) {
      info.ssl_connection = LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
    }
    info.opaque_user_data = &session;
    info.pwsi = &session.wsi;
    if (lws_client_connect_via_info(&info) == nullptr) {
      std::fprintf(stderr, "session %zu: not started\n", sessions_.size());
      std::exit(1);
    }
  }

  int write_frame(Session& session) {
    encode_frame(pcm_, reinterpret_cast<char*>(frame_.data() + LWS_PRE));
    if (lws_write(session.wsi, frame_.data() + LWS_PRE, kFrameBytes, LWS_WRITE_TEXT) < 0) {
      return -1;
    }
    ++sent_;
    return 0;
  }

  int on_writeable(Session& session) {
    if (pace_) {
      if (session.owed == 0) {
        return 0;
      }
      --session.owed;
    } else if (!going_) {
      return 0;
    }
    if (write_frame(session) < 0) {
      return -1;
    }
    if (!pace_ || session.owed > 0) {
      lws_callback_on_writable(session.wsi);
    }
    return 0;
  }

  static int on_event(lws* wsi, lws_callback_reasons reason, void*, void* in, std::size_t size) {
    auto* const program = static_cast<Program*>(lws_context_user(lws_get_context(wsi)));
    auto* const session = static_cast<Session*>(lws_get_opaque_user_data(wsi));
    switch (reason) {
      case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: {
        auto** at = static_cast<unsigned char**>(in);
        if (size < sizeof kAuthorization) {
          return -1;
        }
        *at = std::copy(std::begin(kAuthorization), std::end(kAuthorization) - 1, *at);
        return 0;
      }
      case LWS_CALLBACK_CLIENT_ESTABLISHED:
        session->wsi = wsi;
        ++program->established_;
        if (program->pace_) {
          program->due_.push({Clock::now(), session});
        }
        return 0;
      case LWS_CALLBACK_CLIENT_WRITEABLE:
        return program->on_writeable(*session);
      case LWS_CALLBACK_RECEIVE:
        program->received_ += lws_is_final_fragment(wsi) != 0 ? 1U : 0U;
        return 0;
      case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      case LWS_CALLBACK_CLIENT_CLOSED:
        std::fprintf(stderr, "a session was lost: %s\n", in == nullptr ? "" : static_cast<const char*>(in));
        std::exit(1);
      default:
        return 0;
    }
  }

  bool libuv_;
  bool pace_;
  int port_;
  std::string ca_file_;
  std::array<lws_protocols, 2> protocols_{};
  uv_loop_t loop_{};
  lws_context* context_ = nullptr;
  lws_vhost* vhost_ = nullptr;
  Tick tick_{{}, this};

  std::deque<Session> sessions_;
  std::size_t wanted_ = 0;
  std::size_t established_ = 0;
  std::function<void()> opened_;
  std::function<void()> step_;
  Clock::time_point step_at_;
  std::priority_queue<Due> due_;
  bool going_ = false;
  std::array<unsigned char, kPcmBytes> pcm_{};
  std::array<unsigned char, LWS_PRE + kFrameBytes> frame_{};
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
};

// `then(share)` hears how the window went.
void measure(Program& program, const char* task, std::function<void(double)> then) {
  program.after(kWarm, [&program, task, then] {
    const Window window(program.sent(), program.received());
    program.after(kWindow, [&program, task, then, window] {
      then(window.print(task, static_cast<int>(program.open_sessions()), program.sent(), program.received()));
    });
  });
}

void paced(Program& program, std::size_t sessions, std::size_t to) {
  program.open(sessions, [&program, sessions, to] {
    measure(program, "paced", [&program, sessions, to](double share) {
      if (share < kSustained || sessions + kStep > to) {
        program.end();
      }
      paced(program, sessions + kStep, to);
    });
  });
}

void flat(Program& program, std::size_t sessions) {
  program.open(sessions, [&program] {
    program.let_go();
    measure(program, "flat", [&program](double) { program.end(); });
  });
}

void memory(Program& program, std::size_t few, std::size_t many) {
  program.open(few, [&program, few, many] {
    program.after(kWindow, [&program, few, many] {
      const double before = resident_bytes();
      program.open(many, [&program, few, many, before] {
        program.after(kWindow, [&program, few, many, before] {
          print_memory(few, many, resident_bytes() - before);
          program.end();
        });
      });
    });
  });
}

int run(const std::vector<std::string>& arguments) {
  raise_descriptor_limit();
  const std::string task = arguments.empty() ? "" : arguments[0];
  const auto number = [&arguments](std::size_t i) { return std::size_t{std::stoul(arguments[i])}; };
  if (task == "paced" && arguments.size() == 4) {
    Program program(arguments[1] == "libuv", true, true, 0, "-");
    paced(program, number(2), number(3));
    program.run();
  } else if (task == "flat" && arguments.size() == 3) {
    Program program(arguments[1] == "libuv", false, true, 0, "-");
    flat(program, number(2));
    program.run();
  } else if (task == "memory" && arguments.size() == 5) {
    Program program(true, true, false, static_cast<int>(number(1)), arguments[2]);
    memory(program, number(3), number(4));
    program.run();
  }
  std::fprintf(stderr,
               "usage: lws_voice_bench paced poll|libuv FROM TO\n"
               "       lws_voice_bench flat poll|libuv SESSIONS\n"
               "       lws_voice_bench memory PORT CA FEW MANY\n");
  return 2;
}

}  // namespace
}  // namespace soak::bench

int main(int argc, char** argv) { return soak::bench::run({argv + 1, argv + argc}); }
