// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_EDGE_FAKE_CHAT_H_
#define MESH_EDGE_FAKE_CHAT_H_

// A stand-in for an OpenAI-compatible chat endpoint: POST /v1/chat/completions. It answers each prompt with a typed
// artifact about it, after a delay; the same prompt gets the same answer.

#include <chrono>
#include <cstdint>
#include <string>

#include "soak/event_loop.h"
#include "soak/net/http_server.h"
#include "soak/task.h"

namespace mesh {

struct FakeChatOptions {
  FakeChatOptions() {}  // NOLINT(modernize-use-equals-default): not an aggregate, for g++ 12, see soak/task.h.

  std::uint16_t port = 0;
  std::string key;  // Empty: any key is accepted, and none.
  std::chrono::nanoseconds delay = std::chrono::milliseconds{20};
};

class FakeChat {
 public:
  FakeChat(soak::EventLoop& loop, FakeChatOptions options = FakeChatOptions());

  std::string base_url() const { return server_.url() + "/v1"; }
  std::uint64_t completions() const { return completions_; }

 private:
  soak::Task<soak::net::HttpReply> answer(soak::net::HttpServerRequest request);

  FakeChatOptions options_;
  std::uint64_t completions_ = 0;
  soak::net::HttpServer server_;
};

}  // namespace mesh

#endif  // MESH_EDGE_FAKE_CHAT_H_
