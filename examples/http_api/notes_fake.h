// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_HTTP_API_NOTES_FAKE_H_
#define EXAMPLES_HTTP_API_NOTES_FAKE_H_

// A fake of the notes API, written from its documentation and not from the client. It is as strict as the service,
// limits the rate, and counts what a client did wrong.

#include <soak/event_loop.h>
#include <soak/net/http_server.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

class NotesFake {
 public:
  explicit NotesFake(soak::EventLoop& loop);

  std::string url() const { return server_.url(); }

  std::uint64_t rate_limited() const { return rate_limited_; }
  std::uint64_t came_too_early() const { return came_too_early_; }  // Requests inside a Retry-After.

 private:
  soak::net::HttpReply answer(const soak::net::HttpServerRequest& request);
  soak::net::HttpReply create(const std::string& text);

  soak::EventLoop& loop_;
  std::map<std::string, std::string> notes_;
  std::uint64_t created_ = 0;
  std::uint64_t rate_limited_ = 0;
  std::uint64_t came_too_early_ = 0;
  std::chrono::nanoseconds closed_until_{};
  soak::net::HttpServer server_;
};

#endif  // EXAMPLES_HTTP_API_NOTES_FAKE_H_
