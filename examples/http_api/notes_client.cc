// SPDX-License-Identifier: Apache-2.0
#include "notes_client.h"

#include <soak/error.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

namespace {

std::chrono::seconds retry_after(const soak::net::HttpResponse& response) {
  return std::chrono::seconds(std::max(1, std::atoi(response.headers.get("Retry-After", "1").c_str())));
}

}  // namespace

NotesClient::NotesClient(soak::EventLoop& loop, std::string url, bool drop_answered)
    : http_(loop), url_(std::move(url)), drop_answered_(drop_answered) {}

soak::Task<std::string> NotesClient::create(std::string text) {
  // g++ 12 wants a name for each argument of an awaited call.
  std::string method = "POST";
  std::string path = "/notes";
  soak::net::HttpResponse response = co_await send(std::move(method), std::move(path), std::move(text), 201);
  co_return response.body;
}

soak::Task<std::string> NotesClient::read(std::string id) {
  std::string method = "GET";
  std::string path = "/notes/" + id;
  std::string body;
  soak::net::HttpResponse response = co_await send(std::move(method), std::move(path), std::move(body), 200);
  co_return response.body;
}

soak::Task<> NotesClient::remove(std::string id) {
  std::string method = "DELETE";
  std::string path = "/notes/" + id;
  std::string body;
  co_await send(std::move(method), std::move(path), std::move(body), 204);
}

soak::Task<soak::net::HttpResponse> NotesClient::send(std::string method, std::string path, std::string body,
                                                      int expected) {
  while (true) {
    soak::net::HttpRequest request(method, url_ + path, body);
    unanswered_.push_back(request);
    soak::net::HttpResponse response = co_await http_.send(std::move(request));
    if (drop_answered_) {
      unanswered_.pop_back();
    }
    if (response.status == expected) {
      co_return response;
    }
    if (response.status != 429) {
      throw soak::Error(soak::Errc::kProtocol, method + " /notes: status " + std::to_string(response.status));
    }
    co_await soak::sleep_for(retry_after(response));
  }
}
