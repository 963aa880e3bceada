// SPDX-License-Identifier: Apache-2.0
#include "mesh/problem.h"

#include <fmt/format.h>

#include <utility>

#include "mesh/json.h"

namespace mesh {

Problem::Problem(int status, std::string_view code, const std::string& message)
    : soak::Error(soak::Errc::kRejected, message), status_(status), code_(code) {}

Problem Problem::field(std::string_view name, std::string_view expected) {
  Problem problem(400, "invalid_field", fmt::format("{}: expected {}", name, expected));
  problem.field_ = name;
  return problem;
}

Problem& Problem::with_retry_after(std::int64_t seconds) {
  retry_after_ = seconds;
  return *this;
}

Problem& Problem::with_now(std::int64_t seconds) {
  now_ = seconds;
  return *this;
}

Problem& Problem::with_allow(std::string methods) {
  allow_ = std::move(methods);
  return *this;
}

soak::net::HttpReply Problem::reply() const {
  JsonText error;
  error.text("code", code_);
  error.text("message", what());
  if (!field_.empty()) {
    error.text("field", field_);
  }
  if (now_) {
    error.integer("now", *now_);
  }
  JsonText body;
  body.raw("error", error.object());
  soak::net::Headers headers;
  headers.add("Content-Type", "application/json");
  if (retry_after_) {
    headers.add("Retry-After", std::to_string(*retry_after_));
  }
  if (!allow_.empty()) {
    headers.add("Allow", allow_);
  }
  return soak::net::HttpReply(status_, body.object(), std::move(headers));
}

}  // namespace mesh
