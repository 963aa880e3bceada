// SPDX-License-Identifier: Apache-2.0
#include "mesh/archive/archive_service.h"

#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mesh/archive/codec.h"
#include "mesh/archive/pages.h"
#include "mesh/json.h"
#include "mesh/problem.h"

namespace mesh {

namespace {

using soak::Task;

constexpr std::size_t kDefaultLimit = 100;
constexpr std::int64_t kAfterMax = 1'000'000;
constexpr std::size_t kSubjectBytesMax = 256;  // Of a query: the Archive checks the rest.

std::size_t limit_of(const JsonObject& body) {
  return static_cast<std::size_t>(body.optional_integer("limit", 1, kLimitMax).value_or(kDefaultLimit));
}

std::size_t limit_of(const soak::net::HttpServerRequest& request) {
  return static_cast<std::size_t>(query_integer(request, "limit", kDefaultLimit, 1, kLimitMax));
}

Review verdict_of(const JsonObject& body) {
  const std::optional<Review> verdict = review_named(body.name("verdict", kIdBytesMax));
  if (!verdict) {
    throw Problem::field("verdict", "approve or reject");
  }
  return *verdict;
}

ItemType type_of(std::string_view name) {
  const std::optional<ItemType> type = item_type_named(name);
  if (!type) {
    throw Problem::field("type", item_type_names());
  }
  return *type;
}

Memory memory_of(std::string_view json, std::string author) {
  const JsonObject body(json);
  Memory memory;
  memory.id = body.id();
  memory.author = std::move(author);
  memory.subject = body.name("subject", kSubjectBytesMax);
  memory.text = body.text("text", kTextBytesMax);
  memory.confidence = body.optional_number("confidence", 0, 1);
  memory.tags = body.names("tags", kEntriesMax, kEntryBytesMax);
  memory.supports = body.names("supports", kEntriesMax, kEntryBytesMax);
  body.end();
  return memory;
}

MemoryQuery memory_query_of(std::string_view json) {
  const JsonObject body(json);
  MemoryQuery query;
  query.subject = body.optional_name("subject", kSubjectBytesMax);
  query.text = body.optional_text("text", kTextBytesMax);
  query.tags = body.names("tags", kEntriesMax, kEntryBytesMax);
  query.after = static_cast<std::size_t>(body.optional_integer("after", 0, kAfterMax).value_or(0));
  query.limit = limit_of(body);
  body.end();
  return query;
}

Workspace workspace_of(std::string_view json, std::string owner) {
  const JsonObject body(json);
  Workspace workspace;
  workspace.id = body.id();
  workspace.title = body.name("title", kTitleBytesMax);
  workspace.owner = std::move(owner);
  workspace.members = body.names("members", kMembersMax, kIdBytesMax);
  body.end();
  for (const std::string& member : workspace.members) {
    if (!is_handle(member)) {
      throw Problem::field("members", fmt::format("handles such as @ada, got \"{}\"", member));
    }
  }
  return workspace;
}

Item item_of(std::string_view json, std::string workspace, std::string author) {
  const JsonObject body(json);
  Item item;
  item.id = body.id();
  item.workspace = std::move(workspace);
  item.type = type_of(body.name("type", kIdBytesMax));
  item.author = std::move(author);
  item.assignee = body.has("assignee") ? body.handle("assignee") : "";
  item.text = body.text("text", kTextBytesMax);
  item.confidence = body.optional_number("confidence", 0, 1);
  item.supports = body.names("supports", kEntriesMax, kEntryBytesMax);
  item.affects = body.names("affects", kEntriesMax, kEntryBytesMax);
  item.tags = body.names("tags", kEntriesMax, kEntryBytesMax);
  body.end();
  return item;
}

Publication publication_of(std::string_view json, std::string author) {
  const JsonObject body(json);
  Publication publication;
  publication.id = body.id();
  publication.author = std::move(author);
  publication.title = body.name("title", kTitleBytesMax);
  publication.text = body.text("text", kTextBytesMax);
  publication.supports = body.names("supports", kEntriesMax, kEntryBytesMax);
  publication.tags = body.names("tags", kEntriesMax, kEntryBytesMax);
  body.end();
  return publication;
}

CommonsQuery commons_query_of(std::string_view json) {
  const JsonObject body(json);
  CommonsQuery query;
  query.text = body.optional_text("text", kTextBytesMax);
  query.tags = body.names("tags", kEntriesMax, kEntryBytesMax);
  if (body.has("state")) {
    query.state = body.name("state", kIdBytesMax);
  }
  query.after = body.optional_name("after", kIdBytesMax);
  query.limit = limit_of(body);
  body.end();
  return query;
}

struct ReviewRequest {
  std::string id;
  Review verdict = Review::kReject;
  std::string text;
};

ReviewRequest review_of(std::string_view json) {
  const JsonObject body(json);
  ReviewRequest review{body.id(), verdict_of(body), body.optional_text("text", kTextBytesMax)};
  body.end();
  return review;
}

template <typename T>
Answer answer_of(const Written<T>& written) {
  return {json_of(written.value), !written.duplicate};
}

JsonText json_of(const MemoryResult& result) {
  JsonText json = json_of(result.memory);
  json.text("state", result.current ? "current" : "stale");
  return json;
}

// A page ends at the limit or at 1 MiB.
constexpr std::size_t kPageBytesMax = std::size_t{1} << 20;

template <typename T>
std::string page_of(std::string_view name, const std::vector<T>& entries, bool has_more, JsonText more = {}) {
  std::vector<std::string> each;
  std::size_t bytes = 0;
  for (const T& entry : entries) {
    each.push_back(json_of(entry).object());
    bytes += each.back().size();
    if (bytes > kPageBytesMax && each.size() < entries.size()) {
      has_more = true;
      break;
    }
  }
  more.raw(name, json_array(each)).boolean("has_more", has_more);
  return more.object();
}

}  // namespace

ArchiveService::ArchiveService(soak::EventLoop& loop, Storage& storage, Authenticator& authenticator, Router& routes)
    : loop_(loop),
      storage_(storage),
      authenticator_(authenticator),
      writes_(soak::metrics::counter("mesh_archive_writes_total", "Writes that were stored")),
      repeated_(soak::metrics::counter("mesh_archive_repeated_total", "Writes that were sent again")),
      queries_(soak::metrics::counter("mesh_archive_queries_total", "Queries of memory and commons")) {
  add(routes, "POST", "/v1/memory/ingest", &ArchiveService::ingest);
  add(routes, "POST", "/v1/memory/query", &ArchiveService::query);
  add(routes, "POST", "/v1/workspaces", &ArchiveService::create);
  add(routes, "GET", "/v1/workspaces", &ArchiveService::workspaces);
  add(routes, "GET", "/v1/workspaces/{}", &ArchiveService::workspace);
  add(routes, "POST", "/v1/workspaces/{}/items", &ArchiveService::add_item);
  add(routes, "GET", "/v1/workspaces/{}/items", &ArchiveService::items);
  add(routes, "GET", "/v1/workspaces/{}/items/{}", &ArchiveService::item);
  add(routes, "POST", "/v1/workspaces/{}/items/{}/state", &ArchiveService::change);
  add(routes, "POST", "/v1/workspaces/{}/items/{}/reviews", &ArchiveService::review);
  add(routes, "POST", "/v1/workspaces/{}/items/{}/promote", &ArchiveService::promote);
  add(routes, "POST", "/v1/commons", &ArchiveService::publish);
  add(routes, "POST", "/v1/commons/{}/reviews", &ArchiveService::review_publication);
  add(routes, "POST", "/v1/commons/query", &ArchiveService::commons);
  add(routes, "GET", "/", &ArchiveService::home_page);
  add(routes, "GET", "/workspaces", &ArchiveService::workspaces_page);
  add(routes, "GET", "/workspaces/{}", &ArchiveService::workspace_page);
  add(routes, "GET", "/commons", &ArchiveService::commons_page);
}

void ArchiveService::add(Router& routes, std::string_view method, std::string_view path,
                         Reply (ArchiveService::*handler)(Call)) {
  routes.add(method, path, [this, handler](Call call) { return (this->*handler)(std::move(call)); });
}

std::int64_t ArchiveService::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(loop_.wall_now().time_since_epoch()).count();
}

// Each write: who asks, what for, and one transaction. The nonce is part of it.

ArchiveService::Reply ArchiveService::ingest(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const Memory memory = memory_of(call.request.body, caller.handle);
  Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    const Written<Memory> written = Archive(records).ingest(memory, now_ms());
    JsonText body;
    body.text("id", written.value.id).text("subject", written.value.subject);
    body.integer("revision", static_cast<std::int64_t>(written.value.revision)).integer("at", written.value.at);
    return Answer{std::move(body), !written.duplicate};
  });
  Answer answer = co_await std::move(writing);
  (answer.created ? writes_ : repeated_).increment();
  co_return reply_of(std::move(answer));
}

ArchiveService::Reply ArchiveService::query(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  co_await std::move(checking);
  const MemoryQuery query = memory_query_of(call.request.body);
  const MemoryResults results =
      storage_.read([&](const Records& records) { return ArchiveView(records).query(query); });
  queries_.increment();
  JsonText more;
  more.integer("revision", static_cast<std::int64_t>(results.revision));
  co_return json_reply(200, page_of("results", results.results, results.has_more, std::move(more)));
}

ArchiveService::Reply ArchiveService::create(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const Workspace workspace = workspace_of(call.request.body, caller.handle);
  Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return answer_of(Archive(records).create(workspace, now_ms()));
  });
  Answer answer = co_await std::move(writing);
  (answer.created ? writes_ : repeated_).increment();
  co_return reply_of(std::move(answer));
}

ArchiveService::Reply ArchiveService::workspaces(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const std::string after = call.request.query_value("after");
  const std::size_t limit = limit_of(call.request);
  const Page<Workspace> page = storage_.read(
      [&](const Records& records) { return ArchiveView(records).workspaces(caller.handle, after, limit); });
  co_return json_reply(200, page_of("workspaces", page.entries, page.has_more));
}

ArchiveService::Reply ArchiveService::workspace(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const Workspace workspace = storage_.read(
      [&](const Records& records) { return ArchiveView(records).workspace(caller.handle, call.captures[0]); });
  co_return json_reply(200, json_of(workspace).object());
}

ArchiveService::Reply ArchiveService::add_item(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const Item item = item_of(call.request.body, call.captures[0], caller.handle);
  Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return answer_of(Archive(records).add(item, now_ms()));
  });
  Answer answer = co_await std::move(writing);
  (answer.created ? writes_ : repeated_).increment();
  co_return reply_of(std::move(answer));
}

ArchiveService::Reply ArchiveService::items(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  ItemQuery query;
  if (const std::string type = call.request.query_value("type"); !type.empty()) {
    query.type = type_of(type);
  }
  query.after = call.request.query_value("after");
  query.limit = limit_of(call.request);
  const Page<Item> page = storage_.read(
      [&](const Records& records) { return ArchiveView(records).items(caller.handle, call.captures[0], query); });
  co_return json_reply(200, page_of("items", page.entries, page.has_more));
}

ArchiveService::Reply ArchiveService::item(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const Item item = storage_.read([&](const Records& records) {
    return ArchiveView(records).item(caller.handle, call.captures[0], call.captures[1]);
  });
  co_return json_reply(200, json_of(item).object());
}

ArchiveService::Reply ArchiveService::change(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const JsonObject body(call.request.body);
  const StateChange change{body.id(), body.name("from", kIdBytesMax), body.name("to", kIdBytesMax),
                           body.optional_text("reason", kTextBytesMax)};
  body.end();
  Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return answer_of(Archive(records).change(caller.handle, call.captures[0], call.captures[1], change, now_ms()));
  });
  Answer answer = co_await std::move(writing);
  (answer.created ? writes_ : repeated_).increment();
  soak::net::HttpResponse response = reply_of(std::move(answer)).response();
  response.status = 200;  // Nothing was created.
  co_return soak::net::HttpReply(std::move(response));
}

ArchiveService::Reply ArchiveService::review(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const ReviewRequest review = review_of(call.request.body);
  Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return answer_of(Archive(records).review(caller.handle, call.captures[0], call.captures[1], review.id,
                                             review.verdict, review.text, now_ms()));
  });
  Answer answer = co_await std::move(writing);
  (answer.created ? writes_ : repeated_).increment();
  co_return reply_of(std::move(answer));
}

ArchiveService::Reply ArchiveService::promote(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const JsonObject body(call.request.body);
  const std::string id = body.id();
  body.end();
  Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    const Written<Promotion> written =
        Archive(records).promote(caller.handle, call.captures[0], call.captures[1], id, now_ms());
    JsonText memory;
    memory.text("id", written.value.memory.id);
    memory.integer("revision", static_cast<std::int64_t>(written.value.memory.revision));
    JsonText promotion;
    promotion.raw("item", json_of(written.value.item).object()).raw("memory", memory.object());
    return Answer{std::move(promotion), !written.duplicate};
  });
  Answer answer = co_await std::move(writing);
  (answer.created ? writes_ : repeated_).increment();
  soak::net::HttpResponse response = reply_of(std::move(answer)).response();
  response.status = 200;
  co_return soak::net::HttpReply(std::move(response));
}

ArchiveService::Reply ArchiveService::publish(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const Publication publication = publication_of(call.request.body, caller.handle);
  Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return answer_of(Archive(records).publish(publication, now_ms()));
  });
  Answer answer = co_await std::move(writing);
  (answer.created ? writes_ : repeated_).increment();
  co_return reply_of(std::move(answer));
}

ArchiveService::Reply ArchiveService::review_publication(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const ReviewRequest review = review_of(call.request.body);
  Task<Answer> writing = storage_.write([&](Records& records) {
    authenticator_.remember(records, caller);
    return answer_of(Archive(records).review_publication(caller.handle, call.captures[0], review.id, review.verdict,
                                                         review.text, now_ms()));
  });
  Answer answer = co_await std::move(writing);
  (answer.created ? writes_ : repeated_).increment();
  co_return reply_of(std::move(answer));
}

ArchiveService::Reply ArchiveService::commons(Call call) {
  Task<Caller> checking = authenticator_.check(call.request);
  const Caller caller = co_await std::move(checking);
  const CommonsQuery query = commons_query_of(call.request.body);
  const Page<Publication> page =
      storage_.read([&](const Records& records) { return ArchiveView(records).commons(caller.handle, query); });
  queries_.increment();
  co_return json_reply(200, page_of("results", page.entries, page.has_more));
}

ArchiveService::Reply ArchiveService::home_page(Call) {
  co_return html_reply(storage_.read([](const Records& records) { return home_html(ArchiveView(records)); }));
}

ArchiveService::Reply ArchiveService::workspaces_page(Call) {
  co_return html_reply(storage_.read([](const Records& records) { return workspaces_html(ArchiveView(records)); }));
}

ArchiveService::Reply ArchiveService::workspace_page(Call call) {
  co_return html_reply(
      storage_.read([&](const Records& records) { return workspace_html(ArchiveView(records), call.captures[0]); }));
}

ArchiveService::Reply ArchiveService::commons_page(Call) {
  co_return html_reply(storage_.read([](const Records& records) { return commons_html(ArchiveView(records)); }));
}

}  // namespace mesh
