// SPDX-License-Identifier: Apache-2.0
#include "mesh/relay/relay_service.h"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "mesh/answer.h"
#include "mesh/json.h"
#include "mesh/problem.h"

namespace mesh {
namespace {

constexpr std::int64_t kLimit = 100;
constexpr std::int64_t kLimitMax = 500;
constexpr std::int64_t kSequenceMax = std::int64_t{1} << 53;

}  // namespace

RelayService::RelayService(soak::EventLoop& loop, Storage& storage, Registry& registry, Authenticator& authenticator,
                           Router& routes)
    : loop_(loop),
      storage_(storage),
      registry_(registry),
      authenticator_(authenticator),
      accepted_(soak::metrics::counter("mesh_messages_accepted_total", "Messages that were stored")),
      repeated_(soak::metrics::counter("mesh_messages_repeated_total", "Messages that were sent again")),
      delivered_(soak::metrics::counter("mesh_messages_delivered_total", "Messages in inboxes that were read")),
      syncs_(soak::metrics::counter("mesh_sync_calls_total", "Calls of sync")) {
  add(routes, "POST", "/v1/relay/messages", &RelayService::send);
  add(routes, "GET", "/v1/relay/messages/{}", &RelayService::state);
  add(routes, "GET", "/v1/relay/inbox", &RelayService::inbox);
  add(routes, "POST", "/v1/relay/ack", &RelayService::acknowledge);
  add(routes, "POST", "/v1/relay/sync", &RelayService::sync);
}

void RelayService::add(Router& routes, std::string_view method, std::string_view path,
                       Reply (RelayService::*handler)(Call)) {
  routes.add(method, path, [this, handler](Call call) { return (this->*handler)(std::move(call)); });
}

std::int64_t RelayService::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(loop_.wall_now().time_since_epoch()).count();
}

RelayService::Reply RelayService::send(Call call) {
  soak::Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const Envelope envelope = envelope_of(call.request.body, caller.handle);
  // A message that is sent again was accepted, whatever became of the link since.
  if (!storage_.read([&](const Records& records) { return mailboxes_.knows(records, envelope.from, envelope.id); })) {
    soak::Task<> trusting = check_trust(envelope);
    co_await std::move(trusting);
  }
  soak::Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return mailboxes_.accept(records, envelope, now_ms());
  });
  Answer answer = co_await std::move(writing);
  (answer.created ? accepted_ : repeated_).increment();
  co_return reply_of(std::move(answer));
}

// To answer a message needs no link: Mailboxes checks that there is one to answer.
soak::Task<> RelayService::check_trust(const Envelope& envelope) {
  soak::Task<Trust> asking = registry_.trust(envelope.from, envelope.to);
  const Trust trust = co_await std::move(asking);
  if (trust.to == Standing::kUnknown) {
    throw Problem(404, "unknown_agent", fmt::format("there is no agent {}", envelope.to));
  }
  if (trust.to == Standing::kRevoked) {
    throw Problem(410, "recipient_revoked", fmt::format("{} is revoked", envelope.to));
  }
  if (is_request(envelope.kind) && trust.scope.empty()) {
    throw Problem(403, "not_linked", fmt::format("you have no link with {}", envelope.to));
  }
  if (envelope.kind == MessageKind::kTaskRequest && trust.scope != "mirror") {
    throw Problem(403, "wrong_scope",
                  fmt::format("a task_request needs a link of scope mirror; yours is {}", trust.scope));
  }
}

RelayService::Reply RelayService::state(Call call) {
  soak::Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const std::string id = call.captures[0];
  const std::string to =
      storage_.read([&](const Records& records) { return mailboxes_.receiver(records, caller.handle, id); });
  soak::Task<Trust> asking = registry_.trust(caller.handle, to);
  const Trust trust = co_await std::move(asking);
  co_return json_reply(200, storage_.read([&](const Records& records) {
    return mailboxes_.state(records, caller.handle, id, trust.to == Standing::kRevoked);
  }));
}

RelayService::Reply RelayService::inbox(Call call) {
  soak::Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const std::int64_t after = query_integer(call.request, "after", -1, 0, kSequenceMax);
  const std::int64_t limit = query_integer(call.request, "limit", kLimit, 1, kLimitMax);
  const Inbox inbox = read_inbox(caller, after < 0 ? std::nullopt : std::optional(after), limit);
  co_return json_reply(200, inbox.json().object());
}

RelayService::Reply RelayService::acknowledge(Call call) {
  soak::Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const JsonObject body(call.request.body);
  const std::int64_t up_to = body.integer("up_to", 0, kSequenceMax);
  body.end();
  soak::Task<std::int64_t> writing = write_ack(caller, up_to);
  const std::int64_t acked = co_await std::move(writing);
  co_return json_reply(200, JsonText().integer("acked", acked).object());
}

RelayService::Reply RelayService::sync(Call call) {
  soak::Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const JsonObject body(call.request.body);
  const std::optional<std::int64_t> up_to = body.optional_integer("ack", 0, kSequenceMax);
  const std::int64_t limit = body.optional_integer("limit", 1, kLimitMax).value_or(kLimit);
  body.end();
  if (up_to) {
    soak::Task<std::int64_t> writing = write_ack(caller, *up_to);
    co_await std::move(writing);
  }
  syncs_.increment();
  const Inbox inbox = read_inbox(caller, std::nullopt, limit);
  co_return json_reply(200, inbox.json().object());
}

soak::Task<std::int64_t> RelayService::write_ack(const Caller& caller, std::int64_t up_to) {
  soak::Task<std::int64_t> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return mailboxes_.acknowledge(records, caller.handle, up_to);
  });
  const std::int64_t acked = co_await std::move(writing);
  co_return acked;
}

Inbox RelayService::read_inbox(const Caller& caller, std::optional<std::int64_t> after, std::int64_t limit) {
  const Inbox inbox = storage_.read([&](const Records& records) {
    return mailboxes_.inbox(records, caller.handle, after, static_cast<std::size_t>(limit));
  });
  delivered_.increment(static_cast<double>(inbox.count));
  return inbox;
}

}  // namespace mesh
