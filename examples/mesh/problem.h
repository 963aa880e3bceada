// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_PROBLEM_H_
#define MESH_PROBLEM_H_

// Why a request is refused, as PROTOCOL.md lists it. Thrown by whatever finds it; the router makes the response.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "soak/error.h"
#include "soak/net/http.h"

namespace mesh {

class Problem : public soak::Error {
 public:
  // `code` is one of PROTOCOL.md's and lives as long as the program: a literal.
  Problem(int status, std::string_view code, const std::string& message);

  // 400 invalid_field: "kind: expected ...".
  static Problem field(std::string_view name, std::string_view expected);

  Problem& with_retry_after(std::int64_t seconds);
  Problem& with_now(std::int64_t seconds);  // The server's clock.
  Problem& with_allow(std::string methods);

  int status() const { return status_; }
  std::string_view code() const { return code_; }
  soak::net::HttpReply reply() const;

 private:
  int status_;
  std::string_view code_;
  std::string field_;
  std::string allow_;
  std::optional<std::int64_t> retry_after_;
  std::optional<std::int64_t> now_;
};

}  // namespace mesh

#endif  // MESH_PROBLEM_H_
