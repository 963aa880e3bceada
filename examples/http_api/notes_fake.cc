// SPDX-License-Identifier: Apache-2.0
#include "notes_fake.h"

#include <chrono>
#include <string_view>

using soak::net::HttpReply;
using soak::net::HttpServerRequest;
using namespace std::chrono_literals;

NotesFake::NotesFake(soak::EventLoop& loop)
    : loop_(loop),
      server_(loop, [this](HttpServerRequest request) -> soak::Task<HttpReply> { co_return answer(request); }) {}

HttpReply NotesFake::answer(const HttpServerRequest& request) {
  constexpr std::string_view kNotes = "/notes";
  if (request.path == kNotes) {
    return request.method == "POST" ? create(request.body) : HttpReply(405);
  }
  if (request.path.compare(0, kNotes.size() + 1, "/notes/") != 0) {
    return HttpReply(404);
  }
  const auto note = notes_.find(request.path.substr(kNotes.size() + 1));
  if (note == notes_.end()) {
    return HttpReply(404);
  }
  if (request.method == "GET") {
    return HttpReply(200, note->second);
  }
  if (request.method == "DELETE") {
    notes_.erase(note);
    return HttpReply(204);
  }
  return HttpReply(405);
}

// Every hundredth note meets the rate limit, for a second.
HttpReply NotesFake::create(const std::string& text) {
  if (loop_.elapsed() < closed_until_) {
    ++came_too_early_;
    return HttpReply(429, "", {{"Retry-After", "1"}});
  }
  if (text.empty()) {
    return HttpReply(400);
  }
  if (++created_ % 100 == 0) {
    ++rate_limited_;
    closed_until_ = loop_.elapsed() + 1s;
    return HttpReply(429, "", {{"Retry-After", "1"}});
  }
  const std::string id = std::to_string(created_);
  notes_[id] = text;
  return HttpReply(201, id);
}
