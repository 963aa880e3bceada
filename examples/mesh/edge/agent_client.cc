// SPDX-License-Identifier: Apache-2.0
#include "mesh/edge/agent_client.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "mesh/json_lookup.h"
#include "mesh/signature.h"

namespace mesh {

namespace {

soak::net::HttpClientOptions client_options(std::chrono::nanoseconds timeout) {
  soak::net::HttpClientOptions options;
  options.timeout = timeout;
  options.connect_timeout = timeout;
  options.proxy = "";
  return options;
}

}  // namespace

AgentClient::AgentClient(soak::EventLoop& loop, PrivateKey key, std::chrono::nanoseconds timeout,
                         std::chrono::seconds clock_offset)
    : loop_(loop), key_(std::move(key)), clock_offset_(clock_offset), client_(loop, client_options(timeout)) {}

soak::Task<ServiceAnswer> AgentClient::call(std::string method, std::string url, std::string body) {
  std::int64_t service_time = 0;
  soak::Task<ServiceAnswer> first = call_once(method, url, body, &service_time);
  ServiceAnswer answer = co_await std::move(first);
  if (answer.code == "clock_skew" && service_time > 0) {
    const auto own = std::chrono::floor<std::chrono::seconds>(loop_.wall_now().time_since_epoch());
    clock_offset_ = std::chrono::seconds(service_time) - own;
    ++clock_corrections_;
    soak::Task<ServiceAnswer> second = call_once(std::move(method), std::move(url), std::move(body), &service_time);
    answer = co_await std::move(second);
  }
  co_return answer;
}

soak::Task<ServiceAnswer> AgentClient::call_once(std::string method, std::string url, std::string body,
                                                 std::int64_t* service_time) {
  soak::net::HttpRequest request(std::move(method), std::move(url), std::move(body));
  if (!request.body.empty()) {
    request.headers.add("Content-Type", "application/json");
  }
  const auto now = std::chrono::floor<std::chrono::seconds>(loop_.wall_now().time_since_epoch()) + clock_offset_;
  SignatureStamp stamp{now.count(), fmt::format("{:016x}{:016x}", loop_.random()(), loop_.random()())};
  sign(request, key_, stamp);
  soak::Task<soak::net::HttpResponse> sending = client_.send(std::move(request));
  soak::net::HttpResponse response = co_await std::move(sending);
  ServiceAnswer answer;
  answer.status = response.status;
  answer.body = std::move(response.body);
  if (!answer.ok()) {
    const rapidjson::Document body_of_error = parse_json(answer.body);
    if (const rapidjson::Value* error = member_of(body_of_error, "error")) {
      answer.code = text_of(*error, "code");
      answer.message = text_of(*error, "message");
      *service_time = static_cast<std::int64_t>(number_of(*error, "now"));
    }
  }
  co_return answer;
}

}  // namespace mesh
