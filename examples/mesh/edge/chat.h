// SPDX-License-Identifier: Apache-2.0
#ifndef MESH_EDGE_CHAT_H_
#define MESH_EDGE_CHAT_H_

// Where the results of tasks come from: an OpenAI-compatible chat endpoint, POST <base URL>/chat/completions.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "soak/event_loop.h"
#include "soak/net/http_client.h"
#include "soak/task.h"

namespace mesh {

struct ChatOptions {
  std::string base_url = {};  // "http://127.0.0.1:8000/v1"; empty: tasks get a fixed result, and no endpoint is asked.
  std::string model = "fake-model";
  std::string key = {};  // Secret; empty: no Authorization field.
};

// Reads MESH_LLM_BASE_URL, MESH_LLM_MODEL, MESH_LLM_API_KEY and MESH_LLM_API_MODE, or the names of the original:
// SYNTHIEN_WORKLOAD_BASE_URL, _MODEL, _API_KEY and _API_MODE. An empty variable counts as unset. The only API mode is
// "chat_completions". ENABLE_LLM_TASKS=0 empties the base URL. `get` is getenv. Throws
// soak::Error(kInvalidArgument), which names the variable, its value and what is expected.
ChatOptions chat_options_from(const std::function<const char*(const char*)>& get, ChatOptions defaults);

class Chat {
 public:
  Chat(soak::EventLoop& loop, ChatOptions options);

  // The answer to `prompt`. Throws soak::net::HttpError, or soak::Error: kAuthentication for 401 and 403, kRejected for
  // another status, kProtocol for a response without a choice that has a content. No message holds the key.
  soak::Task<std::string> complete(std::string prompt);

  bool enabled() const { return !options_.base_url.empty(); }

 private:
  ChatOptions options_;
  soak::net::HttpClient client_;
};

}  // namespace mesh

#endif  // MESH_EDGE_CHAT_H_
